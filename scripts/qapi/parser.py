# SPDX-License-Identifier: GPL-2.0-or-later
"""Read schema files: tokens, expressions, doc comments, includes, pragmas."""

import os
import re

from .error import QAPIError, Src, fail

_TOKEN = re.compile(r'''
    (?P<space>[ \t\r\n]+)
  | (?P<punct>[{}\[\]:,])
  | (?P<string>'[^'\n]*')
  | (?P<word>true|false)
  | (?P<comment>\#[^\n]*)
''', re.VERBOSE)

_PRAGMAS = ('command-name-exceptions', 'member-name-exceptions')
_SECTIONS = ('Since', 'Returns', 'Errors', 'Note', 'Notes', 'Example',
             'Examples', 'TODO')


class Doc:
    """One doc comment, taken apart.

    symbol    name it documents, None for free-form text
    body      lines of the introduction
    members   {name: lines}, features likewise
    sections  [(tag, lines)] in order
    """

    def __init__(self, path, line):
        self.path = path
        self.line = line
        self.symbol = None
        self.body = []
        self.members = {}
        self.features = {}
        self.sections = []

    def section(self, tag):
        """Text of the first section called @tag, or None."""
        for name, lines in self.sections:
            if name == tag:
                return '\n'.join(lines).strip()
        return None


class Expr:
    """One top-level expression with the doc comment before it."""

    def __init__(self, value, doc, path, line):
        self.value = value
        self.doc = doc
        self.path = path
        self.line = line


class Module:
    """What one schema file contributes."""

    def __init__(self, path):
        self.path = path
        self.name = os.path.splitext(os.path.basename(path))[0]
        self.items = []       # Expr and free-form Doc, in order
        self.includes = []    # names of modules


def parse_doc(lines, path, line):
    """Doc from the text @lines of a comment whose first line is @line."""
    doc = Doc(path, line)
    target = doc.body
    in_features = False
    for i, text in enumerate(lines):
        here = Src(text, path, line + i)
        match = re.match(r'@([^:\s]+):(?:\s+(.*))?$', text)
        if match and doc.symbol is None and not any(doc.body):
            doc.symbol = Src(match[1], path, line + i)
            target = doc.body
            if match[2]:
                target.append(match[2])
            continue
        if match and doc.symbol is not None:
            table = doc.features if in_features else doc.members
            if match[1] in table:
                fail(here, f"'@{match[1]}' is documented twice")
            target = table[Src(match[1], path, line + i)] = []
            if match[2]:
                target.append(match[2])
            continue
        if doc.symbol is not None and text.strip() == 'Features:':
            in_features = True
            target = []
            continue
        match = re.match(r'(%s):(?:\s+(.*))?$' % '|'.join(_SECTIONS), text)
        if match and doc.symbol is not None:
            target = []
            doc.sections.append((match[1], target))
            if match[2]:
                target.append(match[2])
            continue
        if (target is not doc.body and text and not text[0].isspace()
                and target and target[-1] == ''):
            # Unindented paragraph: belongs to the symbol, not the section
            target = []
            doc.sections.append(('', target))
        target.append(text)
    return doc


class _Reader:
    """Parser state for one file."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.pos = 0
        self.line = 1
        self.tok = None
        self.val = None
        self.tok_line = 1
        self.docs = []

    def error(self, message):
        raise QAPIError(self.path, self.tok_line, message)

    def _read_doc(self):
        """At '##': collect up to the closing '##'."""
        first = self.line
        lines = []
        rest = self.text[self.pos:].split('\n')
        for i, raw in enumerate(rest[1:], 1):
            if raw.strip() == '##':
                self.pos += sum(len(s) + 1 for s in rest[:i]) + len(raw)
                self.line += i
                self.docs.append(parse_doc(lines, self.path, first + 1))
                return
            if not raw.startswith('#'):
                break
            lines.append(raw[2:].rstrip() if raw[:2] == '# '
                         else raw[1:].rstrip())
        raise QAPIError(self.path, first,
                        "doc comment is not closed by a line '##'")

    def advance(self):
        """Step to the next token; doc comments pile up in self.docs."""
        while self.pos < len(self.text):
            match = _TOKEN.match(self.text, self.pos)
            self.tok_line = self.line
            if not match:
                self.error(f'stray {self.text[self.pos]!r}')
            if match.lastgroup == 'comment' and match[0].strip() == '##':
                self._read_doc()
                continue
            self.pos = match.end()
            self.line += match[0].count('\n')
            if match.lastgroup in ('space', 'comment'):
                continue
            if match.lastgroup == 'string':
                self.tok = "'"
                self.val = Src(match[0][1:-1], self.path, self.tok_line)
            elif match.lastgroup == 'word':
                self.tok = 'bool'
                self.val = match[0] == 'true'
            else:
                self.tok = match[0]
            return
        self.tok_line = self.line
        self.tok = None

    def expect(self, tok):
        if self.tok != tok:
            self.error(f"expected '{tok}', found " + self.describe())
        self.advance()

    def describe(self):
        if self.tok is None:
            return 'end of file'
        return f"string '{self.val}'" if self.tok == "'" else f"'{self.tok}'"

    def value(self, depth=0):
        if depth > 16:
            self.error('expression is nested too deeply')
        if self.tok == '{':
            return self._members(depth)
        if self.tok == '[':
            return self._elements(depth)
        if self.tok in ("'", 'bool'):
            val = self.val
            self.advance()
            return val
        return self.error('expected a value, found ' + self.describe())

    def _members(self, depth):
        out = {}
        self.advance()
        while self.tok != '}':
            if self.tok != "'":
                self.error('expected a member name, found '
                           + self.describe())
            key = self.val
            if key in out:
                self.error(f"duplicate key '{key}'")
            self.advance()
            self.expect(':')
            out[key] = self.value(depth + 1)
            if self.tok == ',':
                self.advance()
                if self.tok == '}':
                    self.error("comma before '}'")
            elif self.tok != '}':
                self.error("expected ',' or '}', found " + self.describe())
        self.advance()
        return out

    def _elements(self, depth):
        out = []
        self.advance()
        while self.tok != ']':
            out.append(self.value(depth + 1))
            if self.tok == ',':
                self.advance()
                if self.tok == ']':
                    self.error("comma before ']'")
            elif self.tok != ']':
                self.error("expected ',' or ']', found " + self.describe())
        self.advance()
        return out


class SchemaParser:
    """Reads a schema file and all it includes; modules in include order."""

    def __init__(self, path):
        self.modules = {}      # absolute path -> Module, complete ones
        self.files = []
        self.pragma = {name: set() for name in _PRAGMAS}
        self._active = []
        self._read(path, None)

    def _read(self, path, where):
        key = os.path.abspath(path)
        if key in self._active:
            fail(where, f"'{path}' includes itself")
        if key in self.modules:
            return self.modules[key]
        try:
            with open(path, encoding='utf-8') as stream:
                text = stream.read()
        except (OSError, UnicodeDecodeError) as exc:
            if where is None:
                raise QAPIError(path, 1, f'cannot read schema: {exc}')
            fail(where, f"cannot read included '{path}': {exc}")
        self.files.append(path)
        self._active.append(key)
        module = Module(path)
        self._parse(module, _Reader(path, text))
        self._active.pop()
        self.modules[key] = module
        return module

    def _parse(self, module, reader):
        reader.advance()
        while True:
            doc = self._pending_doc(module, reader)
            if reader.tok is None:
                if doc:
                    fail(doc.symbol, f"documentation of '{doc.symbol}' is "
                         'not followed by its definition')
                return
            line = reader.tok_line
            if reader.tok != '{':
                reader.error("expected '{', found " + reader.describe())
            expr = Expr(reader.value(), doc, module.path, line)
            if not {'include', 'pragma'} & set(expr.value):
                module.items.append(expr)
                continue
            if doc:
                fail(doc.symbol, f"documentation of '{doc.symbol}' is not "
                     'followed by its definition')
            if 'include' in expr.value:
                self._include(module, expr)
            else:
                self._pragma(expr)

    @staticmethod
    def _pending_doc(module, reader):
        """Free-form docs go to the module; the symbol's doc is returned."""
        doc = None
        for item in reader.docs:
            if doc:
                fail(doc.symbol, f"documentation of '{doc.symbol}' is not "
                     'followed by its definition')
            if item.symbol is None:
                module.items.append(item)
            else:
                doc = item
        reader.docs = []
        return doc

    def _include(self, module, expr):
        name = expr.value['include']
        if len(expr.value) != 1 or not isinstance(name, str):
            fail(expr, "'include' takes a file name and nothing else")
        path = os.path.join(os.path.dirname(module.path), name)
        sub = self._read(path, expr)
        if sub.name not in module.includes:
            module.includes.append(sub.name)

    def _pragma(self, expr):
        table = expr.value['pragma']
        if len(expr.value) != 1 or not isinstance(table, dict):
            fail(expr, "'pragma' takes one object")
        for key, val in table.items():
            if key not in _PRAGMAS:
                fail(key, f"unknown pragma '{key}'")
            if not isinstance(val, list):
                fail(key, f"pragma '{key}' takes a list of names")
            self.pragma[key].update(val)
