#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of scripts/lighter: guest images, streams, the QMP client."""

import json
import os
import socket
import struct
import sys
import tempfile
import threading
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'scripts'))

from lighter import guest, stream  # noqa: E402
from lighter.qmp import QMPClient, QMPError  # noqa: E402


class GuestImage(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.image = os.path.join(self.folder.name, 'image')
        self.copy = os.path.join(self.folder.name, 'copy')

    def test_changes_only_parameters(self):
        before = b'xxxx' + guest.MAGIC + struct.pack('<5I', 1, 2, 3, 4, 5)
        with open(self.image, 'wb') as out:
            out.write(before + b'rest')
        values = guest.write_image(self.image, self.copy, hot_pages=77)
        self.assertEqual(values['first_page'], 1)
        with open(self.copy, 'rb') as copy:
            self.assertEqual(copy.read(), b'xxxx' + guest.MAGIC +
                             struct.pack('<5I', 1, 77, 3, 4, 5) + b'rest')

    def test_refuses_an_image_without_parameters(self):
        with open(self.image, 'wb') as out:
            out.write(b'nothing of the kind')
        with self.assertRaises(ValueError):
            guest.write_image(self.image, self.copy)

    def test_knows_the_real_images(self):
        folder = os.environ.get('QTEST_GUESTS')
        if not folder:
            self.skipTest('QTEST_GUESTS names no folder of images')
        for name in ('pattern.elf', 'pattern.bios'):
            values = guest.write_image(os.path.join(folder, name), self.copy)
            self.assertEqual(values['hot_pages'], 4096)


class Stream(unittest.TestCase):
    def test_header(self):
        data = stream.header(1 << 20)
        self.assertEqual(data[:8], b'QEVM\0\0\0\3')
        self.assertIn(b'\4none', data)
        self.assertEqual(data[-5:], b'\x7e\0\0\0\1')

    def test_writes_the_pages_it_is_given(self):
        near, far = socket.socketpair()
        received = bytearray()

        def read():
            while chunk := far.recv(65536):
                received.extend(chunk)

        reader = threading.Thread(target=read)
        reader.start()
        stream.write_ram(near, 4 * 4096,
                         lambda n: bytes([n]) * 4096 if n != 2 else None)
        near.close()
        reader.join()
        far.close()
        self.assertEqual(received.count(b'\1' * 4096), 1)
        self.assertNotIn(b'\2' * 4096, received)
        self.assertEqual(received[-1:], b'\0')


class Client(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, 'qmp')
        self.listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(self.listener.close)
        self.listener.bind(self.path)
        self.listener.listen(1)
        self.requests = []

    def serve(self, *replies):
        def run():
            connection, _ = self.listener.accept()
            with connection, connection.makefile('rw') as lines:
                lines.write('{"QMP": {}}\n')
                lines.flush()
                for reply in ({'return': {}},) + replies:
                    self.requests.append(json.loads(lines.readline()))
                    lines.write('{"event": "STOP"}\n')
                    lines.write(json.dumps(reply) + '\n')
                    lines.flush()

        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)

    def test_command_and_events(self):
        self.serve({'return': 7})
        client = QMPClient(self.path)
        self.addCleanup(client.close)
        self.assertEqual(client.command('do-it', max_bandwidth=1), 7)
        self.assertEqual(self.requests[1], {
            'execute': 'do-it', 'arguments': {'max-bandwidth': 1}})
        self.assertEqual(len(client.events), 2)

    def test_error(self):
        self.serve({'error': {'class': 'GenericError', 'desc': 'no'}})
        client = QMPClient(self.path)
        self.addCleanup(client.close)
        with self.assertRaises(QMPError) as caught:
            client.command('do-it')
        self.assertEqual(caught.exception.error_class, 'GenericError')


if __name__ == '__main__':
    unittest.main()
