# SPDX-License-Identifier: GPL-2.0-or-later
"""Check expressions and resolve them into entities.

Every entity has .name, .module, .doc, .features and .path/.line for errors.
Implicit types (a command's inline data) look like ordinary structs with
.implicit set.
"""

import re

from .error import Src, fail
from .names import camel, c_name, enum_const
from .parser import Doc, SchemaParser

_MEMBER_NAME = re.compile(r'(__[a-z0-9.-]+_)?[a-z0-9][a-z0-9-]*$')
_TYPE_NAME = re.compile(r'[A-Z][A-Za-z0-9]*$')
_EVENT_NAME = re.compile(r'[A-Z][A-Z0-9_]*$')
_LOOSE_NAME = re.compile(r'[A-Za-z0-9_][A-Za-z0-9_-]*$')

_KEYS = {
    'enum': ({'data'}, {'prefix'}),
    'struct': ({'data'}, {'base'}),
    'union': ({'base', 'discriminator', 'data'}, set()),
    'alternate': ({'data'}, set()),
    'command': (set(), {'data', 'returns', 'allow-oob', 'allow-preconfig',
                        'gen'}),
    'event': (set(), {'data'}),
}


class Feature:
    def __init__(self, name):
        self.name = name


class Member:
    """One member of a struct, one branch of a union or alternate."""

    def __init__(self, name, type_, optional=False, features=(), where=None):
        self.name = name
        self.type = type_
        self.optional = optional
        self.features = list(features)
        self.where = where

    @property
    def c_name(self):
        return c_name(self.name)

    @property
    def has(self):
        """Whether C needs has_NAME: the value itself cannot say absent."""
        return self.optional and self.type.scalar


class EnumValue:
    def __init__(self, name, features=()):
        self.name = name
        self.features = list(features)


class Entity:
    meta = None

    def __init__(self, name, module=None, where=None, doc=None):
        self.name = name
        self.module = module
        self.path = getattr(where, 'path', '')
        self.line = getattr(where, 'line', 0)
        self.doc = doc
        self.features = []


class Type(Entity):
    scalar = False
    implicit = False

    @property
    def c_type(self):
        """C type of a variable or member holding one value."""
        return c_name(self.name) + ' *'


class BuiltinType(Type):
    meta = 'builtin'

    def __init__(self, name, c_type, json_type, qtype):
        super().__init__(name)
        self._c_type = c_type
        self.json_type = json_type
        self.qtype = qtype
        self.scalar = name not in ('str', 'any', 'null')

    @property
    def c_type(self):
        return self._c_type


class EnumType(Type):
    meta = 'enum'
    scalar = True
    qtype = 'QTYPE_QSTRING'

    def __init__(self, name, values, prefix=None, **kw):
        super().__init__(name, **kw)
        self.values = values
        self.prefix = prefix

    @property
    def c_type(self):
        return self.name

    def const(self, value):
        return enum_const(self.name, value, self.prefix)


class ArrayType(Type):
    meta = 'array'
    qtype = 'QTYPE_QLIST'

    def __init__(self, element):
        super().__init__(element.name + 'List', element.module)
        self.element = element


class ObjectType(Type):
    meta = 'object'
    qtype = 'QTYPE_QDICT'

    def __init__(self, name, **kw):
        super().__init__(name, **kw)
        self.base = None
        self.local = []        # own members
        self.tag = None        # Member, unions only
        self.variants = []     # Members whose type is the branch's struct

    @property
    def members(self):
        """All members: base's first, without variants'."""
        return (self.base.members if self.base else []) + self.local


class AlternateType(Type):
    meta = 'alternate'

    def __init__(self, name, **kw):
        super().__init__(name, **kw)
        self.branches = []


class Command(Entity):
    meta = 'command'

    def __init__(self, name, **kw):
        super().__init__(name, **kw)
        self.arg = None
        self.ret = None
        self.allow_oob = False
        self.allow_preconfig = False
        self.gen = True


class Event(Entity):
    meta = 'event'

    def __init__(self, name, **kw):
        super().__init__(name, **kw)
        self.arg = None


def _builtins():
    table = [('str', 'char *', 'string', 'QTYPE_QSTRING'),
             ('number', 'double', 'number', 'QTYPE_QNUM'),
             ('bool', 'bool', 'boolean', 'QTYPE_QBOOL'),
             ('any', 'struct json_object *', 'value', None),
             ('null', 'struct json_object *', 'null', 'QTYPE_QNULL'),
             ('int', 'int64_t', 'int', 'QTYPE_QNUM'),
             ('size', 'uint64_t', 'int', 'QTYPE_QNUM')]
    for bits in (8, 16, 32, 64):
        table.append((f'int{bits}', f'int{bits}_t', 'int', 'QTYPE_QNUM'))
        table.append((f'uint{bits}', f'uint{bits}_t', 'int', 'QTYPE_QNUM'))
    return {row[0]: BuiltinType(*row) for row in table}


class Schema:
    """A checked schema.

    modules    names in include order; .includes maps name -> names
    items      {module: [Entity or free-form Doc]} in source order
    types, commands, events: {name: Entity}; arrays: {element name: ArrayType}
    """

    def __init__(self, path):
        parser = SchemaParser(path)
        self.files = parser.files
        self.pragma = parser.pragma
        self.builtins = _builtins()
        self.types = dict(self.builtins)
        self.commands = {}
        self.events = {}
        self.arrays = {}
        self.modules = []
        self.includes = {}
        self.items = {}
        self._exprs = []
        self._c_names = {}
        for module in parser.modules.values():
            self._declare_module(module)
        for entity, expr in self._exprs:
            self._resolve(entity, expr)
        for entity, _ in self._exprs:
            self._check_object(entity)
        for entity, expr in self._exprs:
            _check_doc(entity, expr)

    # First pass: names

    def _declare_module(self, module):
        if module.name in self.items:
            fail(Src('', module.path, 1), 'two schema files are called '
                 f"'{module.name}'")
        self.modules.append(module.name)
        self.includes[module.name] = module.includes
        items = self.items[module.name] = []
        for item in module.items:
            if isinstance(item, Doc):
                items.append(item)
            else:
                entity = self._declare(module.name, item)
                items.append(entity)
                self._exprs.append((entity, item))

    def _declare(self, module, expr):
        keys = expr.value
        metas = [key for key in keys if key in _KEYS]
        if len(metas) != 1:
            fail(expr, 'expression needs exactly one of '
                 + ', '.join(f"'{key}'" for key in _KEYS))
        meta, name = metas[0], keys[metas[0]]
        if not isinstance(name, str):
            fail(expr, f"'{meta}' needs a name")
        needed, allowed = _KEYS[meta]
        for key in keys:
            if key not in needed | allowed | {meta, 'features'}:
                fail(key, f"{meta} '{name}' has unknown key '{key}'")
        for key in sorted(needed):
            if key not in keys:
                fail(expr, f"{meta} '{name}' misses key '{key}'")
        self._check_name(meta, name)
        table = {'command': self.commands,
                 'event': self.events}.get(meta, self.types)
        if name in table:
            old = table[name]
            at = f' at {old.path}:{old.line}' if old.path else ''
            fail(name, f"'{name}' is already defined{at}")
        cls = {'enum': lambda **kw: EnumType(name, [], keys.get('prefix'),
                                             **kw),
               'struct': lambda **kw: ObjectType(name, **kw),
               'union': lambda **kw: ObjectType(name, **kw),
               'alternate': lambda **kw: AlternateType(name, **kw),
               'command': lambda **kw: Command(name, **kw),
               'event': lambda **kw: Event(name, **kw)}[meta]
        entity = cls(module=module, where=name, doc=expr.doc)
        table[name] = entity
        entity.features = _features(keys.get('features', []), expr)
        return entity

    def _check_name(self, meta, name):
        if meta == 'command':
            good = (_MEMBER_NAME.match(name)
                    or name in self.pragma['command-name-exceptions'])
            style = 'lower-case words with hyphens'
            taken = c_name(name, protect=False)
            if taken in self._c_names:
                fail(name, f"command '{name}' has the C name of command "
                     f"'{self._c_names[taken]}'")
            self._c_names[taken] = name
        elif meta == 'event':
            good, style = _EVENT_NAME.match(name), 'UPPER_CASE'
        else:
            good, style = _TYPE_NAME.match(name), 'CamelCase'
            if name.endswith('List'):
                fail(name, f"type name '{name}' must not end in 'List'")
        if not good:
            fail(name, f"name of {meta} '{name}' should be {style}")

    # Second pass: contents

    def _resolve(self, entity, expr):
        if isinstance(entity, EnumType):
            self._resolve_enum(entity, expr)
        elif isinstance(entity, AlternateType):
            self._resolve_alternate(entity, expr)
        elif isinstance(entity, ObjectType):
            self._resolve_object(entity, expr)
        else:
            self._resolve_call(entity, expr)

    def _resolve_enum(self, enum, expr):
        data = expr.value['data']
        if not isinstance(data, list):
            fail(expr, f"enum '{enum.name}' needs a list of values")
        seen = {}
        for item in data:
            if isinstance(item, dict):
                if 'name' not in item or set(item) - {'name', 'features'}:
                    fail(expr, f"value of enum '{enum.name}' takes 'name' "
                         "and 'features'")
                name, feats = item['name'], item.get('features', [])
            else:
                name, feats = item, []
            if not isinstance(name, str) or not _LOOSE_NAME.match(name):
                fail(expr, f"enum '{enum.name}' has a bad value {name!r}")
            const = enum.const(name)
            if const in seen:
                fail(name, f"enum '{enum.name}': value '{name}' collides "
                     f"with '{seen[const]}'")
            seen[const] = name
            enum.values.append(EnumValue(name, _features(feats, expr)))

    def _type(self, spec, where, what):
        """Type named by @spec: 'T' or ['T']."""
        if isinstance(spec, list):
            if len(spec) != 1 or not isinstance(spec[0], str):
                fail(where, f"{what}: an array is written ['Type']")
            element = self._type(spec[0], where, what)
            if element.name == 'null':
                fail(spec[0], f"{what}: there is no array of 'null'")
            if element.name not in self.arrays:
                self.arrays[element.name] = ArrayType(element)
            return self.arrays[element.name]
        if not isinstance(spec, str):
            fail(where, f"{what}: a type name is needed here")
        if spec not in self.types:
            fail(spec, f"{what} uses unknown type '{spec}'")
        return self.types[spec]

    def _members(self, data, owner, expr):
        """Members from an inline object."""
        out = []
        for key, spec in data.items():
            feats = []
            if isinstance(spec, dict):
                if 'type' not in spec or set(spec) - {'type', 'features'}:
                    fail(key, f"member '{key}' of '{owner}' takes 'type' "
                         "and 'features'")
                feats = _features(spec.get('features', []), expr)
                spec = spec['type']
            optional = key.startswith('*')
            name = Src(key[1:] if optional else key, key.path, key.line)
            if not (_MEMBER_NAME.match(name)
                    or (owner in self.pragma['member-name-exceptions']
                        and _LOOSE_NAME.match(name))):
                fail(key, f"member '{name}' of '{owner}' should be "
                     'lower-case words with hyphens')
            type_ = self._type(spec, key, f"member '{name}' of '{owner}'")
            if type_.name == 'null':
                fail(key, f"member '{name}' of '{owner}': 'null' can only "
                     'be a branch of an alternate')
            out.append(Member(name, type_, optional, feats, key))
        return out

    def _object_named(self, spec, where, what):
        type_ = self._type(spec, where, what)
        if not isinstance(type_, ObjectType):
            fail(spec, f"{what} must be a struct, '{spec}' is not")
        return type_

    def _resolve_object(self, obj, expr):
        data = expr.value['data']
        if not isinstance(data, dict):
            fail(expr, f"'{obj.name}': 'data' must be an object")
        base = expr.value.get('base')
        if isinstance(base, str):
            obj.base = self._object_named(base, expr,
                                          f"base of '{obj.name}'")
        elif isinstance(base, dict) and 'union' in expr.value:
            obj.local = self._members(base, obj.name, expr)
        elif base is not None:
            fail(expr, f"base of '{obj.name}' must be a type name")
        if 'union' not in expr.value:
            obj.local = self._members(data, obj.name, expr)
            return
        obj.tag = expr.value['discriminator']     # name; resolved later
        for name, spec in data.items():
            if isinstance(spec, dict) and set(spec) == {'type'}:
                spec = spec['type']
            type_ = self._object_named(
                spec, name, f"branch '{name}' of union '{obj.name}'")
            obj.variants.append(Member(name, type_, where=name))

    def _resolve_alternate(self, alt, expr):
        data = expr.value['data']
        if not isinstance(data, dict) or not data:
            fail(expr, f"alternate '{alt.name}' needs branches")
        seen = {}
        for name, spec in data.items():
            type_ = self._type(spec, name,
                               f"branch '{name}' of '{alt.name}'")
            qtype = getattr(type_, 'qtype', None)
            if qtype is None:
                fail(name, f"branch '{name}' of alternate '{alt.name}' "
                     f"cannot have type '{type_.name}'")
            if qtype in seen:
                fail(name, f"branches '{seen[qtype]}' and '{name}' of "
                     f"alternate '{alt.name}' look the same in JSON")
            seen[qtype] = name
            alt.branches.append(Member(name, type_, where=name))

    def _resolve_call(self, call, expr):
        """A command's or event's data and returns."""
        keys = expr.value
        data = keys.get('data')
        what = f"'data' of {call.meta} '{call.name}'"
        if isinstance(data, dict):
            suffix = 'Args' if call.meta == 'command' else 'Data'
            name = ('Qmp' if suffix == 'Args' else 'QapiEvent') + camel(
                call.name if suffix == 'Args' else call.name.lower()) + suffix
            if name in self.types:
                fail(expr, f"{what} would be called '{name}', which exists")
            call.arg = ObjectType(name, module=call.module, where=expr)
            call.arg.implicit = True
            call.arg.local = self._members(data, call.name, expr)
            if not call.arg.local:
                fail(expr, f"{what} is empty: leave it out")
            self._check_object(call.arg)
        elif data is not None:
            call.arg = self._object_named(data, expr, what)
        if call.meta == 'event':
            return
        if 'returns' in keys:
            call.ret = self._type(keys['returns'], expr,
                                  f"'returns' of command '{call.name}'")
            if call.ret.name == 'null':
                fail(expr, f"command '{call.name}' cannot return 'null'")
        for key, attr in (('allow-oob', 'allow_oob'), ('gen', 'gen'),
                          ('allow-preconfig', 'allow_preconfig')):
            if key in keys:
                if not isinstance(keys[key], bool):
                    fail(expr, f"'{key}' of '{call.name}' must be a bool")
                setattr(call, attr, keys[key])

    # Third pass: what needs everything resolved

    def _check_object(self, obj):
        if not isinstance(obj, ObjectType):
            return
        base = obj.base
        while base:
            if base is obj:
                fail(obj, f"'{obj.name}' is its own base")
            base = base.base
        if obj.base and obj.base.variants:
            fail(obj, f"base of '{obj.name}' cannot be a union")
        self._check_clash(obj, obj.members, {})
        if isinstance(obj.tag, str):
            self._check_union(obj)

    @staticmethod
    def _check_clash(obj, members, seen):
        for member in members:
            names = [member.c_name]
            if member.has:
                names.append('has_' + member.c_name)
            for name in names:
                if name in seen:
                    fail(member.where or obj,
                         f"'{obj.name}': member '{member.name}' collides "
                         f"with '{seen[name]}'")
            seen.update({name: member.name for name in names})
        return seen

    def _check_union(self, union):
        tag = [m for m in union.members if m.name == union.tag]
        if not tag:
            fail(union.tag, f"discriminator '{union.tag}' of union "
                 f"'{union.name}' is not a member of its base")
        tag = tag[0]
        if not isinstance(tag.type, EnumType) or tag.optional:
            fail(union.tag, f"discriminator '{union.tag}' of union "
                 f"'{union.name}' must be a mandatory enum")
        union.tag = tag
        values = [value.name for value in tag.type.values]
        for branch in union.variants:
            if branch.name not in values:
                fail(branch.where, f"branch '{branch.name}' of union "
                     f"'{union.name}' is not a value of '{tag.type.name}'")
            seen = {m.c_name: m.name for m in union.members}
            for member in branch.type.members:
                if member.c_name in seen:
                    fail(branch.where, f"branch '{branch.name}' of union "
                         f"'{union.name}': member '{member.name}' collides "
                         "with the base's")


def _features(spec, where):
    if not isinstance(spec, list):
        fail(where, "'features' must be a list")
    out = []
    for item in spec:
        name = item.get('name') if isinstance(item, dict) else item
        if not isinstance(name, str) or not _LOOSE_NAME.match(name):
            fail(where, f'bad feature {item!r}')
        if name in [feature.name for feature in out]:
            fail(where, f"duplicate feature '{name}'")
        out.append(Feature(name))
    return out


def _check_doc(entity, expr):
    """Every definition, member and feature is documented, nothing else is."""
    doc = entity.doc
    what = f"{entity.meta} '{entity.name}'"
    if doc is None:
        fail(expr, f'{what} is not documented')
    if doc.symbol != entity.name:
        fail(doc.symbol, f"documentation is for '{doc.symbol}', but "
             f"{what} follows")
    if not ''.join(doc.body).strip():
        fail(doc.symbol, f'documentation of {what} says nothing')
    if not doc.section('Since'):
        fail(doc.symbol, f"documentation of {what} lacks 'Since:'")
    if isinstance(entity, EnumType):
        items = entity.values
    elif isinstance(entity, AlternateType):
        items = entity.branches
    elif isinstance(entity, ObjectType):
        items = entity.local
    else:
        arg = entity.arg
        items = arg.local if arg and arg.implicit else []
    names = [item.name for item in items]
    features = [f.name for f in entity.features]
    for item in items:
        features += [f.name for f in item.features]
    _check_covered(doc, doc.members, names, what, 'member')
    _check_covered(doc, doc.features, features, what, 'feature')
    if doc.section('Returns') and getattr(entity, 'ret', None) is None:
        fail(doc.symbol, f"documentation of {what} has 'Returns:', but it "
             'returns nothing')


def _check_covered(doc, table, names, what, kind):
    for name, lines in table.items():
        if name not in names:
            fail(name, f"documented {kind} '{name}' does not exist in {what}")
        if not ''.join(lines).strip():
            fail(name, f"documentation of {kind} '{name}' says nothing")
    for name in names:
        if name not in table:
            fail(doc.symbol, f"{kind} '{name}' of {what} is not documented")
