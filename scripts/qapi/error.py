# SPDX-License-Identifier: GPL-2.0-or-later
"""Errors that point at a place in the schema."""


class Src(str):
    """A string from a schema file that remembers where it was read."""

    def __new__(cls, text, path='', line=0):
        self = super().__new__(cls, text)
        self.path = path
        self.line = line
        return self


class QAPIError(Exception):
    """Something is wrong with the schema; str() is `file:line: message`."""

    def __init__(self, path, line, message):
        super().__init__(f'{path}:{line}: {message}')
        self.path = path
        self.line = line
        self.message = message


def fail(where, message):
    """Raise a QAPIError at @where, anything with .path and .line."""
    raise QAPIError(where.path, where.line, message)
