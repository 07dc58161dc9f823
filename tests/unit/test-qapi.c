/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QAPI runtime: JSON to C and back by the schema's own types, error texts,
 * events, introspection. Under ASan this also shows that nothing leaks on
 * the error paths.
 */
#include "qemu/osdep.h"
#include "qapi/event-sink.h"
#include "qapi/introspect.h"
#include "qapi/keyval.h"
#include "qapi/qapi-emit-events.h"
#include "qapi/qapi-events.h"
#include "qapi/qapi-visit.h"

static struct json_object *json(const char *text)
{
    enum json_tokener_error err;
    struct json_object *obj = json_tokener_parse_verbose(text, &err);

    g_assert_cmpint(err, ==, json_tokener_success);
    return obj;
}

static bool parse(const QapiType *type, struct json_object *in, void **out,
                  Error **errp)
{
    QapiInput input = { .json = in };

    return qapi_parse(type, &input, out, errp);
}

static void assert_json(struct json_object *got, const char *text)
{
    struct json_object *want = json(text);

    if (!json_object_equal(got, want)) {
        g_error("got %s, expected %s", json_object_to_json_string(got), text);
    }
    json_object_put(want);
}

/* @text becomes a C object, a clone, and the same JSON from both. */
static void round_trip(const QapiType *type, const char *text)
{
    struct json_object *in = json(text), *out;
    void *obj = NULL, *copy;
    Error *err = NULL;

    g_assert_true(parse(type, in, &obj, &err));
    g_assert_null(err);
    json_object_put(in);
    copy = qapi_clone(type, obj);
    out = qapi_build(type, obj);
    assert_json(out, text);
    json_object_put(out);
    qapi_free(type, obj);
    out = qapi_build(type, copy);
    assert_json(out, text);
    json_object_put(out);
    qapi_free(type, copy);
}

static void test_round_trip(void)
{
    round_trip(&qapi_type_MigrationParameters, "{}");
    round_trip(&qapi_type_MigrationParameters,
               "{\"max-bandwidth\": 18446744073709551615,"
               " \"downtime-limit\": 0, \"zero-page-detection\": \"legacy\"}");
    round_trip(&qapi_type_QmpMigrateArgs,
               "{\"channels\": [{\"channel-type\": \"main\", \"addr\":"
               " {\"transport\": \"socket\", \"type\": \"inet\","
               "  \"host\": \"h\", \"port\": \"1\", \"to\": 65535,"
               "  \"ipv6\": false}},"
               " {\"channel-type\": \"main\", \"addr\":"
               " {\"transport\": \"exec\", \"args\": [\"a\", \"\", \"c\"]}},"
               " {\"channel-type\": \"main\", \"addr\":"
               " {\"transport\": \"file\", \"filename\": \"f\","
               "  \"offset\": 4096}}], \"detach\": true}");
    round_trip(&qapi_type_ObjectOptions,
               "{\"qom-type\": \"memory-backend-file\", \"id\": \"m\","
               " \"size\": 1048576, \"mem-path\": \"/x\","
               " \"readonly\": true, \"offset\": 0}");
    round_trip(&qapi_type_MigrationInfo,
               "{\"status\": \"active\", \"ram\": {\"transferred\": 1,"
               " \"remaining\": 2, \"total\": -3, \"duplicate\": 4,"
               " \"normal\": 5, \"normal-bytes\": 6,"
               " \"dirty-pages-rate\": 7, \"mbps\": 8.25,"
               " \"dirty-sync-count\": 9, \"postcopy-requests\": 10,"
               " \"page-size\": 4096, \"multifd-bytes\": 0,"
               " \"pages-per-second\": 12, \"precopy-bytes\": 13,"
               " \"downtime-bytes\": 14, \"postcopy-bytes\": 15,"
               " \"dirty-sync-missed-zero-copy\": 16},"
               " \"blocked-reasons\": [\"x\", \"y\"], \"socket-address\": ["
               " {\"type\": \"unix\", \"path\": \"p\"},"
               " {\"type\": \"fd\", \"str\": \"3\"}]}");
    round_trip(&qapi_type_ObjectPropertyInfo,
               "{\"name\": \"n\", \"type\": \"t\","
               " \"default-value\": {\"a\": [1, 2.5, \"x\", true]}}");
    round_trip(&qapi_type_CpuInfoFastList,
               "[{\"cpu-index\": 0, \"qom-path\": \"/p\", \"thread-id\": 7,"
               " \"target\": \"x86_64\", \"props\": {\"core-id\": 1}}]");
    round_trip(&qapi_type_strList, "[]");
}

static void test_fields(void)
{
    struct json_object *in = json("{\"type\": \"inet\", \"host\": \"h\","
                                  " \"port\": \"9\", \"to\": 10}");
    g_autoptr(SocketAddress) addr = NULL;
    g_autoptr(SocketAddress) copy = NULL;

    g_assert_true(qapi_parse_SocketAddress(in, 0, NULL, &addr, NULL));
    json_object_put(in);
    g_assert_cmpint(addr->type, ==, SOCKET_ADDRESS_TYPE_INET);
    g_assert_cmpstr(addr->u.inet.host, ==, "h");
    g_assert_true(addr->u.inet.has_to);
    g_assert_cmpint(addr->u.inet.to, ==, 10);
    g_assert_false(addr->u.inet.has_ipv4);
    copy = QAPI_CLONE(SocketAddress, addr);
    g_assert_cmpstr(copy->u.inet.host, ==, "h");
    g_assert_true(copy->u.inet.host != addr->u.inet.host);
}

static void test_list_macros(void)
{
    g_autoptr(strList) list = NULL;
    strList **tail = &list;
    struct json_object *out;

    QAPI_LIST_APPEND(tail, g_strdup("b"));
    QAPI_LIST_APPEND(tail, g_strdup("c"));
    QAPI_LIST_PREPEND(list, g_strdup("a"));
    out = qapi_build_strList(list);
    assert_json(out, "[\"a\", \"b\", \"c\"]");
    json_object_put(out);
}

static void test_enum(void)
{
    MigrationStatus status;
    Error *err = NULL;

    for (int i = 0; i < MIGRATION_STATUS__MAX; i++) {
        g_assert_true(MigrationStatus_parse(MigrationStatus_str(i), &status,
                                            &err));
        g_assert_cmpint(status, ==, i);
    }
    g_assert_cmpint(MIGRATION_STATUS_NONE, ==, 0);
    g_assert_cmpstr(RunState_str(RUN_STATE_GUEST_PANICKED), ==,
                    "guest-panicked");
    g_assert_false(MigrationStatus_parse("Active", &status, &err));
    g_assert_nonnull(err);
    error_free(err);
}

/* Texts as stock 10.0.2 gives them, but for "nested" and "NUL". */
static const struct {
    const QapiType *type;
    const char *in;
    const char *error;
} bad[] = {
    { &qapi_type_QmpMigrateArgs, "{\"uri\": 5}",
      "Invalid parameter type for 'uri', expected: string" },
    { &qapi_type_QmpMigrateArgs, "{\"uri\": null}",
      "Invalid parameter type for 'uri', expected: string" },
    { &qapi_type_QmpMigrateArgs, "{\"uri\": \"a\\u0000b\"}",
      "Parameter 'uri' contains a NUL character" },
    { &qapi_type_QmpMigrateArgs, "{\"uri\": \"x\", \"foo\": 1}",
      "Parameter 'foo' is unexpected" },
    { &qapi_type_QmpMigrateSetCapabilitiesArgs, "{}",
      "Parameter 'capabilities' is missing" },
    { &qapi_type_QmpMigrateSetCapabilitiesArgs, "{\"capabilities\": 5}",
      "Invalid parameter type for 'capabilities', expected: array" },
    { &qapi_type_QmpMigrateSetCapabilitiesArgs, "{\"capabilities\": [5]}",
      "Invalid parameter type for 'capabilities[0]', expected: object" },
    { &qapi_type_QmpMigrateSetCapabilitiesArgs,
      "{\"capabilities\": [{\"capability\": \"zz\", \"state\": true}]}",
      "Parameter 'capability' does not accept value 'zz'" },
    { &qapi_type_QmpMigrateSetCapabilitiesArgs,
      "{\"capabilities\": [{\"capability\": \"events\", \"state\": 1}]}",
      "Invalid parameter type for 'capabilities[0].state', expected: boolean" },
    { &qapi_type_QmpMigrateSetCapabilitiesArgs,
      "{\"capabilities\": [{\"capability\": \"events\", \"state\": true,"
      " \"x\": 1}]}",
      "Parameter 'capabilities[0].x' is unexpected" },
    { &qapi_type_QmpMigrateSetCapabilitiesArgs,
      "{\"capabilities\": [{\"capability\": \"events\", \"state\": true},"
      " {\"state\": true}]}",
      "Parameter 'capabilities[1].capability' is missing" },
    { &qapi_type_MigrationParameters, "{\"max-bandwidth\": \"x\"}",
      "Parameter 'max-bandwidth' expects uint64" },
    { &qapi_type_MigrationParameters, "{\"downtime-limit\": 1.5}",
      "Parameter 'downtime-limit' expects uint64" },
    { &qapi_type_QmpMigrateArgs,
      "{\"channels\": [{\"channel-type\": \"main\", \"addr\":"
      " {\"transport\": \"socket\", \"type\": \"inet\", \"port\": \"1\"}}]}",
      "Parameter 'channels[0].addr.host' is missing" },
    { &qapi_type_QmpMigrateArgs,
      "{\"channels\": [{\"channel-type\": \"main\", \"addr\":"
      " {\"transport\": \"zz\"}}]}",
      "Parameter 'transport' does not accept value 'zz'" },
    { &qapi_type_QmpMigrateArgs,
      "{\"channels\": [{\"channel-type\": \"main\", \"addr\": {}}]}",
      "Parameter 'channels[0].addr.transport' is missing" },
    { &qapi_type_QmpMigrateArgs,
      "{\"channels\": [{\"channel-type\": \"main\", \"addr\":"
      " {\"transport\": \"exec\", \"args\": [1]}}]}",
      "Invalid parameter type for 'channels[0].addr.args[0]', "
      "expected: string" },
    { &qapi_type_QmpMigrateArgs,
      "{\"channels\": [{\"channel-type\": \"main\", \"addr\":"
      " {\"transport\": \"socket\", \"type\": \"inet\", \"host\": \"h\","
      " \"port\": \"1\", \"to\": 65536}}]}",
      "Parameter 'to' expects uint16_t" },
    { &qapi_type_QmpYankArgs,
      "{\"instances\": [{\"type\": \"migration\", \"id\": \"q\"}]}",
      "Parameter 'instances[0].id' is unexpected" },
    { &qapi_type_QmpMemsaveArgs,
      "{\"val\": 1, \"size\": 1, \"filename\": \"x\","
      " \"cpu-index\": 9223372036854775808}",
      "Invalid parameter type for 'cpu-index', expected: integer" },
    { &qapi_type_QmpMemsaveArgs,
      "{\"val\": 1, \"size\": 1, \"filename\": \"x\", \"cpu-index\": 1.0}",
      "Invalid parameter type for 'cpu-index', expected: integer" },
};

static void test_errors(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        struct json_object *in = json(bad[i].in);
        void *obj = NULL;
        Error *err = NULL;

        g_test_message("%s", bad[i].in);
        g_assert_false(parse(bad[i].type, in, &obj, &err));
        g_assert_null(obj);
        g_assert_cmpstr(error_get_pretty(err), ==, bad[i].error);
        error_free(err);
        g_assert_false(parse(bad[i].type, in, &obj, NULL));
        json_object_put(in);
    }
}

static void test_error_prefix(void)
{
    struct json_object *in = json("{\"type\": \"unix\"}");
    SocketAddress *addr = NULL;
    Error *err = NULL;

    g_assert_false(qapi_parse_SocketAddress(in, 0, "addr", &addr, &err));
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "Parameter 'addr.path' is missing");
    error_free(err);
    json_object_put(in);
}

static void test_args(void)
{
    struct json_object *in = json("{\"foo\": 1}");
    void *args = NULL;
    Error *err = NULL;

    g_assert_true(qapi_parse_args(NULL, NULL, NULL, &err));
    g_assert_true(qapi_parse_args(&qapi_type_QmpMigrateArgs, NULL, &args,
                                  &err));
    qapi_free(&qapi_type_QmpMigrateArgs, args);
    g_assert_false(qapi_parse_args(NULL, in, NULL, &err));
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "Parameter 'foo' is unexpected");
    error_free(err);
    err = NULL;
    g_assert_false(qapi_parse_args(&qapi_type_QmpObjectDelArgs, NULL, &args,
                                   &err));
    g_assert_cmpstr(error_get_pretty(err), ==, "Parameter 'id' is missing");
    error_free(err);
    json_object_put(in);
}

/* Options with their outcome: JSON, or an error if it does not start so. */
static const struct {
    const char *in, *out;
} options[] = {
    { "memory-backend-ram,id=m,size=1M,share=on",
      "{\"qom-type\": \"memory-backend-ram\", \"id\": \"m\","
      " \"size\": 1048576, \"share\": true}" },
    { "memory-backend-memfd,id=m,size=0x1000,seal=no,hugetlbsize=2m",
      "{\"qom-type\": \"memory-backend-memfd\", \"id\": \"m\","
      " \"size\": 4096, \"seal\": false, \"hugetlbsize\": 2097152}" },
    { "memory-backend-ram,id=m,size=5Z",
      "Parameter 'size' expects a size value" },
    { "memory-backend-ram,id=m,size=-1",
      "Parameter 'size' expects a size value" },
    { "memory-backend-ram,id=m,size=99999999999999999999",
      "Parameter 'size' expects a size value" },
    { "memory-backend-ram,id=m,size=1,share=maybe",
      "Parameter 'share' expects 'on' or 'off'" },
    { "memory-backend-ram,id=m,size.a=1",
      "Parameters 'size.*' are unexpected" },
    { "memory-backend-ram,id=m,size=1,foo.bar=1",
      "Parameter 'foo' is unexpected" },
    { "memory-backend-ram,id=m", "Parameter 'size' is missing" },
    { "zz", "Parameter 'qom-type' does not accept value 'zz'" },
};

static void test_keyval_input(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        struct json_object *in, *out;
        g_autoptr(ObjectOptions) obj = NULL;
        Error *err = NULL;

        in = keyval_parse(options[i].in, "qom-type", NULL, NULL);
        g_assert_nonnull(in);
        if (qapi_parse_ObjectOptions(in, QAPI_PARSE_KEYVAL, NULL, &obj,
                                     &err)) {
            out = qapi_build_ObjectOptions(obj);
            assert_json(out, options[i].out);
            json_object_put(out);
        } else {
            g_assert_cmpstr(error_get_pretty(err), ==, options[i].out);
            error_free(err);
        }
        json_object_put(in);
    }
}

static void test_keyval_integers(void)
{
    static const struct {
        const char *in, *out;
    } table[] = {
        { "val=0x10,size=8,filename=f,cpu-index=-3",
          "{\"val\": 16, \"size\": 8, \"filename\": \"f\","
          " \"cpu-index\": -3}" },
        { "val=abc,size=8,filename=f", "Parameter 'val' expects uint64" },
        { "val=,size=8,filename=f", "Parameter 'val' expects uint64" },
        { "val= 1,size=8,filename=f", "Parameter 'val' expects uint64" },
        { "val=1,size=8,filename=f,cpu-index=1x",
          "Parameter 'cpu-index' expects integer" },
        { "val=1,size=8,filename=f,cpu-index=99999999999999999999",
          "Parameter 'cpu-index' expects integer" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        struct json_object *in = keyval_parse(table[i].in, NULL, NULL, NULL);
        g_autoptr(QmpMemsaveArgs) obj = NULL;
        Error *err = NULL;

        if (qapi_parse_QmpMemsaveArgs(in, QAPI_PARSE_KEYVAL, NULL, &obj,
                                      &err)) {
            struct json_object *out = qapi_build_QmpMemsaveArgs(obj);

            assert_json(out, table[i].out);
            json_object_put(out);
        } else {
            g_assert_cmpstr(error_get_pretty(err), ==, table[i].out);
            error_free(err);
        }
        json_object_put(in);
    }
}

/* An alternate as the generator lays it out; the schema has none yet. */
typedef struct Alt {
    QType type;
    union {
        char *s;
        FdSocketAddress obj;
        int64_t i;
        bool b;
        strList *list;
    } u;
} Alt;

static const QapiType *const alt_branches[QTYPE__MAX] = {
    [QTYPE_QSTRING] = &qapi_type_str,
    [QTYPE_QNULL] = &qapi_type_null,
    [QTYPE_QDICT] = &qapi_type_FdSocketAddress,
    [QTYPE_QNUM] = &qapi_type_int,
    [QTYPE_QLIST] = &qapi_type_strList,
};

static const QapiType alt_type = {
    .name = "Alt",
    .kind = QAPI_KIND_ALTERNATE,
    .size = sizeof(Alt),
    .variants = alt_branches,
    .u_offset = offsetof(Alt, u),
};

static void test_alternate(void)
{
    struct json_object *in = json("true");
    QapiInput input = { .json = in, .name = "a" };
    Error *err = NULL;
    void *obj = NULL;

    round_trip(&alt_type, "\"text\"");
    round_trip(&alt_type, "null");
    round_trip(&alt_type, "-12");
    round_trip(&alt_type, "{\"str\": \"fd\"}");
    round_trip(&alt_type, "[\"a\", \"b\"]");
    g_assert_false(qapi_parse(&alt_type, &input, &obj, &err));
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "Invalid parameter type for 'a', expected: Alt");
    error_free(err);
    json_object_put(in);
    in = input.json = json("{\"str\": \"fd\", \"x\": 1}");
    err = NULL;
    g_assert_false(qapi_parse(&alt_type, &input, &obj, &err));
    g_assert_cmpstr(error_get_pretty(err), ==, "Parameter 'a.x' is unexpected");
    error_free(err);
    json_object_put(in);
}

/* A type that contains itself, for inputs of any depth. */
static const QapiType nest_type, nest_list_type;

typedef struct NestList {
    struct NestList *next;
    struct Nest *value;
} NestList;

typedef struct Nest {
    NestList *sub;
} Nest;

static const QapiMember nest_members[] = {
    QAPI_OPT_MEMBER(Nest, sub, "sub", &nest_list_type),
};

static const QapiType nest_list_type = {
    .name = "NestList",
    .kind = QAPI_KIND_LIST,
    .size = sizeof(NestList),
    .element = &nest_type,
    .u_offset = offsetof(NestList, value),
};

static const QapiType nest_type = {
    .name = "Nest",
    .kind = QAPI_KIND_OBJECT,
    .size = sizeof(Nest),
    .members = nest_members,
    .n_members = 1,
};

static struct json_object *make_nest(unsigned levels)
{
    struct json_object *obj = json_object_new_object();

    for (unsigned i = 0; i < levels; i++) {
        struct json_object *outer = json_object_new_object();
        struct json_object *list = json_object_new_array();

        json_object_array_add(list, obj);
        json_object_object_add(outer, "sub", list);
        obj = outer;
    }
    return obj;
}

static void test_depth(void)
{
    struct json_object *in = make_nest(QAPI_MAX_DEPTH / 2);
    Error *err = NULL;
    void *obj = NULL;

    g_assert_true(parse(&nest_type, in, &obj, NULL));
    qapi_free(&nest_type, obj);
    json_object_put(in);
    in = make_nest(QAPI_MAX_DEPTH / 2 + 1);
    g_assert_false(parse(&nest_type, in, &obj, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), "nested too deeply"));
    error_free(err);
    json_object_put(in);
}

typedef struct Heard {
    int event;
    struct json_object *obj;
} Heard;

static void hear(void *opaque, int event, struct json_object *obj)
{
    Heard *heard = opaque;

    heard->event = event;
    heard->obj = json_object_get(obj);
}

static void test_events(void)
{
    Heard heard = { 0 };
    QapiEventSink sink = { .emit = hear, .opaque = &heard };
    struct json_object *stamp, *field;

    qapi_event_send_shutdown(&sink, true, SHUTDOWN_CAUSE_GUEST_RESET);
    g_assert_cmpint(heard.event, ==, QAPI_EVENT_SHUTDOWN);
    g_assert_cmpstr(QAPIEvent_str(heard.event), ==, "SHUTDOWN");
    g_assert_true(json_object_object_get_ex(heard.obj, "timestamp", &stamp));
    g_assert_true(json_object_object_get_ex(stamp, "seconds", &field));
    g_assert_cmpint(json_object_get_int64(field), >, 1000000000);
    g_assert_true(json_object_object_get_ex(stamp, "microseconds", &field));
    g_assert_cmpint(json_object_get_int64(field), <, 1000000);
    json_object_object_del(heard.obj, "timestamp");
    assert_json(heard.obj, "{\"event\": \"SHUTDOWN\", \"data\":"
                           " {\"guest\": true, \"reason\": \"guest-reset\"}}");
    json_object_put(heard.obj);

    qapi_event_send_stop(&sink);
    json_object_object_del(heard.obj, "timestamp");
    assert_json(heard.obj, "{\"event\": \"STOP\"}");
    json_object_put(heard.obj);

    heard.obj = NULL;
    qapi_event_send_migration(NULL, MIGRATION_STATUS_ACTIVE);
    g_assert_null(heard.obj);
}

/* Every entry fits the schema's own description of entries. */
static void test_introspect(void)
{
    struct json_object *list = qmp_introspect();
    g_autoptr(SchemaInfoList) infos = NULL;
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    Error *err = NULL;

    g_assert_true(qapi_parse_SchemaInfoList(list, 0, NULL, &infos, &err));
    for (SchemaInfoList *it = infos; it; it = it->next) {
        g_assert_true(g_hash_table_add(names, it->value->name));
    }
    for (SchemaInfoList *it = infos; it; it = it->next) {
        if (it->value->meta_type == SCHEMA_META_TYPE_COMMAND) {
            g_assert_true(g_hash_table_contains(
                names, it->value->u.command.arg_type));
            g_assert_true(g_hash_table_contains(
                names, it->value->u.command.ret_type));
        }
    }
    g_assert_true(g_hash_table_contains(names, "migrate"));
    g_assert_true(g_hash_table_contains(names, "MIGRATION_PASS"));
    g_assert_false(g_hash_table_contains(names, "MigrationStatus"));
    json_object_put(list);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qapi/round-trip", test_round_trip);
    g_test_add_func("/qapi/fields", test_fields);
    g_test_add_func("/qapi/list-macros", test_list_macros);
    g_test_add_func("/qapi/enum", test_enum);
    g_test_add_func("/qapi/errors", test_errors);
    g_test_add_func("/qapi/error-prefix", test_error_prefix);
    g_test_add_func("/qapi/args", test_args);
    g_test_add_func("/qapi/keyval-input", test_keyval_input);
    g_test_add_func("/qapi/keyval-integers", test_keyval_integers);
    g_test_add_func("/qapi/alternate", test_alternate);
    g_test_add_func("/qapi/depth", test_depth);
    g_test_add_func("/qapi/events", test_events);
    g_test_add_func("/qapi/introspect", test_introspect);
    return g_test_run();
}
