# SPDX-License-Identifier: GPL-2.0-or-later
"""qapi-events-*.h, qapi-events.c and qapi-emit-events.h: sending events."""

from .names import c_name, c_string
from .output import const_param, declare, header, source, umbrella
from .schema import EnumType, EnumValue, Event
from .types import member_table, object_fields

_CLOSED = 'QAPIEvent'


def _enum(schema):
    return EnumType(_CLOSED, [EnumValue(n) for n in sorted(schema.events)])


def _emit_header(schema):
    enum = _enum(schema)
    body = f'typedef enum {_CLOSED} {{\n'
    for value in enum.values + [EnumValue('_MAX')]:
        body += f'    {enum.const(value.name)},\n'
    body += (f'}} {_CLOSED};\n\n/* Name of an event as clients see it. */\n'
             f'const char *{_CLOSED}_str({_CLOSED} event);\n')
    return header('qapi-emit-events.h', 'Numbers of the schema\'s events.',
                  [], body)


def _params(event):
    params = ['const QapiEventSink *sink']
    if event.arg and not event.arg.implicit:
        params.append(f'const {c_name(event.arg.name)} *arg')
    elif event.arg:
        for member in event.arg.members:
            if member.has:
                params.append(f'bool has_{member.c_name}')
            params.append(const_param(member.type, member.c_name))
    return params


def _prototype(event):
    name = c_name(event.name.lower(), protect=False)
    return (f'void qapi_event_send_{name}(' + ',\n    '.join(_params(event))
            + ')')


def _sender(schema, event):
    out, data, ref = '', 'NULL', 'NULL'
    if event.arg and event.arg.implicit:
        name = event.arg.name
        out += f'typedef struct {name} {{\n'
        for m in event.arg.members:
            out += f'    bool has_{m.c_name};\n' if m.has else ''
            out += f'    {declare(m.type.c_type, m.c_name)};\n'
        out += (f'}} {name};\n\n' + member_table(event.arg, name)
                + f'static const QapiType qapi_type_{name} = {{\n'
                + object_fields(event.arg, name) + '};\n\n')
    out += _prototype(event) + '\n{\n'
    if event.arg and event.arg.implicit:
        out += f'    {name} data = {{\n'
        for m in event.arg.members:
            if m.has:
                out += f'        .has_{m.c_name} = has_{m.c_name},\n'
            cast = '' if m.type.scalar else f'({m.type.c_type.strip()})'
            out += f'        .{m.c_name} = {cast}{m.c_name},\n'
        out += '    };\n\n'
        data, ref = '&data', f'&qapi_type_{name}'
    elif event.arg:
        data, ref = 'arg', f'&qapi_type_{c_name(event.arg.name)}'
    const = _enum(schema).const(event.name)
    return out + (f'    qapi_event_emit(sink, {const}, '
                  f'{c_string(event.name)},\n'
                  f'                    {ref}, {data});\n}}\n\n')


def generate(schema):
    """{file name: text}"""
    files = {'qapi-emit-events.h': _emit_header(schema),
             'qapi-events.h': umbrella('qapi-events', 'events', schema)}
    enum = _enum(schema)
    body = 'static const char *const event_names[] = {\n'
    for value in enum.values:
        body += f'    [{enum.const(value.name)}] = {c_string(value.name)},\n'
    body += (f'}};\n\nconst char *{_CLOSED}_str({_CLOSED} event)\n{{\n'
             f'    g_assert((unsigned)event < {enum.const("_MAX")});\n'
             '    return event_names[event];\n}\n\n')
    for module in schema.modules:
        decls = ''
        for item in schema.items[module]:
            if isinstance(item, Event):
                decls += _prototype(item) + ';\n'
                body += _sender(schema, item)
        files[f'qapi-events-{module}.h'] = header(
            f'qapi-events-{module}.h',
            f'Events of the schema module {module}.',
            ['qapi/event-sink.h', f'qapi/qapi-types-{module}.h'], decls)
    files['qapi-events.c'] = source(
        'Senders of the schema\'s events.',
        ['qapi/event-sink.h', 'qapi/qapi-emit-events.h',
         'qapi/qapi-events.h'], body)
    return files
