# SPDX-License-Identifier: GPL-2.0-or-later
"""qapi-visit-*.h and qapi-visit.c: typed front ends of parse and build."""

from .names import c_name
from .output import header, pointer_types, source, umbrella

_DECL = '''bool qapi_parse_{name}(struct json_object *in, unsigned flags,
    const char *name, {name} **out, Error **errp);
struct json_object *qapi_build_{name}(const {name} *in);

'''

_BODY = '''bool qapi_parse_{name}(struct json_object *in, unsigned flags,
    const char *name, {name} **out, Error **errp)
{{
    QapiInput input = {{ in, flags, name }};
    void *obj;

    if (!qapi_parse(&qapi_type_{name}, &input, &obj, errp)) {{
        return false;
    }}
    *out = obj;
    return true;
}}

struct json_object *qapi_build_{name}(const {name} *in)
{{
    return qapi_build(&qapi_type_{name}, in);
}}

'''


def _header(name, title, types, includes):
    body = ''.join(_DECL.format(name=c_name(t.name)) for t in types)
    return header(name, title, includes, body)


def generate(schema):
    """{file name: text}"""
    builtins = pointer_types_builtin(schema)
    files = {'qapi-visit.h': umbrella('qapi-visit', 'visitors', schema),
             'qapi-builtin-visit.h': _header(
                 'qapi-builtin-visit.h', 'Visitors of builtin lists.',
                 builtins, ['qapi/qapi-builtin-types.h'])}
    body = ''.join(_BODY.format(name=t.name) for t in builtins)
    for module in schema.modules:
        types = pointer_types(schema, module)
        incs = [f'qapi/qapi-types-{module}.h', 'qapi/qapi-builtin-visit.h']
        incs += [f'qapi/qapi-visit-{sub}.h'
                 for sub in schema.includes[module]]
        files[f'qapi-visit-{module}.h'] = _header(
            f'qapi-visit-{module}.h',
            f'Visitors of the schema module {module}.', types, incs)
        body += ''.join(_BODY.format(name=c_name(t.name)) for t in types)
    files['qapi-visit.c'] = source('Visitors of the schema\'s types.',
                                   ['qapi/qapi-visit.h'], body)
    return files


def pointer_types_builtin(schema):
    """Arrays of builtin types."""
    return [a for a in schema.arrays.values() if a.module is None]
