# SPDX-License-Identifier: GPL-2.0-or-later
"""qapi-introspect.c: what query-qmp-schema returns, one JSON text each.

Type names are an implementation detail, so all but builtin types are
numbered in the order they are met.
"""

import json

from .names import c_string
from .output import source
from .schema import AlternateType, ArrayType, BuiltinType, EnumType


class _Introspector:
    def __init__(self, schema):
        self.infos = []
        self._names = {}
        self._queue = []
        self._int = schema.builtins['int']
        for command in schema.commands.values():
            self._call(command)
        for event in schema.events.values():
            self._call(event)
        while self._queue:
            self._type(self._queue.pop(0))

    def _add(self, name, meta, fields, features=()):
        info = {'name': name, 'meta-type': meta, **fields}
        if features:
            info['features'] = [f.name for f in features]
        self.infos.append(info)

    def _ref(self, type_):
        """Name a type is known by; queues it when it is new."""
        if isinstance(type_, BuiltinType) and type_.json_type == 'int':
            type_ = self._int
        key = type_.name if type_ else ''
        if key not in self._names:
            if isinstance(type_, BuiltinType):
                name = type_.name
            elif isinstance(type_, ArrayType):
                name = '[' + self._ref(type_.element) + ']'
            else:
                name = str(sum(n.isdigit() for n in self._names.values()))
            self._names[key] = name
            self._queue.append(type_)
        return self._names[key]

    def _call(self, call):
        fields = {'arg-type': self._ref(call.arg)}
        if call.meta == 'command':
            fields['ret-type'] = self._ref(call.ret)
            if call.allow_oob:
                fields['allow-oob'] = True
        self._add(call.name, call.meta, fields, call.features)

    def _member(self, member):
        info = {'name': member.name, 'type': self._ref(member.type)}
        if member.optional:
            info['default'] = None
        if member.features:
            info['features'] = [f.name for f in member.features]
        return info

    def _type(self, type_):
        name = self._ref(type_)
        if type_ is None:
            self._add(name, 'object', {'members': []})
        elif isinstance(type_, BuiltinType):
            self._add(name, 'builtin', {'json-type': type_.json_type})
        elif isinstance(type_, ArrayType):
            self._add(name, 'array',
                      {'element-type': self._ref(type_.element)})
        elif isinstance(type_, EnumType):
            members = []
            for value in type_.values:
                member = {'name': value.name}
                if value.features:
                    member['features'] = [f.name for f in value.features]
                members.append(member)
            self._add(name, 'enum',
                      {'members': members,
                       'values': [v.name for v in type_.values]},
                      type_.features)
        elif isinstance(type_, AlternateType):
            self._add(name, 'alternate',
                      {'members': [{'type': self._ref(b.type)}
                                   for b in type_.branches]},
                      type_.features)
        else:
            self._object(name, type_)

    def _object(self, name, obj):
        fields = {'members': [self._member(m) for m in obj.members]}
        if obj.tag:
            fields['tag'] = obj.tag.name
            branches = {b.name: b.type for b in obj.variants}
            fields['variants'] = [
                {'case': v.name, 'type': self._ref(branches.get(v.name))}
                for v in obj.tag.type.values]
        self._add(name, 'object', fields, obj.features)


def schema_infos(schema):
    """List of SchemaInfo as Python values."""
    return _Introspector(schema).infos


def generate(schema):
    """{file name: text}"""
    body = 'const char *const qmp_schema_infos[] = {\n'
    for info in schema_infos(schema):
        text = json.dumps(info, separators=(',', ':'))
        parts = [text[i:i + 60] for i in range(0, len(text), 60)]
        body += '\n'.join('    ' + c_string(part) for part in parts) + ',\n'
    body += '    NULL\n};\n'
    return {'qapi-introspect.c': source(
        'The schema as clients see it.', ['qapi/introspect.h'], body)}
