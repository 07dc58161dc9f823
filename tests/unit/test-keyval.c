/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Option arguments to JSON. Error texts are stock 10.0.2's. */
#include "qemu/osdep.h"
#include "qapi/keyval.h"

static const struct {
    const char *in, *implied, *out;
} good[] = {
    { "", NULL, "{}" },
    { "", "driver", "{}" },
    { "a=1,b=,c==", NULL, "{\"a\": \"1\", \"b\": \"\", \"c\": \"=\"}" },
    { "a=1,", NULL, "{\"a\": \"1\"}" },
    { "a=x,,y,b=,,", NULL, "{\"a\": \"x,y\", \"b\": \",\"}" },
    { "a=1,a=2", NULL, "{\"a\": \"2\"}" },
    { "q35", "type", "{\"type\": \"q35\"}" },
    { "q35,smm=off", "type", "{\"type\": \"q35\", \"smm\": \"off\"}" },
    { "q,,x,b=1", "type", "{\"type\": \"q,x\", \"b\": \"1\"}" },
    { "type=q35", "type", "{\"type\": \"q35\"}" },
    { "a.b.c=1,a.b.d=2,a.e=3", NULL,
      "{\"a\": {\"b\": {\"c\": \"1\", \"d\": \"2\"}, \"e\": \"3\"}}" },
    { "l.1=b,l.0=a", NULL, "{\"l\": [\"a\", \"b\"]}" },
    { "l.0.x=a,l.1.x=b", NULL, "{\"l\": [{\"x\": \"a\"}, {\"x\": \"b\"}]}" },
    { "m.0.0=a,m.0.1=b,m.1.0=c", NULL,
      "{\"m\": [[\"a\", \"b\"], [\"c\"]]}" },
    { "__org.x_y-z=1,A_b=2", NULL, "{\"__org.x_y-z\": \"1\", \"A_b\": \"2\"}" },
    { "help=1", NULL, "{\"help\": \"1\"}" },
};

static void test_good(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        struct json_object *want = json_tokener_parse(good[i].out);
        struct json_object *got;
        Error *err = NULL;

        g_test_message("%s", good[i].in);
        got = keyval_parse(good[i].in, good[i].implied, NULL, &err);
        g_assert_null(err);
        g_assert_true(json_object_equal(got, want));
        json_object_put(got);
        json_object_put(want);
    }
}

static const struct {
    const char *in, *implied, *error;
} bad[] = {
    { "foo", NULL, "Expected '=' after parameter 'foo'" },
    { "a=b,null-co", "driver", "Expected '=' after parameter 'null-co'" },
    { "x,foo", "driver", "Expected '=' after parameter 'foo'" },
    { "help", NULL, "Expected '=' after parameter 'help'" },
    { "=5", NULL, "Invalid parameter ''" },
    { ",a=b", "driver", "Invalid parameter ''" },
    { "a=1,,=2", NULL, NULL }, /* a value with a comma: no error */
    { "a..b=1", NULL, "Invalid parameter 'a..b'" },
    { "a.=1", NULL, "Invalid parameter 'a.'" },
    { ".a=1", NULL, "Invalid parameter '.a'" },
    { "9a=1", NULL, "Invalid parameter '9a'" },
    { "9=1", NULL, "Invalid parameter '9'" },
    { "_a=1", NULL, "Invalid parameter '_a'" },
    { "__a=1", NULL, "Invalid parameter '__a'" },
    { "a b=1", NULL, "Invalid parameter 'a b'" },
    { "c=1,c.d=on", NULL, "Parameters 'c.*' used inconsistently" },
    { "c.d=on,c=1", NULL, "Parameters 'c.*' used inconsistently" },
    { "c.0=on,c.x=1", NULL, "Parameters 'c.*' used inconsistently" },
    { "b.c.0=on,b.c.x=1", NULL, "Parameters 'b.c.*' used inconsistently" },
    { "c.1=on", NULL, "Parameter 'c.0' missing" },
    { "c.0=a,c.2=b", NULL, "Parameter 'c.1' missing" },
    { "c.99999999999999999999=b", NULL, "Parameter 'c.0' missing" },
    { "c.00=b", NULL, "Parameter 'c.0' missing" },
    { "a.0.b.1=x", NULL, "Parameter 'a.0.b.0' missing" },
};

static void test_bad(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        struct json_object *got;
        Error *err = NULL;

        g_test_message("%s", bad[i].in);
        got = keyval_parse(bad[i].in, bad[i].implied, NULL, &err);
        if (bad[i].error) {
            g_assert_null(got);
            g_assert_cmpstr(error_get_pretty(err), ==, bad[i].error);
        } else {
            g_assert_nonnull(got);
        }
        error_free(err);
        json_object_put(got);
    }
}

static void test_help(void)
{
    struct json_object *got;
    bool help;

    got = keyval_parse("help", "type", &help, NULL);
    g_assert_true(help);
    g_assert_cmpint(json_object_object_length(got), ==, 0);
    json_object_put(got);
    got = keyval_parse("q35,?,a=1", "type", &help, NULL);
    g_assert_true(help);
    g_assert_cmpint(json_object_object_length(got), ==, 2);
    json_object_put(got);
    got = keyval_parse("q35,a=help", "type", &help, NULL);
    g_assert_false(help);
    json_object_put(got);
}

/* Long keys, deep keys and long arguments end in an error, not in trouble. */
static void test_bounds(void)
{
    g_autofree char *key = g_strnfill(KEYVAL_MAX_KEY + 1, 'k');
    g_autofree char *params = g_strdup_printf("%s=1", key);
    g_autofree char *huge = g_strnfill(KEYVAL_MAX_PARAMS + 1, 'v');
    g_autoptr(GString) deep = g_string_new("a");
    struct json_object *got;
    Error *err = NULL;

    g_assert_null(keyval_parse(params, NULL, NULL, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), "is longer than"));
    error_free(err);
    err = NULL;
    got = keyval_parse(params + 1, NULL, NULL, &err);
    g_assert_nonnull(got);
    json_object_put(got);
    memcpy(huge, "a=", 2);
    g_assert_null(keyval_parse(huge, NULL, NULL, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), "is longer than"));
    error_free(err);
    err = NULL;
    while (deep->len + 2 <= KEYVAL_MAX_KEY) {
        g_string_append(deep, ".0");
    }
    g_string_append(deep, "=x");
    got = keyval_parse(deep->str, NULL, NULL, &err);
    g_assert_nonnull(got);
    json_object_put(got);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/keyval/good", test_good);
    g_test_add_func("/keyval/bad", test_bad);
    g_test_add_func("/keyval/help", test_help);
    g_test_add_func("/keyval/bounds", test_bounds);
    return g_test_run();
}
