# SPDX-License-Identifier: GPL-2.0-or-later
"""Text of generated files."""

import os

from .schema import ArrayType, BuiltinType, ObjectType

HEAD = '''/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * {title}
 *
 * Made by scripts/qapi-gen.py from the schema; changes belong there.
 */
'''


def header(name, title, includes, body):
    """A guarded C header."""
    guard = name.replace('-', '_').replace('.', '_').upper()
    return (HEAD.format(title=title) + f'\n#ifndef {guard}\n#define {guard}\n'
            + '\n' + ''.join(f'#include "{inc}"\n' for inc in includes)
            + '\n' + body.strip('\n') + '\n\n#endif\n')


def source(title, includes, body):
    """A C source file."""
    return (HEAD.format(title=title) + '\n#include "qemu/osdep.h"\n'
            + ''.join(f'#include "{inc}"\n' for inc in includes)
            + '\n' + body.strip('\n') + '\n')


def umbrella(name, what, schema):
    """Header that includes the per-module headers called @name-M.h."""
    incs = [f'qapi/{name}-{module}.h' for module in schema.modules]
    return header(f'{name}.h', f'All {what} of the schema.', incs, '')


def write(outdir, files):
    """Write {name: text}; a file that would not change keeps its date."""
    os.makedirs(outdir, exist_ok=True)
    for name, text in files.items():
        path = os.path.join(outdir, name)
        try:
            with open(path, encoding='utf-8') as stream:
                if stream.read() == text:
                    continue
        except OSError:
            pass
        with open(path, 'w', encoding='utf-8') as stream:
            stream.write(text)


def is_pointer(type_):
    """Whether a C value of this type is a pointer to an object of its own."""
    return not isinstance(type_, BuiltinType) and not type_.scalar


def declare(c_type, name):
    """C declaration; no space after a pointer's star."""
    return c_type + ('' if c_type.endswith('*') else ' ') + name


def const_param(type_, name):
    """Parameter for a value that the callee only reads."""
    if type_.name == 'any' or type_.scalar:
        return declare(type_.c_type, name)
    return 'const ' + declare(type_.c_type, name)


def module_types(schema, module):
    """Types that a module's headers declare, implicit ones included."""
    out = []
    for item in schema.items[module]:
        arg = getattr(item, 'arg', None)
        if getattr(item, 'name', None) in schema.types:
            if schema.types[item.name] is item:
                out.append(item)
        if item.__class__.__name__ == 'Command' and arg and arg.implicit:
            out.append(arg)
    return out


def module_arrays(schema, module):
    """Array types whose element belongs to @module (None: builtins)."""
    return [array for array in schema.arrays.values()
            if array.module == module]


def pointer_types(schema, module):
    """Types of a module that have parse, build, free and autoptr."""
    return ([t for t in module_types(schema, module) if not t.scalar]
            + module_arrays(schema, module))


__all__ = ['ArrayType', 'ObjectType', 'header', 'source', 'umbrella', 'write',
           'is_pointer', 'declare', 'const_param', 'module_types',
           'module_arrays', 'pointer_types']
