#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The monitor on a terminal: echo, completion, history.

Usage: test_hmp_terminal.py EMULATOR
"""

import os
import pty
import select
import sys
import time
import unittest

EMULATOR = sys.argv.pop(1) if len(sys.argv) > 1 else None
TIMEOUT_S = 20


class TerminalTest(unittest.TestCase):
    def setUp(self):
        self.shown = b''
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ['TERM'] = 'xterm'
            os.execv(EMULATOR, [EMULATOR, '-M', 'none', '-display', 'none',
                                '-nodefaults', '-monitor', 'stdio'])
        self.expect(b'(qemu) ')

    def tearDown(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)

    def expect(self, text):
        """Reads until `text` was shown, and forgets all up to it."""
        deadline = time.monotonic() + TIMEOUT_S
        while text not in self.shown:
            left_s = max(deadline - time.monotonic(), 0)
            if not select.select([self.fd], [], [], left_s)[0]:
                self.fail(f'{text} was not shown, but {self.shown}')
            self.shown += os.read(self.fd, 4096)
        self.shown = self.shown.partition(text)[2]

    def type(self, text):
        os.write(self.fd, text)

    def test_echo_completion_history(self):
        self.type(b'info sta')
        self.expect(b'info sta')
        self.type(b'\t')
        self.expect(b'tus ')
        self.type(b'\r')
        self.expect(b'VM status: running')
        self.expect(b'(qemu) ')
        self.type(b'\x1b[A')  # the line before
        self.expect(b'info status')
        self.type(b'\r')
        self.expect(b'VM status: running')
        self.expect(b'(qemu) ')
        self.type(b'migrate_set_parameter multifd-compression zs\t')
        self.expect(b'multifd-compression zstd ')
        self.type(b'\r')
        self.expect(b'(qemu) ')
        self.type(b'info migrate_parameters\r')
        self.expect(b'multifd-compression: zstd')
        self.type(b'quit\r')


if __name__ == '__main__':
    if not EMULATOR:
        sys.exit(__doc__)
    unittest.main()
