# SPDX-License-Identifier: GPL-2.0-or-later
"""QAPI schema compiler: parser, checks, and one module per output.

parser.py   text -> expressions with their doc comments
schema.py   expressions -> checked, resolved entities
names.py    how schema names become C names
types.py, visit.py, commands.py, events.py, introspect.py, docs.py
            entities -> one kind of output each
main.py     command line
"""
