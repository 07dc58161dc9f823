#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Migrates a running guest between two processes and reports.

The guest rewrites its memory at a known rate and checks every page before
each write. It goes on doing so while it moves over TCP on loopback.
"""

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
import time

from lighter import guest
from lighter.emulator import Emulator

PAGE = 4096


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser.add_argument('--build-dir', default=os.path.join(root, 'build'))
    parser.add_argument('--ram-mib', type=int, default=512)
    parser.add_argument('--hot-mib', type=int, default=32,
                        help='memory that the guest rewrites all the time')
    parser.add_argument('--cold-mib', type=int, default=256,
                        help='memory that it filled once')
    parser.add_argument('--rate', type=int, default=20000,
                        help='pages that it rewrites a second, 0: no limit')
    parser.add_argument('--bandwidth-mib', type=int, default=200,
                        help='limit of the migration, MiB a second')
    parser.add_argument('--downtime-ms', type=int, default=100,
                        help='limit of the downtime')
    parser.add_argument('--accel', default='', help='kvm or tcg')
    return parser.parse_args()


def emulator_args(opts, workdir, name, image):
    serial, path = guest.serial_args(workdir, name)
    accels = [opts.accel] if opts.accel else ['kvm', 'tcg']
    args = ['-machine', 'q35', '-m', f'{opts.ram_mib}M', '-kernel', image]
    for accel in accels:
        args += ['-accel', accel]
    return args + serial, path


def mib(octets):
    return octets / (1 << 20)


class Progress:
    """A line every 100 ms while the migration runs."""

    def __init__(self):
        self.next_s = 0.0
        self.dirty_rates = []

    def __call__(self, info):
        ram = info.get('ram')
        if not ram or time.monotonic() < self.next_s:
            return
        self.next_s = time.monotonic() + 0.1
        done = 1 - ram['remaining'] / max(ram['total'], 1)
        bar = '#' * int(done * 30)
        if ram['dirty-pages-rate']:
            self.dirty_rates.append(ram['dirty-pages-rate'])
        print(f"  {info['status']:<10} [{bar:<30}] "
              f"round {ram['dirty-sync-count']:>2}  "
              f"sent {mib(ram['transferred']):7.1f} MiB  "
              f"left {mib(ram['remaining']):7.1f} MiB  "
              f"dirtied {ram['dirty-pages-rate']:>6} pages/s", flush=True)


def cold_digest(emulator, workdir, params):
    """SHA-256 of the region that the guest filled once."""
    path = os.path.join(workdir, 'cold')
    first = (params['first_page'] + params['hot_pages']) * PAGE
    emulator.qmp.command('pmemsave', val=first,
                         size=params['cold_pages'] * PAGE, filename=path)
    with open(path, 'rb') as data:
        digest = hashlib.sha256(data.read()).hexdigest()
    os.unlink(path)
    return digest


def guest_downtime_ms(source, destination):
    """Longest silence of the guest's ticks around the switchover."""
    last = source.tick_times[-1]
    return (destination.tick_times[0] - last) * 1000


def tick_period_ms(console):
    times = console.tick_times[-200:]
    return (times[-1] - times[0]) * 1000 / max(len(times) - 1, 1)


def rewrite_rate(console, params, since_s):
    """Pages a second that the guest rewrote, by its ticks."""
    times = [t for t in console.tick_times if t >= since_s]
    if len(times) < 2:
        return 0
    return int((len(times) - 1) * params['pages_per_tick'] /
               (times[-1] - times[0]))


def migrate(source, destination, opts):
    source.set_parameters(max_bandwidth=opts.bandwidth_mib << 20,
                          downtime_limit=opts.downtime_ms)
    destination.qmp.command('migrate-incoming', uri='tcp:127.0.0.1:0')
    address = destination.qmp.command('query-migrate')['socket-address'][0]
    progress = Progress()
    uri = f"tcp:{address['host']}:{address['port']}"
    print(f'Migrating to {uri}:')
    source.qmp.command('migrate', uri=uri)
    info = source.wait_migration(progress=progress)
    if info['status'] != 'completed':
        sys.exit(f"The migration {info['status']}: "
                 f"{info.get('error-desc', 'no reason given')}")
    return info, progress


def report(info, progress, facts):
    ram = info['ram']
    rate = max(progress.dirty_rates, default=0)
    print(f'''
Migrated in {info['total-time']} ms
  downtime, as the source measured it  {info['downtime']} ms
  downtime, as the guest saw it        {facts['guest_downtime_ms']:.1f} ms \
(its ticks come every {facts['tick_ms']:.1f} ms)
  rounds                               {ram['dirty-sync-count']}
  sent                                 {mib(ram['transferred']):.1f} MiB \
for {mib(ram['total']):.1f} MiB of RAM
  pages with data                      {ram['normal']}
  zero pages                           {ram['duplicate']}
  dirty rate                           the guest rewrote \
{facts['rewrite_rate']} pages/s; different pages, by the
                                       source's log: {rate} pages/s \
({mib(rate * PAGE):.0f} MiB/s)
  throughput                           {info['ram']['mbps']:.0f} Mbit/s
The guest went on
  passes over its hot memory           {facts['passes_before']} before, \
{facts['passes_after']} after
  pages it checked since               {facts['pages_checked']}, \
wrong ones: {facts['errors']}
  its cold memory, SHA-256             {facts['digest'][:16]} on both sides''')


def check(facts):
    if facts['restarted']:
        sys.exit('The guest started anew instead of going on.')
    if facts['errors']:
        sys.exit(f"The guest found {facts['errors']} wrong pages.")
    if facts['digest'] != facts['source_digest']:
        sys.exit('Memory that the guest never touched differs: '
                 f"{facts['source_digest']} became {facts['digest']}.")


def run(opts, workdir):
    binary = os.path.join(opts.build_dir, 'qemu-system-x86_64')
    image = os.path.join(workdir, 'guest.elf')
    params = guest.write_image(
        os.path.join(opts.build_dir, 'tests/guest/pattern.elf'), image,
        hot_pages=opts.hot_mib * 256, cold_pages=opts.cold_mib * 256,
        pages_per_second=opts.rate, pages_per_tick=max(opts.rate // 1000, 1))

    args, src_path = emulator_args(opts, workdir, 'source', image)
    dst_args, dst_path = emulator_args(opts, workdir, 'destination', image)
    with Emulator(binary, 'source', workdir, args) as source, \
            Emulator(binary, 'destination', workdir,
                     dst_args + ['-incoming', 'defer']) as destination:
        src_console = guest.Console(src_path)
        dst_console = guest.Console(dst_path)
        kvm = source.qmp.command('query-kvm')['enabled']
        print(f"A guest of {opts.ram_mib} MiB runs under "
              f"{'KVM' if kvm else 'the interpreter'} and rewrites "
              f'{opts.hot_mib} MiB at up to {opts.rate} pages/s.')
        src_console.wait(lambda c: c.passes()[0] >= 1)
        tick_ms = tick_period_ms(src_console)
        started = time.monotonic()
        info, progress = migrate(source, destination, opts)
        destination.wait_migration()
        before = src_console.passes()[0]
        dst_console.wait(lambda c: c.passes()[0] >= before + 3)
        after, errors = dst_console.passes()
        facts = {
            'passes_before': before,
            'passes_after': after - before,
            'errors': errors,
            'restarted': b'start' in dst_console.data,
            'pages_checked': (after - before) * params['hot_pages'],
            'tick_ms': tick_ms,
            'rewrite_rate': rewrite_rate(src_console, params, started),
            'guest_downtime_ms': guest_downtime_ms(src_console, dst_console),
            'source_digest': cold_digest(source, workdir, params),
            'digest': cold_digest(destination, workdir, params),
        }
        check(facts)
        report(info, progress, facts)


def main():
    opts = parse_args()
    workdir = tempfile.mkdtemp(prefix='lighter-demo-')
    try:
        run(opts, workdir)
    except (RuntimeError, TimeoutError, ConnectionError) as err:
        sys.exit(str(err))
    finally:
        shutil.rmtree(workdir)


if __name__ == '__main__':
    main()
