#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs one QMP command and prints its reply.

    scripts/qmp.py /tmp/src.qmp query-migrate
    scripts/qmp.py /tmp/src.qmp migrate uri=tcp:127.0.0.1:4444
    scripts/qmp.py /tmp/src.qmp migrate-set-parameters max-bandwidth=0

A value that is JSON is taken as such, anything else is a string.
"""

import argparse
import json
import sys

from lighter.qmp import QMPClient, QMPError


def parse_argument(text):
    key, sep, value = text.partition('=')
    if not sep:
        sys.exit(f"'{text}' is not NAME=VALUE")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('socket', help='path given to -qmp unix:PATH')
    parser.add_argument('command')
    parser.add_argument('arguments', nargs='*', metavar='NAME=VALUE')
    opts = parser.parse_args()
    arguments = dict(parse_argument(text) for text in opts.arguments)
    try:
        client = QMPClient(opts.socket, timeout_s=1)
        print(json.dumps(client.command(opts.command, **arguments), indent=2))
    except OSError as err:
        sys.exit(f'qmp.py: {opts.socket}: {err.strerror or err}')
    except QMPError as err:
        sys.exit(f'qmp.py: {err}')


if __name__ == '__main__':
    main()
