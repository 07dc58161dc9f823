#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Migrates a running guest between two processes and reports.

The guest rewrites its memory at a known rate and checks every page before
each write. It goes on doing so while it moves over TCP on loopback. Nothing
is left behind: processes, sockets and files go when the demo ends, however
it ends.
"""

import argparse
import hashlib
import os
import shutil
import signal
import sys
import tempfile
import time

sys.dont_write_bytecode = True

from lighter import guest  # noqa: E402
from lighter.emulator import Emulator  # noqa: E402
from lighter.qmp import QMPError  # noqa: E402
from lighter.report import PAGE, Progress, Report, text  # noqa: E402
from lighter.report_svg import svg  # noqa: E402

# Between two looks at the source; rounds shorter than this go unseen.
POLL_S = 0.002
# Below the guest's own memory: its code, and what a PC has there.
LOW_MIB = 4


class Failure(Exception):
    """The demo cannot go on; the text says why and what to do."""


class Interrupted(Exception):
    """A signal asked for the end."""


def at_least(least):
    def number(string):
        value = int(string)
        if value < least:
            raise argparse.ArgumentTypeError(f'must be at least {least}')
        return value
    return number


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

    def add(name, least, default, help_text):
        parser.add_argument(name, type=at_least(least), default=default,
                            metavar='N', help=f'{help_text} [{default}]')

    parser.add_argument('--build-dir', default=os.path.join(root, 'build'),
                        metavar='DIR', help='where it was built [build]')
    add('--ram-mib', 8, 512, 'memory of the guest')
    add('--hot-mib', 1, 32, 'memory that it rewrites all the time')
    add('--cold-mib', 1, 256, 'memory that it fills once')
    add('--rate', 0, 20000, 'pages that it rewrites a second, 0: no limit')
    add('--bandwidth-mib', 1, 200, 'limit of the migration, MiB a second')
    add('--downtime-ms', 1, 100, 'limit of the downtime')
    parser.add_argument('--accel', choices=('kvm', 'tcg'),
                        help='who runs the guest [kvm, or tcg without it]')
    parser.add_argument('--svg', metavar='FILE',
                        help='draw the report into FILE as well')
    opts = parser.parse_args()
    if LOW_MIB + opts.hot_mib + opts.cold_mib > opts.ram_mib:
        parser.error(f'--hot-mib and --cold-mib do not fit: with --ram-mib '
                     f'{opts.ram_mib} they may be '
                     f'{opts.ram_mib - LOW_MIB} together')
    if opts.svg and not os.path.isdir(os.path.dirname(opts.svg) or '.'):
        parser.error(f'--svg {opts.svg}: there is no such folder')
    return opts


def emulator_args(opts, workdir, name, image):
    serial, path = guest.serial_args(workdir, name)
    args = ['-machine', 'q35', '-m', f'{opts.ram_mib}M', '-kernel', image,
            '-run-with', 'exit-with-parent=on']
    for accel in [opts.accel] if opts.accel else ['kvm', 'tcg']:
        args += ['-accel', accel]
    return args + serial, path


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
    """Moves the guest; the last query-migrate and the rounds."""
    source.set_parameters(max_bandwidth=opts.bandwidth_mib << 20,
                          downtime_limit=opts.downtime_ms)
    destination.qmp.command('migrate-incoming', uri='tcp:127.0.0.1:0')
    address = destination.qmp.command('query-migrate')['socket-address'][0]
    progress = Progress()
    uri = f"tcp:{address['host']}:{address['port']}"
    print(f'Migrating to {uri}, at most {opts.bandwidth_mib} MiB/s:',
          flush=True)
    source.qmp.command('migrate', uri=uri)
    try:
        info = source.wait_migration(poll_s=POLL_S, progress=progress)
    finally:
        progress.finish()
    if info['status'] != 'completed':
        raise Failure(f"The migration {info['status']}, and the guest is "
                      'still at the source: '
                      f"{info.get('error-desc', 'no reason given')}")
    return info, progress.rounds.rounds


def check(console, digests):
    """The proof: the guest went on, and found and lost nothing."""
    if b'start' in console.data:
        raise Failure('The guest started anew instead of going on.')
    errors = console.passes()[1]
    if errors:
        raise Failure(f'The guest found {errors} wrong pages.')
    if digests[0] != digests[1]:
        raise Failure('Memory that the guest left alone differs: '
                      f'{digests[0]} became {digests[1]}.')


def measure(source, destination, opts, run):
    """The whole experiment on two emulators that are up; a Report."""
    src_console = guest.Console(run['src_serial'])
    dst_console = guest.Console(run['dst_serial'])
    params = run['params']
    kvm = source.qmp.command('query-kvm')['enabled']
    pace = f'at {opts.rate} pages/s' if opts.rate else 'as fast as it can'
    print(f'A guest of {opts.ram_mib} MiB runs under '
          f"{'KVM' if kvm else 'the interpreter'} and rewrites "
          f'{opts.hot_mib} MiB {pace}.', flush=True)
    src_console.wait(lambda c: c.passes()[0] >= 1)

    report = Report(downtime_limit_ms=opts.downtime_ms,
                    tick_ms=tick_period_ms(src_console))
    started = time.monotonic()
    info, report.rounds = migrate(source, destination, opts)
    report.take(info)
    arrived = destination.wait_migration()
    if arrived['status'] != 'completed':
        raise Failure("The source let go of the guest, but the destination's "
                      f"migration {arrived['status']}: "
                      f"{arrived.get('error-desc', 'no reason given')}")
    report.passes_before = src_console.passes()[0]
    dst_console.wait(lambda c: c.passes()[0] >= report.passes_before + 3)
    report.guest_downtime_ms = 1000 * (dst_console.tick_times[0] -
                                       src_console.tick_times[-1])
    report.rewrite_rate = rewrite_rate(src_console, params, started)
    report.passes_after = dst_console.passes()[0] - report.passes_before
    report.pages_checked = report.passes_after * params['hot_pages']
    report.digest = cold_digest(destination, run['workdir'], params)
    check(dst_console, (cold_digest(source, run['workdir'], params),
                        report.digest))
    return report


def built(opts, *path):
    found = os.path.join(opts.build_dir, *path)
    if not os.path.exists(found):
        raise Failure(f"{found} is not there: run 'make', or name the "
                      'folder of the build with --build-dir')
    return found


def run_demo(opts, workdir):
    binary = built(opts, 'qemu-system-x86_64')
    image = os.path.join(workdir, 'guest.elf')
    params = guest.write_image(
        built(opts, 'tests', 'guest', 'pattern.elf'), image,
        hot_pages=opts.hot_mib * 256, cold_pages=opts.cold_mib * 256,
        pages_per_second=opts.rate, pages_per_tick=max(opts.rate // 1000, 1))
    args, src_serial = emulator_args(opts, workdir, 'source', image)
    dst_args, dst_serial = emulator_args(opts, workdir, 'destination', image)
    run = {'workdir': workdir, 'params': params, 'src_serial': src_serial,
           'dst_serial': dst_serial}
    with Emulator(binary, 'source', workdir, args) as source, \
            Emulator(binary, 'destination', workdir,
                     dst_args + ['-incoming', 'defer']) as destination:
        try:
            report = measure(source, destination, opts, run)
        except BrokenPipeError:
            raise
        except (ConnectionError, TimeoutError) as err:
            said = ''.join(f'\n{emulator.name}: {emulator.log()}'
                           for emulator in (source, destination)
                           if emulator.log())
            raise Failure(f'{err}{said}') from None
    print(text(report), flush=True)
    if opts.svg:
        with open(opts.svg, 'w', encoding='utf-8') as out:
            out.write(svg(report))
        print(f'\nDrawn into {opts.svg}')


def interrupt(signum, _frame):
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise Interrupted(signum)


def main():
    opts = parse_args()
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, interrupt)
    workdir = None
    try:
        workdir = tempfile.mkdtemp(prefix='lighter-demo-')
        run_demo(opts, workdir)
    except Interrupted as err:
        print('\nInterrupted. Both guests were ended; nothing is left '
              'behind.', file=sys.stderr)
        sys.exit(128 + err.args[0])
    except BrokenPipeError:
        # Whoever read the output has gone; say nothing at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (Failure, QMPError, RuntimeError, ValueError, OSError) as err:
        sys.exit(f'demo: {err}')
    finally:
        if workdir:
            shutil.rmtree(workdir, ignore_errors=True)


if __name__ == '__main__':
    main()
