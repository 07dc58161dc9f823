# SPDX-License-Identifier: GPL-2.0-or-later
"""Command line of qapi-gen.py."""

import argparse
import sys

from . import commands, docs, events, introspect, types, visit
from .error import QAPIError
from .output import write
from .schema import Schema

_OUTPUTS = {'types': types, 'visit': visit, 'commands': commands,
            'events': events, 'introspect': introspect, 'docs': docs}


def generate(schema, only=None):
    """All output files as {name: text}; @only limits to some outputs."""
    files = {}
    for name, module in _OUTPUTS.items():
        if only is None or name in only:
            files.update(module.generate(schema))
    return files


def _parse_args(argv):
    parser = argparse.ArgumentParser(
        prog='qapi-gen.py',
        description='Generate C code, introspection data and documentation '
                    'from a QAPI schema.')
    parser.add_argument('schema', help='main schema file')
    parser.add_argument('-o', '--output-dir', default='.', metavar='DIR',
                        help='where to write (default: here)')
    parser.add_argument('--only', action='append', choices=list(_OUTPUTS),
                        help='write just this output (may be repeated)')
    parser.add_argument('--list-outputs', action='store_true',
                        help='print the names of the files it would write')
    parser.add_argument('--check', action='store_true',
                        help='only check the schema')
    return parser.parse_args(argv)


def main(argv):
    """Run; returns the exit status."""
    args = _parse_args(argv)
    try:
        schema = Schema(args.schema)
        files = generate(schema, args.only)
    except QAPIError as exc:
        print(exc, file=sys.stderr)
        return 1
    if args.check:
        return 0
    if args.list_outputs:
        print('\n'.join(sorted(files)))
        return 0
    write(args.output_dir, files)
    return 0
