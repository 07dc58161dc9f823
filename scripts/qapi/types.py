# SPDX-License-Identifier: GPL-2.0-or-later
"""qapi-types-*.h and qapi-types.c: C types and their descriptors.

A descriptor (QapiType, include/qapi/type.h) tells the runtime how a type is
laid out; parsing, building, freeing and cloning are done there by table.
"""

from .names import c_name, c_string
from .output import (declare, header, is_pointer, module_arrays,
                     module_types, pointer_types, source, umbrella)
from .schema import AlternateType, EnumType, ObjectType

BUILTIN_HEADER = 'qapi-builtin-types.h'


def _enum_decl(enum):
    lines = [f'typedef enum {enum.name} {{']
    lines += [f'    {enum.const(value.name)},' for value in enum.values]
    lines += [f'    {enum.const("_MAX")},', f'}} {enum.name};', '']
    lines += [f'const char *{enum.name}_str({enum.name} value);',
              f'bool {enum.name}_parse(const char *s, {enum.name} *out,',
              '    Error **errp);',
              f'extern const QapiType qapi_type_{enum.name};', '']
    return '\n'.join(lines) + '\n'


def _member_decls(members, indent):
    pad = ' ' * indent
    out = ''
    for member in members:
        if member.has:
            out += f'{pad}bool has_{member.c_name};\n'
        out += pad + declare(member.type.c_type, member.c_name) + ';\n'
    return out


def _embedded(type_):
    """Types whose definition must come before that of @type_."""
    if isinstance(type_, ObjectType):
        return [branch.type for branch in type_.variants]
    if isinstance(type_, AlternateType):
        return [b.type for b in type_.branches
                if isinstance(b.type, ObjectType)]
    return []


def _union_member(branch):
    name = c_name(branch.type.name)
    return f'        {name} {branch.c_name};\n'


def _struct_decl(type_):
    out = f'struct {c_name(type_.name)} {{\n'
    if isinstance(type_, AlternateType):
        out += '    QType type;\n    union {\n'
        for branch in type_.branches:
            if isinstance(branch.type, ObjectType):
                out += _union_member(branch)
            elif branch.type.name != 'null':
                out += ('        ' + declare(branch.type.c_type,
                                             branch.c_name) + ';\n')
        return out + '    } u;\n};\n\n'
    if type_.base:
        out += f'    /* as in {type_.base.name} */\n'
        out += _member_decls(type_.base.members, 4)
        out += '    /* own */\n' if type_.local or type_.variants else ''
    out += _member_decls(type_.local, 4)
    if type_.variants:
        out += f'    union {{ /* by {type_.tag.c_name} */\n'
        out += ''.join(_union_member(branch) for branch in type_.variants)
        out += '    } u;\n'
    if not type_.members and not type_.variants:
        out += '    char unused_;\n'
    out += '};\n\n'
    if type_.base:
        name, base = c_name(type_.name), c_name(type_.base.name)
        out += (f'static inline {base} *qapi_{name}_base('
                f'\n    const {name} *obj)\n{{\n    return ({base} *)obj;\n}}\n\n')
    return out


def _list_decl(array):
    name = c_name(array.name)
    value = declare(array.element.c_type, 'value')
    return f'struct {name} {{\n    {name} *next;\n    {value};\n}};\n\n'


def _pointer_decls(types):
    """Descriptor, free function and autoptr of each type."""
    out = ''
    for type_ in types:
        name = c_name(type_.name)
        out += (f'extern const QapiType qapi_type_{name};\n'
                f'void qapi_free_{name}({name} *obj);\n'
                f'G_DEFINE_AUTOPTR_CLEANUP_FUNC({name}, qapi_free_{name})\n')
    return out


def _module_header(schema, module):
    types = module_types(schema, module)
    pointers = pointer_types(schema, module)
    out = ''.join(_enum_decl(t) for t in types if isinstance(t, EnumType))
    for type_ in pointers:
        name = c_name(type_.name)
        out += f'typedef struct {name} {name};\n'
    out += '\n'
    done = set()

    def define(type_):
        nonlocal out
        if type_.name in done or type_ not in types:
            return
        done.add(type_.name)
        for needed in _embedded(type_):
            define(needed)
        out += _struct_decl(type_)

    for type_ in types:
        if not isinstance(type_, EnumType):
            define(type_)
    out += ''.join(_list_decl(a) for a in module_arrays(schema, module))
    out += _pointer_decls(pointers)
    incs = ['qapi/' + BUILTIN_HEADER]
    incs += [f'qapi/qapi-types-{sub}.h' for sub in schema.includes[module]]
    return header(f'qapi-types-{module}.h',
                  f'Types of the schema module {module}.', incs, out)


def _builtin_header(schema):
    arrays = module_arrays(schema, None)
    out = ''.join(f'typedef struct {a.name} {a.name};\n' for a in arrays)
    out += '\n' + ''.join(_list_decl(array) for array in arrays)
    return header(BUILTIN_HEADER, 'Lists of builtin types.',
                  ['qapi/type.h'], out + _pointer_decls(arrays))


# Descriptors

def _ref(type_):
    return f'&qapi_type_{c_name(type_.name, protect=False)}'


def _enum_table(enum):
    name = enum.name
    out = f'static const char *const values_{name}[] = {{\n'
    for value in enum.values:
        out += f'    [{enum.const(value.name)}] = {c_string(value.name)},\n'
    out += '};\n\n'
    out += (f'const QapiType qapi_type_{name} = {{\n'
            f'    .name = "{name}",\n    .kind = QAPI_KIND_ENUM,\n'
            f'    .size = sizeof({name}),\n    .values = values_{name},\n'
            f'    .n_values = {enum.const("_MAX")},\n}};\n\n'
            f'const char *{name}_str({name} value)\n{{\n'
            f'    return qapi_enum_str(&qapi_type_{name}, value);\n}}\n\n'
            f'bool {name}_parse(const char *s, {name} *out, Error **errp)\n'
            '{\n'
            f'    int value = qapi_enum_parse(&qapi_type_{name}, s, errp);\n\n'
            '    if (value < 0) {\n        return false;\n    }\n'
            '    *out = value;\n    return true;\n}\n\n')
    return out


def member_table(obj, name):
    """Static table of an object's members; @name is its C type."""
    out = f'static const QapiMember members_{name}[] = {{\n'
    for m in obj.members:
        kind = ('QAPI_HAS_MEMBER' if m.has else
                'QAPI_OPT_MEMBER' if m.optional else 'QAPI_MEMBER')
        out += (f'    {kind}({name}, {m.c_name}, {c_string(m.name)},\n'
                f'        {_ref(m.type)}),\n')
    return out + '};\n\n' if obj.members else ''


def object_fields(obj, name):
    """Initialisers of an object's descriptor."""
    out = (f'    .name = "{name}",\n    .kind = QAPI_KIND_OBJECT,\n'
           f'    .size = sizeof({name}),\n')
    if obj.members:
        out += (f'    .members = members_{name},\n'
                f'    .n_members = G_N_ELEMENTS(members_{name}),\n')
    if obj.variants:
        index = obj.members.index(obj.tag)
        out += (f'    .tag = &members_{name}[{index}],\n'
                f'    .variants = variants_{name},\n'
                f'    .u_offset = offsetof({name}, u),\n')
    return out


def _object_table(obj):
    name = c_name(obj.name)
    out = member_table(obj, name)
    if obj.variants:
        enum = obj.tag.type
        out += (f'static const QapiType *const variants_{name}'
                f'[{enum.const("_MAX")}] = {{\n')
        for branch in obj.variants:
            out += f'    [{enum.const(branch.name)}] = {_ref(branch.type)},\n'
        out += '};\n\n'
    return (out + f'const QapiType qapi_type_{name} = {{\n'
            + object_fields(obj, name) + '};\n\n')


def _alternate_table(alt):
    name = alt.name
    out = (f'static const QapiType *const variants_{name}'
           '[QTYPE__MAX] = {\n')
    for branch in alt.branches:
        out += f'    [{branch.type.qtype}] = {_ref(branch.type)},\n'
    return out + (f'}};\n\nconst QapiType qapi_type_{name} = {{\n'
                  f'    .name = "{name}",\n'
                  '    .kind = QAPI_KIND_ALTERNATE,\n'
                  f'    .size = sizeof({name}),\n'
                  f'    .variants = variants_{name},\n'
                  f'    .u_offset = offsetof({name}, u),\n}};\n\n')


def _array_table(array):
    name = c_name(array.name)
    return (f'const QapiType qapi_type_{name} = {{\n    .name = "{name}",\n'
            f'    .kind = QAPI_KIND_LIST,\n    .size = sizeof({name}),\n'
            f'    .element = {_ref(array.element)},\n'
            f'    .u_offset = offsetof({name}, value),\n}};\n\n')


def _free(type_):
    name = c_name(type_.name)
    return (f'void qapi_free_{name}({name} *obj)\n{{\n'
            f'    qapi_free(&qapi_type_{name}, obj);\n}}\n\n')


def _table(type_):
    if isinstance(type_, EnumType):
        return _enum_table(type_)
    if isinstance(type_, AlternateType):
        return _alternate_table(type_) + _free(type_)
    return _object_table(type_) + _free(type_)


def generate(schema):
    """{file name: text}"""
    files = {BUILTIN_HEADER: _builtin_header(schema),
             'qapi-types.h': umbrella('qapi-types', 'types', schema)}
    body = ''
    for array in module_arrays(schema, None):
        body += _array_table(array) + _free(array)
    for module in schema.modules:
        files[f'qapi-types-{module}.h'] = _module_header(schema, module)
        body += ''.join(map(_table, module_types(schema, module)))
        for array in module_arrays(schema, module):
            body += _array_table(array) + _free(array)
    files['qapi-types.c'] = source('Descriptors of the schema\'s types.',
                                   ['qapi/qapi-types.h'], body)
    return files


__all__ = ['generate', 'is_pointer', 'member_table', 'object_fields']
