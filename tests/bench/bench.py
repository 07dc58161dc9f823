#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures precopy, ours and stock QEMU in turn in one run.

For each content of guest RAM, each transport and each way (the main channel
alone, or multifd channels with a method) every emulator migrates the same
memory between two processes of its own, alternating, and by turns first, so
that both see the same machine. Reported are medians and ratios; a ratio above
1 means that ours is better. Absolute figures mean little on shared machines;
what the machine can do at that moment is shown first: copying contents to
another process, and reading memory as a look for zero pages does.

Contents: zero, random, half (of each, by turns), text (words), untouched.
"""

import argparse
import os
import statistics
import sys
import tempfile

import bare
import growth
from contents import CONTENTS
from fleet import Source, Way, migrate_once, start

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
STOCK_PLACES = ('/usr/bin/qemu-system-x86_64',
                '/usr/local/bin/qemu-system-x86_64')
GROWTH_TOUCHED_MIB = 256


TRANSPORTS = ('tcp', 'unix')
COMPRESSIONS = ('none', 'zlib', 'zstd')
PACKED_CONTENTS = ('text', 'random')
PACKED_WANT = (f'zlib and zstd want --contents {" or ".join(PACKED_CONTENTS)} '
               'and --channels of 1 or more; else --compressions none')
MAX_CHANNELS = 255
MAX_GIB = 1 << 20


def words_of(*known):
    """A type of argument: words of @known, with commas between."""
    def parse(value):
        words = value.split(',') if value else []
        for word in words:
            if word not in known:
                raise argparse.ArgumentTypeError(
                    f'{word!r} is none of {", ".join(known)}')
        return list(dict.fromkeys(words))
    return parse


def number(low, high):
    """A type of argument."""
    def parse(value):
        if not value.isascii() or not value.isdigit() or \
                not low <= int(value) <= high:
            raise argparse.ArgumentTypeError(
                f'{value!r} is no number from {low} to {high}')
        return int(value)
    return parse


def numbers(low, high):
    """A type of argument: numbers with commas between."""
    def parse(value):
        words = value.split(',') if value else []
        return list(dict.fromkeys(number(low, high)(word) for word in words))
    return parse


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build-dir', default=os.path.join(ROOT, 'build'))
    parser.add_argument('--stock', help='stock binary [where it is found]')
    parser.add_argument('--ram-mib', type=number(1, MAX_GIB << 10),
                        default=2048, help='of the guests [2048]')
    parser.add_argument('--runs', type=number(1, 1000), default=5,
                        help='of which to show the median [5]')
    parser.add_argument('--contents', type=words_of(*CONTENTS),
                        default=list(CONTENTS),
                        help=f'of guest RAM [{",".join(CONTENTS)}]; empty: '
                             'skip')
    parser.add_argument('--transports', type=words_of(*TRANSPORTS),
                        default=list(TRANSPORTS),
                        help=f'[{",".join(TRANSPORTS)}]')
    parser.add_argument('--channels', type=numbers(0, MAX_CHANNELS),
                        default=[0, 1, 2, 4],
                        help=f'of multifd, up to {MAX_CHANNELS}; 0: without '
                             'multifd [0,1,2,4]')
    parser.add_argument('--compressions', type=words_of(*COMPRESSIONS),
                        default=list(COMPRESSIONS),
                        help=f'of multifd [{",".join(COMPRESSIONS)}]; packed '
                             f'rows have {" and ".join(PACKED_CONTENTS)} '
                             'contents only')
    parser.add_argument('--large-gib', type=number(0, MAX_GIB), default=64,
                        help='size of the large untouched guest, without '
                             'multifd and with 2 channels; 0: skip [64]')
    parser.add_argument('--growth-gib', type=numbers(1, MAX_GIB), default=[],
                        help='sizes of a guest of which 256 MiB were touched')
    parser.add_argument('--growth-svg', metavar='FILE',
                        help='draw these; implies 1,4,16,256')
    parser.add_argument('--verbose', '-v', action='store_true')
    opts = parser.parse_args()
    if opts.growth_svg and not opts.growth_gib:
        opts.growth_gib = [1, 4, 16, 256]
    check_measures(parser, opts)
    return opts


def check_measures(parser, opts):
    """Ends the program if nothing of what is asked for can be done."""
    for name in ('transports', 'channels', 'compressions'):
        if not getattr(opts, name):
            parser.error(f'--{name} is empty: nothing would be measured')
    if opts.contents and not any(has_ways(opts, content)
                                 for content in opts.contents):
        parser.error(f'nothing would be measured: {PACKED_WANT}')
    if not opts.contents and not opts.growth_gib and \
            not (opts.large_gib and large_ways(opts)):
        parser.error('nothing would be measured: give --contents, '
                     '--growth-gib, or --large-gib with 0 or 2 among '
                     '--channels')


def find_emulators(opts):
    found = {'ours': os.path.join(opts.build_dir, 'qemu-system-x86_64')}
    if not os.path.exists(found['ours']):
        sys.exit(f"{found['ours']} is not there: run make, or give "
                 '--build-dir')
    for path in [opts.stock] if opts.stock else STOCK_PLACES:
        if os.path.exists(path) and \
                not os.path.samefile(path, found['ours']):
            found['stock'] = path
            break
    return found


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
    cells = [f'{label:<24}']
    for key, higher_is_better, width in (('gb_per_s', True, 7),
                                         ('cpu_s', False, 7),
                                         ('peak_mib', False, 8)):
        for who in ('ours', 'stock'):
            text = f'{median(results[who], key):.2f}' if who in results \
                else '-'
            cells.append(f'{text:>{width}}')
        cells.append(ratio_text(results, key, higher_is_better))
    print(' '.join(cells), flush=True)


def ways_for(opts, content):
    """Packing matters where there is something to pack."""
    for transport in opts.transports:
        for channels in opts.channels:
            for compression in opts.compressions:
                if compression == 'none' or \
                        (channels and content in PACKED_CONTENTS):
                    yield Way(transport, channels, compression)


def has_ways(opts, content):
    return any(True for _ in ways_for(opts, content))


def label_of(content, way):
    if not way.channels:
        return f'{content} {way.transport}'
    method = '' if way.compression == 'none' else f' {way.compression}'
    return f'{content} {way.transport} x{way.channels}{method}'


def order_of(emulators, run):
    """Who comes first in a pair finds other memory than who comes second:
    hosts of virtual machines take back what is not used."""
    order = list(emulators.items())
    return reversed(order) if run % 2 else order


def bench_content(opts, emulators, content, ram_mib, ways):
    """Yields each way and its results by emulator."""
    with tempfile.TemporaryDirectory(prefix='lighter-bench-') as workdir:
        sources = {}
        try:
            for who, binary in emulators.items():
                sources[who] = Source(binary, f'src-{who}', workdir, ram_mib,
                                      content).emulator
            for way in ways:
                results = {who: [] for who in emulators}
                for run in range(opts.runs):
                    for who, binary in order_of(emulators, run):
                        result = migrate_once(sources[who], binary, workdir,
                                              ram_mib, way)
                        results[who].append(result)
                        if opts.verbose:
                            print(f'  run {run} {who}: {result}')
                yield way, results
        finally:
            for source in sources.values():
                source.stop()


def available_bytes():
    return os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_AVPHYS_PAGES')


def with_room(emulators, gib):
    """Those which this machine can give an untouched guest of that size:
    stock reads all of it."""
    if 'stock' not in emulators or gib << 30 < available_bytes() // 2 or \
            not bare.reading_takes_memory():
        return emulators
    print(f'{gib} GiB: not with stock, which reads pages never written, and '
          'that takes memory here')
    return {'ours': emulators['ours']}


def large_guests(opts, emulators):
    """Sizes, each with who has room: if not all, one more that all have."""
    fitting = with_room(emulators, opts.large_gib)
    yield opts.large_gib, fitting
    if fitting != emulators:
        half_gib = available_bytes() >> 31
        yield 1 << max(half_gib.bit_length() - 1, 0), emulators


def large_ways(opts):
    return [Way(opts.transports[0], channels, 'none')
            for channels in opts.channels if channels in (0, 2)]


def bench_large(opts, emulators):
    ways = large_ways(opts)
    if not ways:
        return
    for gib, fitting in large_guests(opts, emulators):
        for way, results in bench_content(opts, fitting, 'untouched',
                                          gib << 10, ways):
            print_row(f'{gib} GiB {label_of("untouched", way)}', results)


def bench_growth(opts, emulators):
    """Guests of several sizes that use as much as each other."""
    touched = GROWTH_TOUCHED_MIB << 8  # pages
    CONTENTS['growth'] = lambda page: \
        CONTENTS['random'](page) if page < touched else None
    series = {who: [] for who in emulators}
    way = Way(opts.transports[0], 2, 'none')
    for gib in opts.growth_gib:
        for _, results in bench_content(opts, with_room(emulators, gib),
                                        'growth', gib << 10, [way]):
            print_row(f'{gib} GiB {label_of("growth", way)}', results)
            for who in results:
                series[who].append((gib, median(results[who], 'wall_s')))
    if opts.growth_svg:
        with open(opts.growth_svg, 'w', encoding='utf-8') as out:
            out.write(growth.draw(
                f'Migration of a guest that uses {GROWTH_TOUCHED_MIB} MiB, '
                f'by its size ({label_of("", way).strip()})',
                {who: points for who, points in series.items() if points}))
        print(f'drawn: {opts.growth_svg}')


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
    if available_bytes() < need:
        sys.exit(f'{opts.ram_mib} MiB of guest RAM want {need >> 20} MiB of '
                 'free memory: use --ram-mib')
    print_load('before')
    print(f"{opts.ram_mib} MiB of guest RAM, medians of {opts.runs} runs; "
          'GB/s of guest RAM, CPU seconds and peak RSS of both sides')
    for name, rate in bare.measure(opts.transports, opts.ram_mib, opts.runs):
        print(f'{name:<24} {rate:>7.2f}', flush=True)
    print(f"{'':<24} {'ours':>7} {'stock':>7} {'GB/s':>6} {'ours':>7} "
          f"{'stock':>7} {'CPU':>6} {'ours':>8} {'stock':>8} {'MiB':>6}")
    for content in opts.contents:
        if not has_ways(opts, content):
            print(f'{content:<24} not measured: {PACKED_WANT}')
            continue
        for way, results in bench_content(opts, emulators, content,
                                          opts.ram_mib,
                                          list(ways_for(opts, content))):
            print_row(label_of(content, way), results)
    if opts.large_gib:
        bench_large(opts, emulators)
    if opts.growth_gib:
        bench_growth(opts, emulators)
    bench_start(opts, emulators)
    print_load('after')


if __name__ == '__main__':
    main()
