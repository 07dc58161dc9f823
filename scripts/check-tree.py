#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks the rules of this tree that a compiler does not.

  budgets   lines of files and functions, number of parameters
  layers    who may include what
  state     no mutable file-scope variables where they are banned
            (needs --build-dir: it reads the object files)
  headers   SPDX line first; osdep.h first in .c files
  tests     each file of migration/ has a unit test (listed, not an error)

Prints one line a finding; status 1 if there is any.
"""

import argparse
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

SOURCE_LINES = 800
HEADER_LINES = 300
FUNCTION_LINES = 100
PARAMETERS = 5  # besides errp

# Lowest first: a folder includes headers of its own and lower ranks.
RANKS = {
    'util': 0, 'qemu': 0,
    'qapi': 1,
    'io': 2,
    'chardev': 3, 'system': 3, 'qom': 3,
    'migration': 4,
    'hw': 5, 'target': 5, 'accel': 5,
    'monitor': 6,
}
# Errors are util's work; the header's name is QEMU's.
UTIL_HEADERS = {'qapi/error.h'}
# The top of the program knows everybody.
TOP_FILES = {'system/main.c', 'system/class-table.c', 'system/cmdline.c',
             'system/cmdline-help.c', 'system/cmdline-values.c',
             'system/cmdline.h'}
STATELESS = ('migration', 'hw', 'accel', 'target')
DEVICE_MAY_INCLUDE = {'vmstate.h', 'register.h', 'blocker.h', 'misc.h'}


class Findings:
    def __init__(self):
        self.count = 0

    def add(self, path, line, text):
        self.count += 1
        place = f'{path}:{line}' if line else path
        print(f'{place}: {text}')


def all_files():
    """Paths of the sources: what git knows, or what lies in a tarball."""
    out = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard'],
                         cwd=ROOT, capture_output=True, text=True,
                         check=False)
    if out.returncode == 0:
        return out.stdout.split('\n')
    return [os.path.relpath(os.path.join(base, name), ROOT)
            for folder in list(RANKS) + ['include', 'tests']
            for base, _, names in os.walk(os.path.join(ROOT, folder))
            for name in names]


def source_files():
    return [path for path in all_files()
            if path.endswith(('.c', '.h')) and
            os.path.exists(os.path.join(ROOT, path))]


def read(path):
    with open(os.path.join(ROOT, path), encoding='utf-8') as text:
        return text.read()


def strip_comments(text):
    """Comments and strings become blanks; line numbers stay."""
    def blank(match):
        return re.sub(r'[^\n]', ' ', match.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text,
                  flags=re.S)


def count_parameters(args):
    # Where errors go is not a parameter to think about.
    args = re.sub(r',?\s*Error \*\*errp\s*$', '', args.strip())
    if not args or args == 'void':
        return 0
    depth = 0
    count = 1
    for char in args:
        depth += (char == '(') - (char == ')')
        count += char == ',' and depth == 0
    return count


FUNCTION = re.compile(
    r'^(?!(?:typedef|struct|union|enum|static const|const|extern|#)\b)'
    r'[A-Za-z_][^;{}=\n]*(?:\n[^;{}=\n#]*)*?\n?\{[ ]*$', re.M)


def functions(text):
    """(first line, name, parameters, length in lines) of each function."""
    for match in FUNCTION.finditer(text):
        head = match.group(0)
        name = re.search(r'(\w+)\s*\(', head)
        start = text.count('\n', 0, match.start()) + 1
        end = text.find('\n}', match.end() - 1)
        if not name or end < 0:
            continue
        # The last parenthesis pair of the head holds the parameters.
        close = head.rfind(')')
        depth, at = 0, close
        while at >= 0:
            depth += (head[at] == ')') - (head[at] == '(')
            if depth == 0:
                break
            at -= 1
        last = text.count('\n', 0, end) + 2
        yield start, name.group(1), head[at + 1:close], last - start + 1


def check_budgets(path, text, found):
    lines = text.count('\n')
    limit = HEADER_LINES if path.endswith('.h') else SOURCE_LINES
    if lines > limit:
        found.add(path, 0, f'{lines} lines; the limit is {limit}')
    for start, name, args, length in functions(strip_comments(text)):
        if length > FUNCTION_LINES:
            found.add(path, start, f'{name}() has {length} lines; the limit '
                      f'is {FUNCTION_LINES}')
        count = count_parameters(args)
        if count > PARAMETERS:
            found.add(path, start, f'{name}() has {count} parameters; the '
                      f'limit is {PARAMETERS}')


def rank_of(path):
    parts = path.split('/')
    if parts[0] == 'include':
        parts = parts[1:]
    return RANKS.get(parts[0])


def check_layers(path, text, found):
    own = rank_of(path)
    if own is None or path in TOP_FILES:
        return
    folder = path.split('/')[1 if path.startswith('include/') else 0]
    for number, line in enumerate(text.split('\n'), 1):
        match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if not match or '/' not in match.group(1):
            continue
        target = match.group(1)
        other = rank_of(target)
        if other is None or target in UTIL_HEADERS:
            continue
        if other > own:
            found.add(path, number, f'{folder}/ may not include "{target}"')
        if folder in ('hw', 'target', 'accel') and \
                target.startswith('migration/') and \
                os.path.basename(target) not in DEVICE_MAY_INCLUDE:
            found.add(path, number, 'a device may not include '
                      f'"{target}"')


def check_headers(path, text, found):
    if not text.startswith('/* SPDX-License-Identifier: GPL-2.0-or-later */'):
        found.add(path, 1, 'the first line is not the SPDX line')
    if path.endswith('.c') and not path.startswith('tests/guest/'):
        first = re.search(r'^\s*#\s*include\s+(\S+)', text, re.M)
        if first and first.group(1) != '"qemu/osdep.h"':
            found.add(path, 0, 'does not include "qemu/osdep.h" first')


def check_state(build_dir, found):
    """Mutable data in object files of layers that must have none."""
    for folder in STATELESS:
        for base, _, names in os.walk(os.path.join(build_dir, folder)):
            for name in names:
                if name.endswith('.o'):
                    check_object(os.path.join(base, name), found)


def check_object(path, found):
    out = subprocess.run(['objdump', '-t', path], check=True,
                         capture_output=True, text=True).stdout
    for line in out.split('\n'):
        match = re.match(r'\S+ .{6}(\S) (\S+)\t(\S+) (.*)$', line)
        if not match or match.group(1) != 'O' or int(match.group(3), 16) == 0:
            continue
        section, symbol = match.group(2), match.group(4)
        if section.startswith(('.data', '.bss', '*COM*')) and \
                not section.startswith('.data.rel.ro') and \
                not symbol.startswith(('__asan', '__odr_asan', '.hidden __')):
            found.add(os.path.relpath(path), 0,
                      f"mutable file-scope variable '{symbol}' ({section})")


def list_untested():
    have = set(os.listdir(os.path.join(ROOT, 'tests/unit')))
    folder = os.path.join(ROOT, 'migration')
    missing = [name for name in sorted(os.listdir(folder))
               if name.endswith('.c') and f'test-{name}' not in have] \
        if os.path.isdir(folder) else []
    if missing:
        print('without a unit test of the same name: ' + ' '.join(missing))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build-dir')
    parser.add_argument('--untested', action='store_true',
                        help='also list what has no unit test of its own')
    opts = parser.parse_args()
    found = Findings()
    for path in source_files():
        text = read(path)
        check_headers(path, text, found)
        check_budgets(path, text, found)
        check_layers(path, text, found)
    if opts.build_dir:
        check_state(opts.build_dir, found)
    if opts.untested:
        list_untested()
    sys.exit(1 if found.count else 0)


if __name__ == '__main__':
    main()
