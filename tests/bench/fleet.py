# SPDX-License-Identifier: GPL-2.0-or-later
"""Emulators with memory of wanted contents, and migrations between them."""

import collections
import os
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', '..', 'scripts'))

from contents import CONTENTS  # noqa: E402
from lighter import stream  # noqa: E402
from lighter.emulator import Emulator  # noqa: E402

# How a migration is done. channels 0: the main one only.
Way = collections.namedtuple('Way', 'transport channels compression')


def fill(emulator, path, ram_bytes, page_of):
    """Loads memory contents through an incoming migration."""
    with socket.socket(socket.AF_UNIX) as out:
        out.connect(path)
        stream.write_ram(out, ram_bytes, page_of)
        out.shutdown(socket.SHUT_WR)
        info = emulator.wait_migration()
    if info['status'] != 'completed':
        raise RuntimeError(f'{emulator.name}: cannot fill memory: {info}')


def start(binary, name, workdir, ram_mib, *args):
    # Unreserved, so that a guest may be larger than the host's memory.
    return Emulator(binary, name, workdir, [
        '-object', f'memory-backend-ram,id=ram,size={ram_mib}M,reserve=off',
        '-machine', 'none,memory-backend=ram', '-m', f'{ram_mib}M', *args])


class Source:
    """An emulator whose memory has the wanted contents."""

    def __init__(self, binary, name, workdir, ram_mib, content):
        page_of = CONTENTS[content]
        if page_of is None:
            self.emulator = start(binary, name, workdir, ram_mib)
            return
        path = os.path.join(workdir, f'{name}.fill')
        self.emulator = start(binary, name, workdir, ram_mib, '-incoming',
                              f'unix:{path}')
        fill(self.emulator, path, ram_mib << 20, page_of)


def set_way(emulator, way):
    emulator.qmp.command('migrate-set-capabilities', capabilities=[
        {'capability': 'multifd', 'state': way.channels > 0}])
    if way.channels:
        emulator.qmp.command('migrate-set-parameters', **{
            'multifd-channels': way.channels,
            'multifd-compression': way.compression})


def listen_uri(destination, workdir, transport):
    listen = 'tcp:127.0.0.1:0' if transport == 'tcp' else \
        f'unix:{workdir}/migrate.sock'
    destination.qmp.command('migrate-incoming', uri=listen)
    if transport != 'tcp':
        return listen
    address = destination.qmp.command('query-migrate')['socket-address'][0]
    return f"tcp:{address['host']}:{address['port']}"


def migrate_once(source, binary, workdir, ram_mib, way):
    """One migration; returns its measurements."""
    with start(binary, 'dst', workdir, ram_mib, '-incoming',
               'defer') as destination:
        set_way(source, way)
        set_way(destination, way)
        uri = listen_uri(destination, workdir, way.transport)
        source.set_parameters(max_bandwidth=0)
        cpu = source.cpu_seconds() + destination.cpu_seconds()
        started = time.monotonic()
        source.qmp.command('migrate', uri=uri)
        info = source.wait_migration(poll_s=0.002)
        wall_s = time.monotonic() - started
        if info['status'] != 'completed':
            raise RuntimeError(f"migration {info['status']}: "
                               f"{info.get('error-desc')}")
        destination.wait_migration()
        result = {
            'wall_s': wall_s,
            'gb_per_s': (ram_mib << 20) / wall_s / 1e9,
            'cpu_s': source.cpu_seconds() + destination.cpu_seconds() - cpu,
            'peak_mib': (source.status_kib('VmHWM') +
                         destination.status_kib('VmHWM')) / 1024,
        }
    source.qmp.command('cont')
    return result
