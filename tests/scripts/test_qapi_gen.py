#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the QAPI schema compiler: what it refuses, and what it makes."""

import contextlib
import io
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
SCHEMA = os.path.join(ROOT, 'qapi', 'qapi-schema.json')
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, 'scripts'))

# pylint: disable=wrong-import-position
from qapi import names                                     # noqa: E402
from qapi.error import QAPIError                           # noqa: E402
from qapi.introspect import schema_infos                   # noqa: E402
from qapi.main import generate, main                       # noqa: E402
from qapi.schema import Schema                             # noqa: E402


def doc(name, *members, features=()):
    """Doc comment that covers @members and @features."""
    out = ['##', f'# @{name}:', '#', '# Text.', '#']
    for member in members:
        out += [f'# @{member}: text', '#']
    if features:
        out += ['# Features:', '#']
    for feature in features:
        out += [f'# @{feature}: text', '#']
    return '\n'.join(out + ['# Since: 0.1', '##', ''])


ENUM = doc('Kind', 'one', 'two') + "{ 'enum': 'Kind', 'data': ['one','two'] }\n"
STRUCT = doc('Part', 'x') + "{ 'struct': 'Part', 'data': { 'x': 'int' } }\n"

# Every construct of the language, and names that C does not allow.
FULL = ENUM + STRUCT + doc('Sub', 'y', 'list', 'kinds') + '''
{ 'struct': 'Sub', 'base': 'Part',
  'data': { '*y': 'Kind', 'list': ['Sub'], '*kinds': ['Kind'] } }
''' + doc('Both', 'kind', 'default', 'int', 'any-thing') + '''
{ 'union': 'Both',
  'base': { 'kind': 'Kind', '*default': 'bool', 'int': 'uint8',
            '*any-thing': 'any' },
  'discriminator': 'kind', 'data': { 'one': 'Later' } }
''' + doc('Later', 'f') + '''
{ 'struct': 'Later', 'data': { '*f': 'number' } }
''' + doc('Choice', 's', 'o', 'n', 'l', 'k') + '''
{ 'alternate': 'Choice',
  'data': { 's': 'str', 'o': 'Sub', 'n': 'null', 'l': ['int'],
            'k': 'size' } }
''' + doc('do-it', 'a', 'b', 'c', 'd', 'e', features=['unstable']) + '''
{ 'command': 'do-it',
  'data': { 'a': 'Choice', '*b': ['Both'], '*c': 'Kind', 'd': 'int32',
            'e': { 'type': 'str', 'features': ['unstable'] } },
  'returns': ['Choice'], 'allow-oob': true, 'allow-preconfig': true,
  'features': ['unstable'] }
''' + doc('boxed-one') + '''
{ 'command': 'boxed-one', 'data': 'Both', 'returns': 'Choice' }
''' + doc('get-str') + '''
{ 'command': 'get-str', 'returns': 'str' }
''' + doc('get-any') + '''
{ 'command': 'get-any', 'returns': 'any' }
''' + doc('get-int') + '''
{ 'command': 'get-int', 'returns': 'int' }
''' + doc('get-strs') + '''
{ 'command': 'get-strs', 'returns': ['str'] }
''' + doc('nothing') + '''
{ 'command': 'nothing' }
''' + doc('raw') + '''
{ 'command': 'raw', 'gen': false, 'data': 'Part', 'returns': 'any' }
''' + doc('HAPPENED', 'k', 's', 'p', 'l', 'n') + '''
{ 'event': 'HAPPENED',
  'data': { '*k': 'Kind', 's': 'str', '*p': 'Both', 'l': ['Part'],
            'n': 'number' } }
''' + doc('BOXED_UP') + '''
{ 'event': 'BOXED_UP', 'data': 'Both' }
''' + doc('PLAIN') + '''
{ 'event': 'PLAIN' }
'''


class SchemaCase(unittest.TestCase):
    """Schemas from strings, in a folder of their own."""

    def setUp(self):
        tmp = tempfile.TemporaryDirectory()
        self.addCleanup(tmp.cleanup)
        self.dir = tmp.name

    def put(self, text, name='main.json'):
        path = os.path.join(self.dir, name)
        with open(path, 'w', encoding='utf-8') as stream:
            stream.write(text)
        return path

    def schema(self, text):
        return Schema(self.put(text))

    def refuse(self, text, message, line=None):
        """@text is refused with @message, at @line."""
        with self.assertRaises(QAPIError) as caught:
            self.schema(text)
        self.assertIn(message, caught.exception.message)
        if line is not None:
            self.assertEqual(line, caught.exception.line, caught.exception)
        self.assertRegex(str(caught.exception), r'\.json:[0-9]+: \S')


class TestSyntax(SchemaCase):
    def test_stray_text(self):
        self.refuse('\n\nfoo', 'stray', 3)
        self.refuse("\n{ 'a': \"b\" }", 'stray', 2)

    def test_structure(self):
        self.refuse("[ 'a' ]", "expected '{'", 1)
        self.refuse("{ 'a' 'b' }", "expected ':'", 1)
        self.refuse("{ 'a':\n 'b'\n 'c' }", "expected ',' or '}'", 3)
        self.refuse("{ 'a': [ 'b', ] }", "comma before ']'")
        self.refuse("{ 'a': 'b', }", "comma before '}'")
        self.refuse("{ 'a': 'b'", 'end of file')
        self.refuse("{ 'a': 'b', 'a': 'c' }", "duplicate key 'a'")
        self.refuse("{ 'a': " + '[' * 100, 'nested too deeply')

    def test_doc_comment(self):
        self.refuse('##\n# @a:\n', 'not closed', 1)
        self.refuse('##\n# @a:\nfoo\n##\n', 'not closed', 1)
        self.refuse(doc('Kind', 'one', 'one') + ENUM, 'documented twice')
        self.refuse(doc('Kind', 'one', 'two'), 'not followed by', 2)
        self.refuse(doc('Kind') + ENUM, 'not followed by', 2)

    def test_include(self):
        self.put(ENUM, 'sub.json')
        schema = self.schema("{ 'include': 'sub.json' }\n"
                             "{ 'include': 'sub.json' }\n")
        self.assertEqual(['sub', 'main'], schema.modules)
        self.refuse("\n{ 'include': 'gone.json' }", 'cannot read', 2)
        self.refuse("{ 'include': 'main.json' }", 'includes itself', 1)
        self.refuse("{ 'include': [] }", 'takes a file name')

    def test_missing_file(self):
        with self.assertRaises(QAPIError):
            Schema(os.path.join(self.dir, 'gone.json'))


class TestChecks(SchemaCase):
    def test_keys(self):
        self.refuse("{ 'foo': 'Bar' }", 'exactly one of', 1)
        self.refuse("{ 'struct': 'A', 'event': 'B' }", 'exactly one of')
        self.refuse("{ 'struct': 'A',\n 'x': 'y', 'data': {} }",
                    "unknown key 'x'", 2)
        self.refuse("{ 'struct': 'A' }", "misses key 'data'")
        self.refuse("{ 'pragma': { 'x': [] } }", "unknown pragma 'x'")

    def test_names(self):
        self.refuse("{ 'struct': 'lower', 'data': {} }", 'CamelCase')
        self.refuse("{ 'struct': 'MyList', 'data': {} }", "end in 'List'")
        self.refuse("{ 'command': 'Upper' }", 'lower-case')
        self.refuse("{ 'command': 'under_score' }", 'lower-case')
        self.refuse("{ 'event': 'Mixed' }", 'UPPER_CASE')
        self.refuse("{ 'struct': 'A', 'data': { 'Bad': 'int' } }",
                    'lower-case')
        self.schema("{ 'pragma': { 'command-name-exceptions': ['a_b'] } }\n"
                    + doc('a_b') + "{ 'command': 'a_b' }")

    def test_duplicates(self):
        self.refuse(ENUM + ENUM, 'already defined at')
        self.refuse("{ 'struct': 'A', 'data': { 'x-y': 'int',\n"
                    " 'x.y': 'int' } }", 'lower-case')
        self.refuse("{ 'enum': 'A', 'data': ['x-y', 'x_y'] }", 'collides')
        self.refuse(STRUCT + doc('B', 'x') + "{ 'struct': 'B', "
                    "'base': 'Part', 'data': { 'x': 'str' } }",
                    "member 'x' collides")
        self.refuse(doc('A') + "{ 'pragma': { "
                    "'member-name-exceptions': ['A'] } }\n", 'not followed')
        self.refuse("{ 'pragma': { 'member-name-exceptions': ['A'] } }"
                    "{ 'struct': 'A', 'data': { '*x': 'int', "
                    "'has_x': 'int' } }", 'collides')

    def test_types(self):
        self.refuse("{ 'struct': 'A', 'data': {\n 'x': 'Nope' } }",
                    "unknown type 'Nope'", 2)
        self.refuse("{ 'struct': 'A', 'data': { 'x': ['a', 'b'] } }",
                    'an array is written')
        self.refuse("{ 'struct': 'A', 'data': { 'x': 'null' } }",
                    'branch of an alternate')
        self.refuse("{ 'struct': 'A', 'base': 'int', 'data': {} }",
                    'must be a struct')
        self.refuse("{ 'struct': 'A', 'base': 'A', 'data': {} }",
                    'its own base')
        self.refuse("{ 'command': 'a', 'data': 'str' }", 'must be a struct')
        self.refuse("{ 'command': 'a', 'returns': 'Nope' }", 'unknown type')
        self.refuse("{ 'command': 'a', 'allow-oob': 'x' }", 'must be a bool')
        self.refuse("{ 'event': 'A', 'data': {} }", 'is empty')

    def test_unions(self):
        head = ENUM + STRUCT + doc('U', 'k')
        self.refuse(head + "{ 'union': 'U', 'base': { 'k': 'Kind' },\n"
                    "'discriminator': 'z', 'data': {} }", 'not a member')
        self.refuse(head + "{ 'union': 'U', 'base': { '*k': 'Kind' },"
                    "'discriminator': 'k', 'data': {} }", 'mandatory enum')
        self.refuse(head + "{ 'union': 'U', 'base': { 'k': 'str' },"
                    "'discriminator': 'k', 'data': {} }", 'mandatory enum')
        self.refuse(head + "{ 'union': 'U', 'base': { 'k': 'Kind' },"
                    "'discriminator': 'k', 'data': { 'three': 'Part' } }",
                    "'three'")
        self.refuse(head + "{ 'union': 'U', 'base': { 'k': 'Kind' },"
                    "'discriminator': 'k', 'data': { 'one': 'int' } }",
                    'must be a struct')
        self.refuse(head + "{ 'union': 'U', 'base': { 'k': 'Kind', "
                    "'x': 'int' }, 'discriminator': 'k', "
                    "'data': { 'one': 'Part' } }", 'collides')

    def test_alternates(self):
        self.refuse("{ 'alternate': 'A', 'data': {} }", 'needs branches')
        self.refuse("{ 'alternate': 'A', 'data': { 'a': 'int', "
                    "'b': 'number' } }", 'look the same')
        self.refuse("{ 'alternate': 'A', 'data': { 'a': 'any' } }",
                    'cannot have type')

    def test_documentation(self):
        self.refuse("\n{ 'command': 'a' }", 'is not documented', 2)
        self.refuse(doc('b') + "{ 'command': 'a' }", "is for 'b'", 2)
        self.refuse(doc('a') + "{ 'command': 'a', 'data': { 'x': 'int' } }",
                    "member 'x'")
        self.refuse(doc('a', 'x') + "{ 'command': 'a' }", 'does not exist')
        self.refuse(doc('a') + "{ 'command': 'a', 'features': ['f'] }",
                    "feature 'f'")
        self.refuse('##\n# @a:\n#\n# Text.\n##\n' "{ 'command': 'a' }",
                    "lacks 'Since:'")
        self.refuse('##\n# @a:\n#\n# Since: 1\n##\n' "{ 'command': 'a' }",
                    'says nothing')
        self.refuse('##\n# @a:\n#\n# T.\n#\n# Returns: x\n#\n# Since: 1\n##\n'
                    "{ 'command': 'a' }", 'returns nothing')
        with self.assertRaises(QAPIError) as caught:
            generate(self.schema(
                doc('a').replace('Text.', 'As `nope`_.')
                + "{ 'command': 'a' }"), ['docs'])
        self.assertIn("'nope'", caught.exception.message)


class TestNames(unittest.TestCase):
    def test_c_names(self):
        self.assertEqual('a_b', names.c_name('a-b'))
        self.assertEqual('q_unix', names.c_name('unix'))
        self.assertEqual('q_default', names.c_name('default'))
        self.assertEqual('q_9p', names.c_name('9p'))
        for camel, upper in (('MigrationStatus', 'MIGRATION_STATUS'),
                             ('QAPIEvent', 'QAPI_EVENT'),
                             ('X86CPUFeature', 'X86_CPU_FEATURE'),
                             ('SysEmuTarget', 'SYS_EMU_TARGET')):
            self.assertEqual(upper, names.camel_to_upper(camel))
        self.assertEqual('RUN_STATE_GUEST_PANICKED',
                         names.enum_const('RunState', 'guest-panicked'))
        self.assertEqual('RUN_STATE__MAX',
                         names.enum_const('RunState', '_MAX'))
        self.assertEqual('\\"a\\\\', names.c_string('"a\\')[1:-1])


class TestOutput(SchemaCase):
    def test_types(self):
        files = generate(self.schema(FULL))
        types = files['qapi-types-main.h']
        for text in ('KIND_ONE,', 'KIND__MAX,',
                     'bool q_default;', 'uint8_t q_int;',
                     'struct json_object *any_thing;', 'bool has_y;',
                     'KindList *kinds;', 'Later one;',
                     'const char *Kind_str(Kind value);',
                     'struct QmpDoItArgs {'):
            self.assertIn(text, types)
        self.assertNotIn('has_any_thing', types)
        self.assertNotIn('has_kinds', types)
        self.assertLess(types.index('struct Later {'),
                        types.index('struct Both {'))

    def test_commands(self):
        files = generate(self.schema(FULL))
        flat = ' '.join(files['qapi-commands-main.h'].split())
        for text in (
                'bool qmp_nothing(QmpContext *ctx, Error **errp);',
                'bool qmp_do_it(QmpContext *ctx, const QmpDoItArgs *args, '
                'ChoiceList **ret, Error **errp);',
                'Choice *qmp_boxed_one(QmpContext *ctx, const Both *args, '
                'Error **errp);',
                'char *qmp_get_str(QmpContext *ctx, Error **errp);',
                'struct json_object *qmp_get_any(QmpContext *ctx, '
                'Error **errp);',
                'bool qmp_get_int(QmpContext *ctx, int64_t *ret, '
                'Error **errp);',
                'bool qmp_get_strs(QmpContext *ctx, strList **ret, '
                'Error **errp);',
                'bool qmp_raw(QmpContext *ctx, struct json_object *args, '
                'struct json_object **ret, Error **errp);'):
            self.assertIn(text, flat)
        table = ' '.join(files['qapi-commands.c'].split())
        self.assertIn('{ "do-it", marshal_qmp_do_it, '
                      'QMP_ALLOW_OOB | QMP_ALLOW_PRECONFIG }', table)
        self.assertIn('{ "raw", qmp_raw, 0 }', table)
        order = [table.index(f'{{ "{name}",') for name in
                 ('boxed-one', 'do-it', 'get-any', 'get-int', 'nothing')]
        self.assertEqual(sorted(order), order)

    def test_events(self):
        files = generate(self.schema(FULL))
        flat = ' '.join(files['qapi-events-main.h'].split())
        for text in (
                'void qapi_event_send_happened(const QapiEventSink *sink, '
                'bool has_k, Kind k, const char *s, const Both *p, '
                'const PartList *l, double n);',
                'void qapi_event_send_boxed_up(const QapiEventSink *sink, '
                'const Both *arg);',
                'void qapi_event_send_plain(const QapiEventSink *sink);'):
            self.assertIn(text, flat)

    def test_introspection(self):
        infos = schema_infos(self.schema(FULL))
        table = {info['name']: info for info in infos}
        self.assertEqual(len(infos), len(table))
        command = table['do-it']
        self.assertTrue(command['allow-oob'])
        self.assertEqual(['unstable'], command['features'])
        self.assertNotIn('allow-oob', table['nothing'])
        members = {m['name']: m for m in
                   table[command['arg-type']]['members']}
        self.assertEqual({'a', 'b', 'c', 'd', 'e'}, set(members))
        self.assertEqual('int', members['d']['type'])
        self.assertIsNone(members['b']['default'])
        self.assertNotIn('default', members['a'])
        self.assertEqual(['unstable'], members['e']['features'])
        kind = table[members['c']['type']]
        self.assertEqual(['one', 'two'], kind['values'])
        self.assertEqual([{'name': 'one'}, {'name': 'two'}], kind['members'])
        union = table[table['boxed-one']['arg-type']]
        self.assertEqual('kind', union['tag'])
        self.assertEqual({'one', 'two'},
                         {v['case'] for v in union['variants']})
        self.assertEqual('alternate',
                         table[table['boxed-one']['ret-type']]['meta-type'])
        self.assertFalse({'Kind', 'Part', 'Both'} & set(table))

    def test_docs(self):
        text = generate(self.schema(FULL))['qemu-qmp-ref.rst']
        self.assertIn('.. _command-do-it:', text)
        self.assertIn('``d``: ``int32``', text)
        self.assertIn('May be sent out of band', text)
        self.assertIn('When ``kind`` is ``one``', text)

    def test_command_line(self):
        path = self.put(FULL)
        out = os.path.join(self.dir, 'out')
        self.assertEqual(0, main(['-o', out, path]))
        made = sorted(os.listdir(out))
        listed = io.StringIO()
        with contextlib.redirect_stdout(listed):
            self.assertEqual(0, main(['--list-outputs', path]))
        self.assertEqual(made, listed.getvalue().split())
        errors = io.StringIO()
        with contextlib.redirect_stderr(errors):
            self.assertEqual(1, main(['--check', self.put('x', 'bad.json')]))
        self.assertIn("bad.json:1: stray 'x'", errors.getvalue())

    def test_rewrite_keeps_dates(self):
        path = self.put(FULL)
        out = os.path.join(self.dir, 'out')
        main(['-o', out, path])
        name = os.path.join(out, 'qapi-types-main.h')
        os.utime(name, (1, 1))
        main(['-o', out, path])
        self.assertEqual(1, os.stat(name).st_mtime)


class TestProject(SchemaCase):
    def test_schema(self):
        """The project's own schema passes, and meson knows its modules."""
        schema = Schema(SCHEMA)
        with open(os.path.join(ROOT, 'qapi', 'meson.build'),
                  encoding='utf-8') as stream:
            text = stream.read()
        block = text[text.index('qapi_modules = ['):]
        listed = block[:block.index(']')].count("',")
        named = [m for m in schema.modules if f"'{m}'," in block]
        self.assertEqual(sorted(schema.modules[:-1]), sorted(named))
        self.assertEqual(len(named), listed)

    def test_docs_are_valid(self):
        try:
            import docutils.core
        except ImportError:
            self.skipTest('docutils is not installed')
        text = generate(Schema(SCHEMA), ['docs'])['qemu-qmp-ref.rst']
        errors = io.StringIO()
        docutils.core.publish_doctree(
            text, settings_overrides={'warning_stream': errors,
                                      'report_level': 2})
        self.assertEqual('', errors.getvalue())


class TestCompile(SchemaCase):
    """What is made from the full language compiles without a warning."""

    FLAGS = ('-std=gnu11 -O1 -Wall -Wextra -Wshadow -Wstrict-prototypes '
             '-Wmissing-prototypes -Wwrite-strings -Wundef -Wvla -Werror '
             '-Wno-unused-parameter -c -D_GNU_SOURCE')

    def compile(self, compiler):
        if not shutil.which(compiler):
            self.skipTest(f'{compiler} is not installed')
        try:
            libs = subprocess.check_output(
                ['pkg-config', '--cflags', 'glib-2.0', 'json-c'], text=True)
        except (OSError, subprocess.CalledProcessError):
            self.skipTest('pkg-config finds no glib-2.0 or json-c')
        out = os.path.join(self.dir, 'qapi')
        self.assertEqual(0, main(['-o', out, self.put(FULL)]))
        for name in sorted(os.listdir(out)):
            if not name.endswith(('.c', '.h')):
                continue
            source = os.path.join(out, name)
            if name.endswith('.h'):
                # each header stands by itself
                source = self.put('#include "qemu/osdep.h"\n'
                                  f'#include "qapi/{name}"\n', 'one.c')
            done = subprocess.run(
                [compiler] + shlex.split(self.FLAGS + ' ' + libs)
                + ['-I', self.dir, '-I', os.path.join(ROOT, 'include'),
                   source, '-o', os.devnull],
                capture_output=True, text=True, check=False)
            self.assertEqual(0, done.returncode, name + done.stderr)

    def test_gcc(self):
        self.compile('gcc')

    def test_clang(self):
        self.compile('clang')


HANDLERS = r'''
#include "qemu/osdep.h"
#include "qapi/qapi-commands.h"
#include "qapi/qapi-events.h"

bool qmp_do_it(QmpContext *ctx, const QmpDoItArgs *args, ChoiceList **ret,
               Error **errp)
{
    for (int i = 0; i < args->d; i++) {
        QAPI_LIST_APPEND(ret, QAPI_CLONE(Choice, args->a));
    }
    return true;
}

Choice *qmp_boxed_one(QmpContext *ctx, const Both *args, Error **errp)
{
    Choice *choice = g_new0(Choice, 1);

    if (args->q_int == 0) {
        g_free(choice);
        error_setg(errp, "zero");
        return NULL;
    }
    choice->type = QTYPE_QNUM;
    choice->u.k = args->q_int + (args->kind == KIND_ONE && args->u.one.has_f);
    return choice;
}

char *qmp_get_str(QmpContext *ctx, Error **errp)
{
    return g_strdup("text");
}

struct json_object *qmp_get_any(QmpContext *ctx, Error **errp)
{
    return json_object_new_array();
}

bool qmp_get_int(QmpContext *ctx, int64_t *ret, Error **errp)
{
    *ret = -7;
    return true;
}

bool qmp_get_strs(QmpContext *ctx, strList **ret, Error **errp)
{
    return true;
}

bool qmp_nothing(QmpContext *ctx, Error **errp)
{
    return true;
}

bool qmp_raw(QmpContext *ctx, struct json_object *args,
             struct json_object **ret, Error **errp)
{
    *ret = json_object_get(args);
    return true;
}

static void print_event(void *opaque, int event, struct json_object *obj)
{
    json_object_object_del(obj, "timestamp");
    puts(json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PLAIN));
}

/* Each pair of arguments is a command and its arguments. */
int main(int argc, char **argv)
{
    QapiEventSink sink = { print_event, NULL };
    QmpContext ctx = { NULL, NULL, NULL };
    Part part = { .x = 5 };
    PartList list = { .value = &part };
    Both both = { .kind = KIND_TWO, .q_int = 3 };

    for (int i = 1; i + 1 < argc; i += 2) {
        const QmpCommand *command = qmp_find_command(argv[i]);
        struct json_object *args = json_tokener_parse(argv[i + 1]);
        struct json_object *ret = NULL;
        Error *err = NULL;

        if (!command) {
            puts("no such command");
        } else if (command->fn(&ctx, args, &ret, &err)) {
            puts(json_object_to_json_string_ext(ret,
                                                JSON_C_TO_STRING_PLAIN));
        } else {
            puts(error_get_pretty(err));
            error_free(err);
        }
        json_object_put(ret);
        json_object_put(args);
    }
    qapi_event_send_happened(&sink, true, KIND_TWO, "s", &both, &list, 0.5);
    qapi_event_send_happened(&sink, false, KIND_ONE, "s", NULL, NULL, 2);
    qapi_event_send_boxed_up(&sink, &both);
    qapi_event_send_plain(&sink);
    return 0;
}
'''

CALLS = [
    ('nothing', '{}', '{}'),
    ('nothing', '{"x": 1}', "Parameter 'x' is unexpected"),
    ('nowhere', '{}', 'no such command'),
    ('get-str', '{}', '"text"'),
    ('get-any', '{}', '[]'),
    ('get-int', '{}', '-7'),
    ('get-strs', '{}', '[]'),
    ('raw', '{"q": 1}', '{"q":1}'),
    ('do-it', '{"a": "s", "d": 2, "e": ""}', '["s","s"]'),
    ('do-it', '{"a": null, "d": 1, "e": "", "c": "two"}', '[null]'),
    ('do-it', '{"a": [1, -2], "d": 1, "e": ""}', '[[1,-2]]'),
    ('do-it', '{"a": {"x": 1, "y": "one", "list": [{"x": 2, "list": []}]},'
     ' "d": 1, "e": ""}',
     '[{"x":1,"y":"one","list":[{"x":2,"list":[]}]}]'),
    ('do-it', '{"a": true, "d": 1, "e": ""}',
     "Invalid parameter type for 'a', expected: Choice"),
    ('do-it', '{"a": 1, "d": 2147483648, "e": ""}',
     "Parameter 'd' expects int32_t"),
    ('do-it', '{"a": 1, "d": 0, "e": "", "b": [{"kind": "one", "int": 256}]}',
     "Parameter 'int' expects uint8_t"),
    ('do-it', '{"a": 1, "d": 0, "e": "", "b": [{"kind": "two", "int": 2,'
     ' "f": 1}]}', "Parameter 'b[0].f' is unexpected"),
    ('boxed-one', '{"kind": "one", "int": 4, "f": 1.5}', '5'),
    ('boxed-one', '{"kind": "two", "int": 4, "any-thing": [1]}', '4'),
    ('boxed-one', '{"kind": "two", "int": 0}', 'zero'),
    ('boxed-one', '{"kind": "one", "int": 4, "f": "x"}',
     "Invalid parameter type for 'f', expected: number"),
]

EVENTS = [
    '{"event":"HAPPENED","data":{"k":"two","s":"s","p":{"kind":"two",'
    '"int":3},"l":[{"x":5}],"n":0.5}}',
    '{"event":"HAPPENED","data":{"s":"s","l":[],"n":2.0}}',
    '{"event":"BOXED_UP","data":{"kind":"two","int":3}}',
    '{"event":"PLAIN"}',
]


class TestRun(SchemaCase):
    """Commands and events of the full language, run under ASan."""

    def test_run(self):
        if not shutil.which('gcc'):
            self.skipTest('gcc is not installed')
        try:
            libs = subprocess.check_output(
                ['pkg-config', '--cflags', '--libs', 'glib-2.0', 'json-c'],
                text=True)
        except (OSError, subprocess.CalledProcessError):
            self.skipTest('pkg-config finds no glib-2.0 or json-c')
        out = os.path.join(self.dir, 'qapi')
        main(['-o', out, self.put(FULL)])
        sources = [os.path.join(out, name) for name in os.listdir(out)
                   if name.endswith('.c')]
        sources += [os.path.join(ROOT, name) for name in
                    ('qapi/event.c', 'qapi/qapi-parse.c', 'qapi/qapi-util.c',
                     'util/error.c', 'util/cutils.c')]
        program = os.path.join(self.dir, 'program')
        done = subprocess.run(
            ['gcc', '-g', '-D_GNU_SOURCE', '-fsanitize=address,undefined',
             '-I', self.dir, '-I', os.path.join(ROOT, 'include'),
             self.put(HANDLERS, 'handlers.c')] + sources
            + ['-o', program] + shlex.split(libs),
            capture_output=True, text=True, check=False)
        self.assertEqual(0, done.returncode, done.stderr)
        argv = [word for name, args, _ in CALLS for word in (name, args)]
        done = subprocess.run([program] + argv, capture_output=True,
                              text=True, check=False)
        self.assertEqual('', done.stderr)
        self.assertEqual(0, done.returncode)
        lines = done.stdout.splitlines()
        for (name, args, want), got in zip(CALLS, lines):
            self.assertEqual(want, got, f'{name} {args}')
        self.assertEqual(EVENTS, lines[len(CALLS):])


class TestIntrospectionText(SchemaCase):
    def test_c_text_is_the_json(self):
        """The strings in the C file are the JSON of the entries."""
        schema = self.schema(FULL)
        text = generate(schema, ['introspect'])['qapi-introspect.c']
        body = text[text.index('= {\n') + 4:text.index('    NULL')]
        found = []
        for entry in body.split(',\n'):
            parts = [json.loads(line) for line in entry.split('\n')
                     if line.strip()]
            if parts:
                found.append(json.loads(''.join(parts)))
        self.assertEqual(schema_infos(schema), found)


if __name__ == '__main__':
    unittest.main()
