#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs fuzz targets with libFuzzer, from the committed inputs on.

New inputs that reach further are kept in BUILD/corpus/TARGET for the next
run; one that breaks something is put into BUILD/findings, and ends the
target. With --merge, the committed corpus gets those of BUILD/corpus which
reach what it does not, as long as they are small.
"""

import argparse
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SEEDS = os.path.join(HERE, 'corpus')
TARGETS = sorted(os.listdir(SEEDS))
# What one input may take.
LIMITS = ['-timeout=10', '-rss_limit_mb=1024', '-malloc_limit_mb=256',
          '-max_len=16384']
MERGE_MAX_BYTES = 512


def program(build, target):
    return os.path.join(build, 'tests', 'fuzz', f'fuzz-{target}')


def fuzz(build, target, seconds):
    corpus = os.path.join(build, 'corpus', target)
    findings = os.path.join(build, 'findings')
    log = os.path.join(build, f'fuzz-{target}.log')
    os.makedirs(corpus, exist_ok=True)
    os.makedirs(findings, exist_ok=True)
    with open(log, 'wb') as out:
        status = subprocess.run(
            [program(build, target), f'-max_total_time={seconds}',
             f'-artifact_prefix={findings}/{target}-', '-print_final_stats=1',
             '-detect_leaks=1'] + LIMITS +
            [corpus, os.path.join(SEEDS, target)],
            stdout=out, stderr=subprocess.STDOUT, check=False).returncode
    with open(log, encoding='utf-8', errors='replace') as text:
        lines = text.read().splitlines()
    runs = [line.split()[-1] for line in lines
            if line.startswith('stat::number_of_executed_units')]
    if status == 0:
        print(f'{target}: {runs[-1] if runs else "?"} inputs, all fine',
              flush=True)
        return True
    print(f'{target}: failed, status {status}; the end of {log}:', flush=True)
    print('\n'.join('    ' + line for line in lines[-60:]))
    print(f'Again: {program(build, target)} {findings}/{target}-...')
    return False


def merge(build, target):
    """The smallest of BUILD/corpus that add something."""
    corpus = os.path.join(build, 'corpus', target)
    if not os.path.isdir(corpus):
        return True
    small = os.path.join(build, 'small', target)
    shutil.rmtree(small, ignore_errors=True)
    os.makedirs(small)
    for entry in os.scandir(corpus):
        if entry.stat().st_size <= MERGE_MAX_BYTES:
            os.link(entry.path, os.path.join(small, entry.name))
    status = subprocess.run(
        [program(build, target), '-merge=1', *LIMITS,
         os.path.join(SEEDS, target), small],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        check=False).returncode
    shutil.rmtree(small)
    return status == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('--build-dir', required=True,
                        help='of a build with -Dfuzz=true')
    parser.add_argument('--target', choices=TARGETS, action='append',
                        help='just this one; may be repeated')
    parser.add_argument('--seconds', type=int, default=60,
                        help='for all targets together [%(default)s]')
    parser.add_argument('--merge', action='store_true',
                        help='add to the committed corpora instead')
    args = parser.parse_args()
    targets = args.target or TARGETS
    build = os.path.abspath(args.build_dir)

    if args.merge:
        good = [merge(build, target) for target in targets]
    else:
        seconds = max(1, args.seconds // len(targets))
        good = [fuzz(build, target, seconds) for target in targets]
    return 0 if all(good) else 1


if __name__ == '__main__':
    sys.exit(main())
