# SPDX-License-Identifier: GPL-2.0-or-later
"""How schema names become C identifiers."""

import re

# Words that cannot be used as they are: C keywords, GNU keywords, macros that
# compilers predefine for a platform, and C++ words (headers stay usable there).
_RESERVED = frozenset('''
    auto break case char const continue default do double else enum extern
    float for goto if inline int long register restrict return short signed
    sizeof static struct switch typedef union unsigned void volatile while
    _Alignas _Alignof _Atomic _Bool _Complex _Generic _Imaginary _Noreturn
    _Static_assert _Thread_local
    asm typeof errno unix linux i386 mips sparc
    and and_eq bitand bitor bool catch class compl const_cast delete
    dynamic_cast explicit export false friend mutable namespace new not
    not_eq operator or or_eq private protected public reinterpret_cast
    static_cast template this throw true try typeid typename using virtual
    wchar_t xor xor_eq
    '''.split())


def c_name(name, protect=True):
    """C identifier for a schema name; reserved words get a q_ prefix."""
    out = re.sub(r'[^A-Za-z0-9_]', '_', name)
    if protect and (out in _RESERVED or out[:1].isdigit()):
        out = 'q_' + out
    return out


def camel_to_upper(name):
    """MigrationStatus -> MIGRATION_STATUS, QAPIEvent -> QAPI_EVENT."""
    out = re.sub(r'([a-z0-9])([A-Z])', r'\1_\2', name)
    out = re.sub(r'([A-Z])([A-Z][a-z])', r'\1_\2', out)
    return out.replace('-', '_').upper()


def camel(name):
    """migrate-set-capabilities -> MigrateSetCapabilities."""
    parts = re.split(r'[-_]', name)
    return ''.join(part[:1].upper() + part[1:] for part in parts)


def enum_const(enum_name, value, prefix=None):
    """Name of the C constant of one enum value."""
    head = prefix or camel_to_upper(enum_name)
    if value == '_MAX':
        return head + '__MAX'
    return head + '_' + c_name(value, protect=False).upper()


def c_string(text):
    """C string literal for @text."""
    out = text.replace('\\', '\\\\').replace('"', '\\"')
    return '"' + out.replace('\n', '\\n') + '"'
