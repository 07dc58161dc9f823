#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures single-stream precopy, ours and stock QEMU in turn in one run.

For each content of guest RAM and each transport every emulator migrates the
same memory between two processes of its own, alternating, so that both see
the same machine. Reported are medians and ratios; a ratio above 1 means that
ours is better. Absolute figures mean little on shared machines; what the
machine can do at that moment is shown first: copying random contents to
another process, and reading memory as a look for zero pages does.
"""

import argparse
import mmap
import os
import shutil
import socket
import statistics
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'scripts'))

from lighter import stream  # noqa: E402
from lighter.emulator import Emulator  # noqa: E402

STOCK_PLACES = ('/usr/bin/qemu-system-x86_64',
                '/usr/local/bin/qemu-system-x86_64')
ZERO_PAGE = bytes(stream.PAGE)
RANDOM_POOL = os.urandom(512 * stream.PAGE)


def random_page(page):
    at = (page * 7 % 512) * stream.PAGE
    return RANDOM_POOL[at:at + stream.PAGE]


CONTENTS = {
    'zero': lambda page: ZERO_PAGE,
    'random': random_page,
    'half': lambda page: random_page(page) if page & 1 else ZERO_PAGE,
    'untouched': None,
}


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build-dir', default=os.path.join(ROOT, 'build'))
    parser.add_argument('--stock', help='stock binary [where it is found]')
    parser.add_argument('--ram-mib', type=int, default=2048)
    parser.add_argument('--runs', type=int, default=5)
    parser.add_argument('--contents', default=','.join(CONTENTS),
                        help='of guest RAM, separated by commas')
    parser.add_argument('--transports', default='tcp,unix')
    parser.add_argument('--large-gib', type=int, default=64,
                        help='size of the large untouched guest; 0: skip')
    parser.add_argument('--verbose', '-v', action='store_true')
    return parser.parse_args()


def find_emulators(opts):
    found = {'ours': os.path.join(opts.build_dir, 'qemu-system-x86_64')}
    for path in [opts.stock] if opts.stock else STOCK_PLACES:
        if os.path.exists(path) and \
                not os.path.samefile(path, found['ours']):
            found['stock'] = path
            break
    return found


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


def migrate_once(source, binary, workdir, ram_mib, transport):
    """One migration; returns its measurements."""
    listen = 'tcp:127.0.0.1:0' if transport == 'tcp' else \
        f'unix:{workdir}/migrate.sock'
    with start(binary, 'dst', workdir, ram_mib, '-incoming',
               'defer') as destination:
        destination.qmp.command('migrate-incoming', uri=listen)
        uri = listen
        if transport == 'tcp':
            address = destination.qmp.command(
                'query-migrate')['socket-address'][0]
            uri = f"tcp:{address['host']}:{address['port']}"
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
            'gb_per_s': (ram_mib << 20) / wall_s / 1e9,
            'cpu_s': source.cpu_seconds() + destination.cpu_seconds() - cpu,
            'peak_mib': (source.status_kib('VmHWM') +
                         destination.status_kib('VmHWM')) / 1024,
        }
    source.qmp.command('cont')
    return result


def median(results, key):
    return statistics.median(result[key] for result in results)


def ratio_text(results, key, higher_is_better):
    if 'stock' not in results:
        return '     -'
    ours, stock = (median(results[who], key) for who in ('ours', 'stock'))
    if not higher_is_better:
        ours, stock = stock, ours
    return f'{ours / stock:5.2f}x' if stock else '     -'


def print_row(label, results):
    cells = [f'{label:<20}']
    for key, higher_is_better, width in (('gb_per_s', True, 7),
                                         ('cpu_s', False, 7),
                                         ('peak_mib', False, 8)):
        for who in ('ours', 'stock'):
            text = f'{median(results[who], key):.2f}' if who in results \
                else '-'
            cells.append(f'{text:>{width}}')
        cells.append(ratio_text(results, key, higher_is_better))
    print(' '.join(cells), flush=True)


def bench_content(opts, emulators, content, ram_mib, transports):
    with tempfile.TemporaryDirectory(prefix='lighter-bench-') as workdir:
        sources = {}
        try:
            for who, binary in emulators.items():
                sources[who] = Source(binary, f'src-{who}', workdir, ram_mib,
                                      content).emulator
            for transport in transports:
                results = {who: [] for who in emulators}
                for run in range(opts.runs):
                    for who, binary in emulators.items():
                        result = migrate_once(sources[who], binary, workdir,
                                              ram_mib, transport)
                        results[who].append(result)
                        if opts.verbose:
                            print(f'  run {run} {who}: {result}')
                label = f'{content} {transport}'
                if ram_mib != opts.ram_mib:
                    label = f'{ram_mib >> 10} GiB {label}'
                print_row(label, results)
        finally:
            for source in sources.values():
                source.stop()


def socket_pair(transport):
    if transport == 'unix':
        return socket.socketpair()
    with socket.create_server(('127.0.0.1', 0)) as listener:
        out = socket.create_connection(listener.getsockname())
        return out, listener.accept()[0]


def fresh_memory(size_bytes):
    memory = mmap.mmap(-1, size_bytes, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


def copy_gb_per_s(transport, source):
    """A process that only sends, to one that only receives into memory it
    never used: what a migration of contents cannot be faster than."""
    out, into = socket_pair(transport)
    child = os.fork()
    if child == 0:
        into.close()
        out.sendall(source)
        os._exit(0)
    out.close()
    started = time.monotonic()
    with fresh_memory(len(source)) as memory, memoryview(memory) as view:
        done = 0
        while done < len(source):
            count = into.recv_into(view[done:done + (1 << 20)])
            if not count:
                raise RuntimeError('the sender ended early')
            done += count
        elapsed_s = time.monotonic() - started
    into.close()
    os.waitpid(child, 0)
    return len(source) / elapsed_s / 1e9


def read_gb_per_s(source):
    """One processor looking at all of memory, for what is not there."""
    started = time.monotonic()
    source.find(b'\0')
    return len(source) / (time.monotonic() - started) / 1e9


def bench_bare(opts):
    """Yardsticks: what this machine can do just now without an emulator."""
    source = bytearray(b'\1') * (opts.ram_mib << 20)
    rates = {f'bare copy {transport}': lambda to=transport:
             copy_gb_per_s(to, source)
             for transport in opts.transports.split(',')}
    rates['bare read'] = lambda: read_gb_per_s(source)
    for name, measure in rates.items():
        rate = statistics.median(measure() for _ in range(opts.runs))
        print(f'{name:<20} {rate:>7.2f}', flush=True)


def print_load(when):
    print(f'load {when}: {os.getloadavg()[0]:.1f} on {os.cpu_count()} '
          'processors')


def bench_start(opts, emulators):
    """Process start to QMP greeting, and memory beyond the guest's."""
    print(f"\n{'':<20} {'start ms':>10} {'resident MiB':>13}")
    for who, binary in emulators.items():
        times, resident = [], []
        for _ in range(max(opts.runs, 5)):
            with tempfile.TemporaryDirectory(prefix='lighter-') as workdir, \
                    start(binary, 'start', workdir, 128) as emulator:
                times.append(emulator.start_s * 1000)
                resident.append(emulator.status_kib('VmRSS') / 1024)
        print(f'{who:<20} {statistics.median(times):>10.1f} '
              f'{statistics.median(resident):>13.1f}')


def main():
    opts = parse_args()
    emulators = find_emulators(opts)
    if 'stock' not in emulators:
        print('No stock qemu-system-x86_64 found: measuring ours alone. '
              'On Debian: apt-get install -t bookworm-backports '
              'qemu-system-x86')
    need = 5 * opts.ram_mib << 20
    available = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_AVPHYS_PAGES')
    if available < need:
        sys.exit(f'{opts.ram_mib} MiB of guest RAM want {need >> 20} MiB of '
                 'free memory: use --ram-mib')
    print_load('before')
    print(f"{opts.ram_mib} MiB of guest RAM, medians of {opts.runs} runs; "
          'GB/s of guest RAM, CPU seconds and peak RSS of both sides')
    print(f"{'':<20} {'ours':>7} {'stock':>7} {'GB/s':>6} {'ours':>7} "
          f"{'stock':>7} {'CPU':>6} {'ours':>8} {'stock':>8} {'MiB':>6}")
    bench_bare(opts)
    for content in opts.contents.split(','):
        bench_content(opts, emulators, content, opts.ram_mib,
                      opts.transports.split(','))
    if opts.large_gib:
        bench_content(opts, emulators, 'untouched', opts.large_gib << 10,
                      opts.transports.split(',')[:1])
    bench_start(opts, emulators)
    print_load('after')


if __name__ == '__main__':
    main()
