#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Turn a QAPI schema into C code, introspection data and documentation."""

import sys

from qapi.main import main

if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
