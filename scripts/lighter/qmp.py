# SPDX-License-Identifier: GPL-2.0-or-later
"""A blocking QMP client over a unix socket."""

import json
import socket
import time

CLOSED = 'the emulator closed its QMP connection'


class QMPError(Exception):
    """The emulator answered with an error."""

    def __init__(self, command, error):
        super().__init__(f"{command}: {error.get('desc')}")
        self.error_class = error.get('class')
        self.desc = error.get('desc')


class QMPClient:
    """One connection; events that arrive meanwhile are kept in `events`."""

    def __init__(self, path, timeout_s=10.0):
        deadline = time.monotonic() + timeout_s
        self._socket = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self._socket.connect(path)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.002)
        self._socket.settimeout(60.0)
        self._lines = self._socket.makefile('r', encoding='utf-8')
        self.events = []
        self.greeting = self._read()['QMP']
        self.command('qmp_capabilities')

    def _read(self):
        try:
            line = self._lines.readline()
        except ConnectionError:
            line = ''
        if not line:
            raise ConnectionError(CLOSED)
        return json.loads(line)

    def command(self, name, **arguments):
        """Runs a command; underscores in argument names become dashes."""
        request = {'execute': name}
        if arguments:
            request['arguments'] = {key.replace('_', '-'): value
                                    for key, value in arguments.items()}
        try:
            self._socket.sendall(json.dumps(request).encode() + b'\n')
        except ConnectionError:
            raise ConnectionError(CLOSED) from None
        while True:
            reply = self._read()
            if 'event' in reply:
                self.events.append(reply)
            elif 'error' in reply:
                raise QMPError(name, reply['error'])
            else:
                return reply['return']

    def close(self):
        self._lines.close()
        self._socket.close()
