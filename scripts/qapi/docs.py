# SPDX-License-Identifier: GPL-2.0-or-later
"""qemu-qmp-ref.rst: the reference of commands, events and types."""

import re

from .error import fail
from .parser import Doc
from .schema import AlternateType, ArrayType, Command, EnumType, Event

_INTRO = '''..
   Made by scripts/qapi-gen.py from qapi/*.json; changes belong there.

QMP reference
=============

What a management application can ask of the emulator, and what it is told.
Commands and events are listed by topic, each topic followed by the types it
uses. In the lists of members, a type in brackets is an array of it.

.. contents::
   :depth: 2
   :local:

'''


def _label(entity):
    """Link target; commands and events may differ only by case."""
    kind = entity.meta if isinstance(entity, (Command, Event)) else 'type'
    return f'{kind}-{entity.name}'


def _link(entity):
    return f'`{entity.name} <{_label(entity)}_>`__'


def _type_text(type_):
    if isinstance(type_, ArrayType):
        return '[' + _type_text(type_.element) + ']'
    return f'``{type_.name}``' if type_.module is None else _link(type_)


def _markup(schema, doc, lines):
    """Doc text in reStructuredText: @member and `name`_ resolved."""
    def link(match):
        for table in (schema.commands, schema.events, schema.types):
            if match[1] in table:
                return _link(table[match[1]])
        return fail(doc, f"documentation refers to '{match[1]}', "
                    'which does not exist')

    text = '\n'.join(lines)
    text = re.sub(r'(?<![\w`])@([A-Za-z][\w-]*)', r'``\1``', text)
    return re.sub(r'`([\w-]+)`_(?!_)', link, text).split('\n')


def _indent(lines, width=3):
    return [(' ' * width + line).rstrip() for line in lines]


def _strip(lines):
    """Lines without blank ones at either end, dedented as a block."""
    out = list(lines)
    while out and not out[0].strip():
        out.pop(0)
    while out and not out[-1].strip():
        out.pop()
    head = []
    if out and not out[0][0].isspace():
        head = [out.pop(0).strip()]     # what stood behind the tag
    width = min((len(line) - len(line.lstrip()) for line in out
                 if line.strip()), default=0)
    return head + [line[width:] for line in out]


def _item(head, lines):
    return [head] + _indent(_strip(lines)) + ['']


def _member_head(member):
    head = f'``{member.name}``: {_type_text(member.type)}'
    notes = ['optional'] if member.optional else []
    notes += [f.name for f in member.features]
    return head + (f' ({", ".join(notes)})' if notes else '')


def _branches(union):
    out = []
    for branch in union.variants:
        out += [f'When ``{union.tag.name}`` is ``{branch.name}``: the members '
                f'of {_type_text(branch.type)}', '']
    return out


def _contents(entity, doc):
    """What the entity consists of."""
    out = []
    if isinstance(entity, EnumType):
        for value in entity.values:
            notes = [f.name for f in value.features]
            head = f'``{value.name}``'
            head += f' ({", ".join(notes)})' if notes else ''
            out += _item(head, doc.members[value.name])
        return 'Values', out
    if isinstance(entity, AlternateType):
        for branch in entity.branches:
            out += _item(_type_text(branch.type), doc.members[branch.name])
        return 'One of', out
    if isinstance(entity, (Command, Event)):
        title = 'Arguments' if isinstance(entity, Command) else 'Data'
        if not entity.arg:
            return title, []
        if not entity.arg.implicit:
            return title, [f'The members of {_type_text(entity.arg)}', '']
        members = entity.arg.local
    else:
        title, members = 'Members', entity.local
        if entity.base:
            out += [f'The members of {_type_text(entity.base)}', '']
    for member in members:
        out += _item(_member_head(member), doc.members[member.name])
    if getattr(entity, 'variants', None):
        out += _branches(entity)
    return title, out


def _marked(schema, doc):
    """Copy of @doc with its text in reStructuredText."""
    out = Doc(doc.path, doc.line)
    out.symbol = doc.symbol
    out.body = _markup(schema, doc, doc.body)
    for name in ('members', 'features'):
        table = getattr(doc, name)
        setattr(out, name, {key: _markup(schema, doc, lines)
                            for key, lines in table.items()})
    for tag, lines in doc.sections:
        if tag not in ('Example', 'Examples'):
            lines = _markup(schema, doc, lines)
        out.sections.append((tag, lines))
    return out


def _entity(schema, entity):
    doc = _marked(schema, entity.doc)
    title = f'{entity.name}'
    kind = {'object': 'Object'}.get(entity.meta, entity.meta.capitalize())
    out = [f'.. _{_label(entity)}:', '', title, '~' * len(title), '',
           f'*{kind}.*', '']
    out += _strip(doc.body) + ['']
    head, contents = _contents(entity, doc)
    if contents:
        out += [f'{head}:', ''] + contents
    if doc.features:
        out += ['Features:', '']
        for name, lines in doc.features.items():
            out += _item(f'``{name}``', lines)
    if getattr(entity, 'ret', None):
        text = _strip(dict(doc.sections).get('Returns', []))
        out += _item(f'Returns {_type_text(entity.ret)}', text or ['.'])
    if getattr(entity, 'allow_oob', False):
        out += ['May be sent out of band (``exec-oob``).', '']
    if getattr(entity, 'allow_preconfig', False):
        out += ['May be sent before the machine exists.', '']
    for tag, lines in doc.sections:
        if tag in ('Returns', 'Since'):
            continue
        if tag in ('Example', 'Examples'):
            out += [f'{tag}::', ''] + _indent(_strip(lines)) + ['']
        elif tag:
            out += _item(f'{tag}:', lines)
        else:
            out += _strip(lines) + ['']
    out += [f'Since: {doc.section("Since")}', '']
    return out


def _free_form(doc):
    out = []
    for line in doc.body:
        if line.startswith('= '):
            out += [line[2:], '-' * len(line[2:])]
        else:
            out.append(line)
    return out + ['']


def generate(schema):
    """{file name: text}"""
    out = []
    for module in schema.modules:
        items = schema.items[module]
        out += [line for item in items if not hasattr(item, 'meta')
                for line in _free_form(item)]
        entities = [item for item in items if hasattr(item, 'meta')]
        entities.sort(key=lambda e: {'command': 0, 'event': 1}.get(e.meta, 2))
        for entity in entities:
            out += _entity(schema, entity)
    return {'qemu-qmp-ref.rst': _INTRO + '\n'.join(out).rstrip() + '\n'}
