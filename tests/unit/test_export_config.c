// SPDX-License-Identifier: Apache-2.0
/* The keys of a target: what is taken, what is refused with which remedy, and that secrets stay
 * put. */
#include "export/export.h"
#include "export/secret.h"

#include <cresset/sink.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/alloc_fail.h"
#include "support/fixture.h"

#define SECRET "s3cr3t"

static struct export_config *new_config(void)
{
	struct export_config *c = NULL;

	assert_int_equal(export_config_new("central", &c), 0);
	return c;
}

/* Sets pairs up to NULL, then checks the whole. */
static int configure_list(struct export_config *c, struct cresset_error *err, va_list list)
{
	const char *key;
	int r = 0;

	err->text[0] = '\0';
	while (r == 0 && (key = va_arg(list, const char *)))
		r = export_config_set(c, key, va_arg(list, const char *), err);
	return r ? r : export_config_check(c, err);
}

static int configure(struct export_config *c, struct cresset_error *err, ...)
{
	va_list list;
	int r;

	va_start(list, err);
	r = configure_list(c, err, list);
	va_end(list);
	return r;
}

static void expect_refused(int code, const char *remedy, ...)
{
	struct export_config *c = new_config();
	struct cresset_error err;
	va_list list;

	va_start(list, remedy);
	assert_int_equal(configure_list(c, &err, list), code);
	va_end(list);
	assert_non_null(strstr(err.text, remedy));
	assert_null(strstr(err.text, SECRET));
	export_config_free(c);
}
#define refused(...) expect_refused(__VA_ARGS__, NULL)

static void test_refused(void **state)
{
	refused(-EINVAL, "url is missing", "type", "otlp");
	refused(-EINVAL, "set type", "url", "http://server");
	refused(-EINVAL, "set type", "url", "http://server:4040/base");
	refused(-EINVAL, "https://server", "url", "a b");
	refused(-EINVAL, "http://", "url", "ftp://server");
	refused(-EINVAL, "http://", "url", "file:///etc/passwd");
	refused(-EINVAL, "password_file", "url", "https://me:" SECRET "@server:4040");
	refused(-EINVAL, "password_file", "url", "https://" SECRET "@server:4040");
	refused(-EINVAL, "headers_file", "url", "https://server:4040/?token=" SECRET);
	refused(-EINVAL, "password_file", "proxy", "http://me:" SECRET "@proxy:3128");
	refused(-ENOENT, "did you mean 'bearer_file'", "bearer_fil", SECRET);
	refused(-EINVAL, "unknown type", "type", "carbon");
	refused(-EINVAL, "yes or no", "insecure", "maybe");
	refused(-EINVAL, "10s", "timeout", "soon");
	refused(-EINVAL, "64M", "spool_max_bytes", "much");
	refused(-EINVAL, "POST or PUT", "method", "DELETE");
	refused(-EINVAL, "http only", "type", "otlp", "url", "http://s:4318", "method", "PUT");
	refused(-EINVAL, "X-Name", "header", "Content-Length: 5");
	refused(-EINVAL, "X-Name", "header", "X-A: b\r\nX-B: " SECRET);
	refused(-EINVAL, "X-Name", "header", SECRET);
	refused(-EINVAL, "path must", "path", "relative");
	refused(-EINVAL, "path must", "path", "/a/../../b");
	refused(-EINVAL, "path must", "path", "/{a{b}}");
	refused(-EINVAL, "path must", "path", "/{a");
	refused(-EINVAL, "path must", "path", "/a?b");
	refused(-EINVAL, "not both", "url", "http://s:4040", "bearer_file", "/a", "bearer_env",
		"A");
	refused(-EINVAL, "not both", "url", "http://s:4040", "bearer_file", "/dev/null", "user",
		"me");
	refused(-EINVAL, "user needs", "url", "http://s:4040", "user", "me");
	refused(-EINVAL, "need a user", "url", "http://s:4040", "password_env", "HOME");
	refused(-ENOENT, "cannot read /nowhere", "url", "http://s:4040", "bearer_file", "/nowhere");
	refused(-EINVAL, "first line", "url", "http://s:4040", "bearer_file", "/dev/null");
	refused(-ENOENT, "NOT_SET_AT_ALL", "url", "http://s:4040", "bearer_env", "NOT_SET_AT_ALL");
	refused(-ENOENT, "ca /nowhere", "url", "https://s:4040", "ca", "/nowhere");
	refused(-EINVAL, "aws_region", "type", "s3", "url", "https://s3/bucket", "aws_region",
		"EU west");
	refused(-EINVAL, "retry_min", "url", "http://s:4040", "retry_min", "2m");
}

static void test_type_from_url(void **state)
{
	static const char *const cases[][3] = {
		{"http://server:4040", "pyroscope", "http://server:4040"},
		{"http://server:4040/", "pyroscope", "http://server:4040"},
		{"https://[::1]:7070", "parca", "https://[::1]:7070"},
		{"http://collector:4318", "otlp", "http://collector:4318"},
		{"https://x/base/push.v1.PusherService/Push", "pyroscope", "https://x/base"},
		{"https://x/ingest", "ingest", "https://x"},
		{"https://x/api/profiles/writeraw", "parca_json", "https://x"},
		{"https://x/v1development/profiles", "otlp", "https://x"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct export_config *c = new_config();
		struct cresset_error err;

		assert_int_equal(configure(c, &err, "url", cases[i][0], NULL), 0);
		assert_string_equal(export_config_type(c), cases[i][1]);
		assert_string_equal(export_config_url(c), cases[i][2]);
		export_config_free(c);
	}
}

static void test_print_hides(void **state)
{
	struct export_config *c = new_config();
	struct cresset_sink *sink = NULL;
	struct cresset_error err;
	struct fixture f;
	const char *text;
	size_t n;

	fixture_init(&f);
	fixture_write(&f, "token", SECRET "\n", 7);
	assert_int_equal(configure(c, &err, "url", "http://s:4040", "bearer_file",
				   fixture_path(&f, "token"), "header", "X-Key: " SECRET, "tenant",
				   "t", "timeout", "3s", "insecure", "yes", NULL),
			 0);
	assert_int_equal(cresset_sink_memory(&sink), 0);
	assert_int_equal(export_config_print(c, sink), 0);
	assert_int_equal(cresset_sink_write(sink, "", 1), 0);
	text = cresset_sink_data(sink, &n);
	assert_null(strstr(text, SECRET));
	assert_non_null(strstr(text, "type = pyroscope\n"));
	assert_non_null(strstr(text, "header = X-Key: ...\n"));
	assert_non_null(strstr(text, "insecure = yes\n"));
	assert_non_null(strstr(text, "bearer_file = "));
	cresset_sink_abort(sink);
	export_config_free(c);
	fixture_release(&f);
}

static void test_equal(void **state)
{
	static const char *const pairs[][2] = {{"url", "http://s:4318"},  {"type", "otlp"},
					       {"header", "X-A: 1"},	  {"timeout", "3s"},
					       {"spool_max_bytes", "1M"}, {"insecure", "yes"}};
	struct export_config *a = new_config(), *b = new_config();

	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		assert_int_equal(export_config_set(a, pairs[i][0], pairs[i][1], NULL), 0);
		assert_false(export_config_equal(a, b));
		assert_int_equal(export_config_set(b, pairs[i][0], pairs[i][1], NULL), 0);
		assert_true(export_config_equal(a, b));
	}
	export_config_free(a);
	export_config_free(b);
}

static void test_names(void **state)
{
	struct export_config *c = NULL;

	assert_int_equal(export_config_new("", &c), -EINVAL);
	assert_int_equal(export_config_new("../x", &c), -EINVAL);
	assert_int_equal(export_config_new(".", &c), -EINVAL);
	assert_int_equal(export_config_new("a/b", &c), -EINVAL);
	c = new_config();
	assert_int_equal(export_config_default_spool(c, "/var/lib/x"), 0);
	assert_string_equal(c->spool, "/var/lib/x/central");
	assert_int_equal(export_config_default_spool(c, "/elsewhere"), 0);
	assert_string_equal(c->spool, "/var/lib/x/central");
	export_config_free(c);
}

/* Every key has a text, every target a row and a file of its name. */
static void test_tables(void **state)
{
	const char *name, *help;
	struct export_key key;
	size_t n = 0;

	for (; export_target_at(n, &name, &help); n++) {
		char path[256];
		FILE *file;

		snprintf(path, sizeof(path), TEST_SOURCE_DIR "/profiler/export/%s.c", name);
		file = fopen(path, "re");
		assert_non_null(file);
		fclose(file);
		assert_true(*help);
		assert_non_null(export_target_by_name(name)->encode);
	}
	assert_int_equal(n, 7);
	for (n = 0; export_key_at(n, &key); n++)
		assert_true(*key.name && *key.arg && *key.help);
	assert_true(n > 20);
	for (int i = 0; i < EXPORT_DROP_COUNT; i++)
		assert_true(*export_drop_name((enum export_drop)i) &&
			    *export_drop_help((enum export_drop)i));
}

static void test_secrets(void **state)
{
	struct secret s = {NULL};
	struct fixture f;
	char text[] = "you sent top-secret and top-secret", few[] = "abc", cut[] = "it was top-sec";
	char basic[] = "Basic bWU6dG9wLXNlY3JldA==",
	     headers[] = "got k3y-of-mine with b4r4, not b4r";

	fixture_init(&f);
	fixture_write(&f, "two", "top-secret\r\nsecond line", 23);
	assert_int_equal(secret_from_file(&s, fixture_path(&f, "two"), NULL), 0);
	assert_string_equal(s.text, "top-secret");
	secret_redact(&s, text);
	assert_string_equal(text, "you sent ********** and **********");
	secret_redact(&s, cut);
	assert_string_equal(cut, "it was *******");
	secret_redact_basic("me", &s, basic);
	assert_string_equal(basic, "Basic ********************");
	secret_release(&s);
	secret_redact_headers(
		&(struct secret){
			(char[]){"# not one\nAuthorization: Token k3y-of-mine\r\nX-B:  b4r4\n"}},
		headers);
	assert_string_equal(headers, "got *********** with ****, not b4r");
	assert_int_equal(secret_from_file(&s, "/dev/zero", NULL), -EFBIG);
	assert_int_equal(secret_from_file(&s, fixture_path(&f, "."), NULL), -EISDIR);
	assert_null(s.text);
	secret_redact(&(struct secret){few}, few);
	assert_string_equal(few, "abc");
	fixture_release(&f);
}

static void test_no_memory(void **state)
{
	for (unsigned int n = 1; alloc_fail_next(&n, 1000);) {
		struct cresset_error err;
		struct export_config *c = NULL;
		int r = export_config_new("x", &c);

		if (r == 0)
			r = configure(c, &err, "url", "http://s:4040/{service}", "type", "http",
				      "header", "X-A: b", "tenant", "t", NULL);
		if (r == 0)
			r = export_config_default_spool(c, "/tmp");
		export_config_free(c);
		if (!alloc_fail_end()) {
			assert_int_equal(r, 0);
			break;
		}
		assert_true(r == -ENOMEM);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),	    cmocka_unit_test(test_type_from_url),
		cmocka_unit_test(test_print_hides), cmocka_unit_test(test_equal),
		cmocka_unit_test(test_names),	    cmocka_unit_test(test_tables),
		cmocka_unit_test(test_secrets),	    cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
