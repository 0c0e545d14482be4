// SPDX-License-Identifier: Apache-2.0
/* Text made fit for where it goes: nothing that a process is called may break out of its place. */
#include "export/backoff.h"
#include "export/words.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/alloc_fail.h"

static const char *text_of(struct vec *v)
{
	assert_non_null(vec_push(v, "", 1));
	return v->data;
}

static void test_base64(void **state)
{
	/* RFC 4648, section 10. */
	static const char *const cases[][2] = {{"", ""},
					       {"f", "Zg=="},
					       {"fo", "Zm8="},
					       {"foo", "Zm9v"},
					       {"foob", "Zm9vYg=="},
					       {"fooba", "Zm9vYmE="},
					       {"foobar", "Zm9vYmFy"}};
	struct vec out;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		vec_init(&out, 1);
		assert_int_equal(words_put_base64(&out, cases[i][0], strlen(cases[i][0])), 0);
		assert_string_equal(text_of(&out), cases[i][1]);
		vec_release(&out);
	}
	vec_init(&out, 1);
	assert_int_equal(words_put_base64(&out, "\xff\xfe\xfb", 3), 0);
	assert_string_equal(text_of(&out), "//77");
	vec_release(&out);
}

/* Someone else's reader gets back what was written. */
static void test_json(void **state)
{
	char text[300], valid[] = "tab\t \"quotes\" \\ </script> b\xc3\xa9te \xf0\x9f\x99\x82 \x7f";
	struct vec out;
	json_t *j;

	for (int c = 1; c < 256; c++)
		text[c - 1] = (char)c;
	text[255] = '\0';
	vec_init(&out, 1);
	assert_int_equal(words_put_json(&out, text), 0);
	j = json_loads(text_of(&out), JSON_DECODE_ANY, NULL);
	assert_non_null(j);
	assert_memory_equal(json_string_value(j), text, 127);
	json_decref(j);
	out.n = 0;
	assert_int_equal(words_put_json(&out, valid), 0);
	j = json_loads(text_of(&out), JSON_DECODE_ANY, NULL);
	assert_string_equal(json_string_value(j), valid);
	json_decref(j);
	vec_release(&out);
}

static void test_places(void **state)
{
	char buf[64], small[8];
	struct vec out;

	words_identifier("off-cpu", buf, sizeof(buf));
	assert_string_equal(buf, "off_cpu");
	words_identifier("9 lives\n", buf, sizeof(buf));
	assert_string_equal(buf, "_9_lives_");
	words_identifier("", buf, sizeof(buf));
	assert_string_equal(buf, "_");
	words_identifier("0123456789", small, sizeof(small));
	assert_string_equal(small, "_012345");
	words_utf8("a\nb\x1b[1m\xff\xc2\x85\xc3\xa9", buf, sizeof(buf));
	assert_string_equal(buf, "a?b?[1m???\xc3\xa9");
	words_utf8("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", small, sizeof(small));
	assert_string_equal(small, "\xc3\xa9\xc3\xa9");
	words_line("  one\r\n\ttwo\0three\x1b ", 20, buf, sizeof(buf));
	assert_string_equal(buf, "  one two three");
	words_line("", 0, buf, sizeof(buf));
	assert_string_equal(buf, "");
	vec_init(&out, 1);
	assert_int_equal(words_put_url(&out, "a/../b?c=d&\xff %"), 0);
	assert_string_equal(text_of(&out), "a%2F..%2Fb%3Fc%3Dd%26%FF%20%25");
	vec_release(&out);
}

static void test_no_memory(void **state)
{
	struct vec out;
	int r;

	for (unsigned int n = 1; alloc_fail_next(&n, 1000);) {
		vec_init(&out, 1);
		r = words_put_json(&out, "\xff\"text\"");
		r = r ? r : words_put_base64(&out, "1234", 4);
		r = r ? r : words_put_url(&out, "a b");
		vec_release(&out);
		if (!alloc_fail_end()) {
			assert_int_equal(r, 0);
			break;
		}
	}
}

static void test_backoff(void **state)
{
	const uint64_t min = 1000, max = 60000;

	/* Never longer than the bound, which doubles up to the largest. */
	for (uint64_t failures = 1; failures < 100; failures++) {
		uint64_t bound = failures < 7 ? min << (failures - 1) : max;

		assert_true(backoff_ns(failures, min, max, 0, UINT64_MAX) <= bound);
		assert_true(backoff_ns(failures, min, max, 0, 0) >= 1);
		assert_int_equal(backoff_ns(failures, min, max, 0, bound - 1), bound);
		/* What the server asks for is waited for, and then spread. */
		assert_true(backoff_ns(failures, min, max, 5000, 7) > 5000);
	}
	assert_int_equal(backoff_ns(UINT64_MAX, 1, UINT64_MAX, 0, 0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64),	cmocka_unit_test(test_json),
		cmocka_unit_test(test_places),	cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_backoff),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
