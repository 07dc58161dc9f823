# SPDX-License-Identifier: GPL-2.0-or-later
"""The pattern guest (tests/guest/pattern.h): its parameters, its output."""

import os
import re
import socket
import struct
import threading
import time

MAGIC = b'LGHTPARM'
FIELDS = ('first_page', 'hot_pages', 'cold_pages', 'pages_per_second',
          'pages_per_tick')
PASS = re.compile(rb'pass (\d+) errors (\d+)')


def write_image(source, target, **params):
    """Copies the guest's image with some of its parameters changed."""
    with open(source, 'rb') as image:
        data = bytearray(image.read())
    at = data.index(MAGIC) + len(MAGIC)
    values = dict(zip(FIELDS, struct.unpack_from('<5I', data, at)))
    values.update(params)
    struct.pack_into('<5I', data, at, *(values[name] for name in FIELDS))
    with open(target, 'wb') as image:
        image.write(data)
    return values


class Console:
    """Reads a guest's serial port from a unix socket, with arrival times."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        deadline = time.monotonic() + 10
        while True:
            try:
                self._socket.connect(path)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.002)
        self.data = b''
        self.tick_times = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while True:
            try:
                chunk = self._socket.recv(4096)
            except OSError:
                return
            if not chunk:
                return
            now = time.monotonic()
            self.tick_times += [now] * chunk.count(b'.')
            self.data += chunk

    def passes(self):
        """(number of the last pass, errors that the guest found so far)."""
        found = PASS.findall(self.data)
        return (int(found[-1][0]), int(found[-1][1])) if found else (0, 0)

    def wait(self, condition, timeout_s=60.0):
        deadline = time.monotonic() + timeout_s
        while not condition(self):
            if time.monotonic() > deadline:
                tail = self.data[-200:].decode(errors='replace')
                raise TimeoutError(f'the guest is silent; it said: {tail}')
            time.sleep(0.005)

    def close(self):
        self._socket.close()


def serial_args(workdir, name):
    """Command line that gives a guest's COM1 to a Console, and its path."""
    path = os.path.join(workdir, f'{name}.serial')
    return (['-chardev', f'socket,id=com1,path={path},server=on,wait=off',
             '-serial', 'chardev:com1'], path)
