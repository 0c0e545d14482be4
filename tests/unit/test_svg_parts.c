// SPDX-License-Identifier: Apache-2.0
/*
 * What a flame graph is made of: the text that any bytes become, numbers for people, and colours,
 * on which every text must be readable. Whole graphs are in test_fmt_svg.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/svg_number.h"
#include "formats/svg_palette.h"
#include "formats/svg_text.h"

#include <string.h>

/* ---- Text. */

static void assert_text(const char *in, size_t columns, const char *expected)
{
	struct cresset_sink *sink;
	size_t size;
	const char *data;

	assert_int_equal(cresset_sink_memory(&sink), 0);
	svg_text(sink, in, columns);
	data = cresset_sink_data(sink, &size);
	assert_int_equal(size, strlen(expected));
	assert_memory_equal(data, expected, size);
	assert_int_equal(cresset_sink_close(sink), 0);
}

static void test_text_escapes(void **state)
{
	assert_text("a<b>&\"c'", 99, "a&lt;b&gt;&amp;&quot;c&#39;");
	assert_text("]]>", 99, "]]&gt;");
	assert_text("a\tb\nc", 99, "a b c");
	assert_text("\x01\x1b[31mred\x7f", 99, "[31mred");
	assert_text("", 99, "");
}

static void test_text_is_utf8(void **state)
{
	assert_text("é漢\xf0\x9f\x98\x80", 99, "é漢\xf0\x9f\x98\x80");
	assert_text("a\xff\xc3", 99, "a\ufffd\ufffd");
	assert_text("\xc0\x80", 99, "\ufffd\ufffd");	       /* overlong */
	assert_text("\xe0\x80\xaf", 99, "\ufffd\ufffd\ufffd"); /* overlong */
	assert_text("\xed\xa0\x80", 99, "\ufffd\ufffd\ufffd"); /* a surrogate */
	assert_text("\xf4\x90\x80\x80", 99, "\ufffd\ufffd\ufffd\ufffd");
	assert_text("\xe2\x82", 99, "\ufffd\ufffd"); /* cut short */
	assert_text("\xef\xbf\xbf|\xef\xbf\xbe", 99, "|");
	assert_text("a\xe2\x80\xae"
		    "b\xc2\x85", /* right-to-left override, a C1 control */
		    99, "ab");
}

static void test_text_is_cut(void **state)
{
	char long_name[2000];

	assert_text("abcdef", 6, "abcdef");
	assert_text("abcdef", 5, "abcd…");
	assert_text("abcdef", 1, "…");
	assert_text("abcdef", 0, "");
	assert_text("<<<<", 3, "&lt;&lt;…");
	assert_text("漢漢漢", 5, "漢漢…"); /* two columns each */
	assert_text("漢漢漢", 4, "漢…");
	assert_int_equal(svg_text_columns("é漢", 99), 3);
	assert_true(svg_text_columns("abcdef", 3) > 3);
	memset(long_name, '&', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(svg_text_columns(long_name, 5000), sizeof(long_name) - 1);
}

/* ---- Numbers. */

static void assert_value(int64_t value, const char *type, const char *unit, const char *expected)
{
	char buf[SVG_NUMBER_SIZE];

	svg_number_value(buf, value, type, unit);
	assert_string_equal(buf, expected);
}

static void test_values(void **state)
{
	assert_value(0, "cpu", "nanoseconds", "0 ns");
	assert_value(999, "cpu", "nanoseconds", "999 ns");
	assert_value(1500, "cpu", "nanoseconds", "1.50 µs");
	assert_value(12345678, "cpu", "nanoseconds", "12.3 ms");
	assert_value(99960000, "cpu", "nanoseconds", "100 ms");
	assert_value(75400, "cpu", "milliseconds", "75.4 s");
	assert_value(86400, "cpu", "seconds", "24.0 h");
	assert_value(INT64_MAX, "cpu", "nanoseconds", "2562048 h");
	assert_value(1, "samples", "count", "1 sample");
	assert_value(1234567, "samples", "count", "1,234,567 samples");
	assert_value(123, "faults", "count", "123 faults");
	assert_value(999, "alloc", "bytes", "999 B");
	assert_value(1536, "alloc", "bytes", "1.50 KiB");
	assert_value(7, "x", "<&>", "7 <&>");
	assert_value(7, "", "", "7 samples");
}

static void test_percent(void **state)
{
	char buf[SVG_NUMBER_SIZE];

	svg_number_percent(buf, 1, 3);
	assert_string_equal(buf, "33.33 %");
	svg_number_percent(buf, INT64_MAX, INT64_MAX);
	assert_string_equal(buf, "100.00 %");
	svg_number_percent(buf, INT64_MAX / 2, INT64_MAX);
	assert_string_equal(buf, "50.00 %");
	svg_number_percent(buf, 1, UINT64_MAX);
	assert_string_equal(buf, "<0.01 %");
	svg_number_percent(buf, 0, 5);
	assert_string_equal(buf, "0.00 %");
}

/* ---- Colours. */

/* x^2.4, the fifth root of x² by bisection: no need for libm. */
static double power_24(double x)
{
	double low = 0, high = 1;

	for (int i = 0; i < 60; i++) {
		double mid = (low + high) / 2;

		*(mid * mid * mid * mid * mid < x * x ? &low : &high) = mid;
	}
	return x * x * low;
}

static double luminance(uint32_t color)
{
	double sum = 0;
	static const double weight[] = {0.2126, 0.7152, 0.0722};

	for (int i = 0; i < 3; i++) {
		double c = (double)(color >> (16 - 8 * i) & 0xff) / 255;

		sum += weight[i] * (c <= 0.03928 ? c / 12.92 : power_24((c + 0.055) / 1.055));
	}
	return sum;
}

static double contrast(uint32_t a, uint32_t b)
{
	double x = luminance(a) + 0.05, y = luminance(b) + 0.05;

	return x > y ? x / y : y / x;
}

static void test_contrast(void **state)
{
	for (int dark = 0; dark < 2; dark++) {
		struct svg_ink ink = svg_palette_ink(dark);

		assert_true(contrast(ink.text, ink.background) >= 4.5);
		assert_true(contrast(ink.faint, ink.background) >= 4.5);
		for (uint32_t kind = 0; kind < SVG_N_KINDS; kind++) {
			bool pale = kind == SVG_KIND_MERGED || kind == SVG_KIND_GONE;

			for (uint32_t i = 0; i < SVG_N_SHADES; i++)
				assert_true(contrast(pale ? ink.merged : ink.frame,
						     svg_palette_color(kind, i, dark)) >= 4.5);
		}
		/* An edge is not text: WCAG 2.1, 1.4.11. */
		assert_true(contrast(ink.gone, ink.background) >= 3);
	}
}

static void test_kinds_differ(void **state)
{
	for (uint32_t a = 0; a < SVG_N_KINDS; a++)
		for (uint32_t b = 0; b < a; b++)
			assert_int_not_equal(svg_palette_letter(a), svg_palette_letter(b));
	for (uint32_t a = 0; a < SVG_N_KINDS; a++)
		for (uint32_t b = 0; b < a; b++)
			for (int dark = 0; dark < 2; dark++)
				assert_int_not_equal(svg_palette_color(a, 0, dark),
						     svg_palette_color(b, 0, dark));
}

/* The steps of a comparison differ in lightness too, in one direction. */
static void test_steps(void **state)
{
	for (int dark = 0; dark < 2; dark++)
		for (uint32_t kind = SVG_KIND_LESS; kind <= SVG_KIND_MORE; kind++) {
			uint32_t weaker = svg_palette_color(SVG_KIND_SAME, 0, dark);

			for (uint32_t i = 0; i < 4; i++) {
				uint32_t color = svg_palette_color(kind, i, dark);

				assert_int_not_equal(color, weaker);
				if (i)
					assert_true((luminance(color) > luminance(weaker)) == dark);
				weaker = color;
			}
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_escapes), cmocka_unit_test(test_text_is_utf8),
		cmocka_unit_test(test_text_is_cut),  cmocka_unit_test(test_values),
		cmocka_unit_test(test_percent),	     cmocka_unit_test(test_contrast),
		cmocka_unit_test(test_kinds_differ), cmocka_unit_test(test_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
