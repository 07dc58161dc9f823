# SPDX-License-Identifier: GPL-2.0-or-later
"""qapi-commands-*.h: prototypes of handlers; qapi-commands.c: marshalling.

How a handler looks depends on what the command returns:
    nothing           bool qmp_x(ctx, [args,] errp)
    list or scalar    bool qmp_x(ctx, [args,] T *ret, errp)
    anything else     T *qmp_x(ctx, [args,] errp), NULL means error
    'gen': false      bool qmp_x(ctx, json args, json *ret, errp)
"""

from .names import c_name, c_string
from .output import declare, header, source, umbrella
from .schema import ArrayType, Command


def _by_return(command):
    """Whether the handler's C return value is the result."""
    ret = command.ret
    return ret and not isinstance(ret, ArrayType) and not ret.scalar


def _fn(command):
    return 'qmp_' + c_name(command.name, protect=False)


def _prototype(command):
    if not command.gen:
        return (f'bool {_fn(command)}(QmpContext *ctx, '
                'struct json_object *args,\n'
                '    struct json_object **ret, Error **errp)')
    params = ['QmpContext *ctx']
    if command.arg:
        params.append(f'const {c_name(command.arg.name)} *args')
    ctype = 'bool'
    if _by_return(command):
        ctype = command.ret.c_type
    elif command.ret:
        params.append(declare(command.ret.c_type, '') + '*ret'
                      if command.ret.c_type.endswith('*')
                      else command.ret.c_type + ' *ret')
    params.append('Error **errp')
    return declare(ctype, _fn(command)) + '(' + ',\n    '.join(params) + ')'


def _fail(command):
    """Statement that leaves the marshaller after an error."""
    return 'goto out;' if command.arg else 'return false;'


def _marshal(command):
    args = command.arg
    out = (f'static bool marshal_{_fn(command)}(QmpContext *ctx,\n'
           '    struct json_object *in, struct json_object **ret, '
           'Error **errp)\n{\n')
    if args:
        name = c_name(args.name)
        out += '    void *args;\n    bool ok = false;\n'
    if command.ret:
        zero = ' = NULL' if not command.ret.scalar else ' = 0'
        out += f'    {declare(command.ret.c_type, "result")}{zero};\n'
    out += '\n' if args or command.ret else ''
    if args:
        out += (f'    if (!qapi_parse_args(&qapi_type_{name}, in, &args, '
                'errp)) {\n        return false;\n    }\n')
    else:
        out += ('    if (!qapi_parse_args(NULL, in, NULL, errp)) {\n'
                '        return false;\n    }\n')
    call = ['ctx'] + (['args'] if args else [])
    if _by_return(command):
        out += (f'    result = {_fn(command)}({", ".join(call + ["errp"])});\n'
                '    if (!result) {\n')
    else:
        call += (['&result'] if command.ret else []) + ['errp']
        out += f'    if (!{_fn(command)}({", ".join(call)})) {{\n'
    out += f'        {_fail(command)}\n    }}\n'
    if command.ret:
        ref = f'&qapi_type_{c_name(command.ret.name, protect=False)}'
        out += f'    *ret = qapi_build_value({ref}, &result);\n'
        if not command.ret.scalar:
            out += f'    qapi_free_value({ref}, &result);\n'
    else:
        out += '    *ret = json_object_new_object();\n'
    if args:
        out += ('    ok = true;\nout:\n'
                f'    qapi_free(&qapi_type_{name}, args);\n    return ok;\n')
    else:
        out += '    return true;\n'
    return out + '}\n\n'


def _flags(command):
    flags = ([c for c, on in (('QMP_ALLOW_OOB', command.allow_oob),
                              ('QMP_ALLOW_PRECONFIG',
                               command.allow_preconfig)) if on])
    return ' | '.join(flags) or '0'


_FIND = '''const size_t qmp_command_table_count = G_N_ELEMENTS(qmp_command_table);

static int compare_name(const void *key, const void *entry)
{
    return strcmp(key, ((const QmpCommand *)entry)->name);
}

const QmpCommand *qmp_find_command(const char *name)
{
    return bsearch(name, qmp_command_table, qmp_command_table_count,
                   sizeof(qmp_command_table[0]), compare_name);
}
'''


def generate(schema):
    """{file name: text}"""
    files = {'qapi-commands.h': umbrella('qapi-commands', 'command handlers',
                                         schema)}
    for module in schema.modules:
        body = ''
        for item in schema.items[module]:
            if isinstance(item, Command):
                body += _prototype(item) + ';\n'
        files[f'qapi-commands-{module}.h'] = header(
            f'qapi-commands-{module}.h',
            f'Handlers of the commands of the schema module {module}.',
            ['qapi/qmp.h', f'qapi/qapi-types-{module}.h'], body)
    body = ''
    table = 'const QmpCommand qmp_command_table[] = {\n'
    for name in sorted(schema.commands):
        command = schema.commands[name]
        body += _marshal(command) if command.gen else ''
        fn = ('marshal_' if command.gen else '') + _fn(command)
        table += (f'    {{ {c_string(name)}, {fn},\n'
                  f'      {_flags(command)} }},\n')
    files['qapi-commands.c'] = source(
        'The table of commands and what leads from it to the handlers.',
        ['qapi/qapi-commands.h'], body + table + '};\n\n' + _FIND)
    return files
