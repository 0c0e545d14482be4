// SPDX-License-Identifier: Apache-2.0
/* demangle: C++, Rust of both kinds, what is not mangled, and names that mean harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/alloc_fail.h"
#include "symbolize/demangle.h"

static void assert_plain(const char *mangled, const char *want)
{
	char *plain = demangle(mangled);

	if (!want) {
		assert_null(plain);
		return;
	}
	assert_non_null(plain);
	assert_string_equal(plain, want);
	free(plain);
}

static void cxx_names_have_their_arguments(void **state)
{
	assert_plain("_Z3fooiPKc", "foo(int, char const*)");
	assert_plain("_ZN4shop3payERKNS_6basketILi3EEEi", "shop::pay(shop::basket<3> const&, int)");
	assert_plain("_ZNSt6vectorIiSaIiEEC2Ev",
		     "std::vector<int, std::allocator<int> >::vector()");
	assert_plain("_Z3fooi.cold", "foo(int) [clone .cold]");
	assert_plain("_Z3fooi.constprop.0", "foo(int) [clone .constprop.0]");
	assert_plain("_ZZ4mainENKUlvE_clEv", "main::{lambda()#1}::operator()() const");
}

static void rust_names_of_both_kinds(void **state)
{
	assert_plain("_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", "core::fmt::Formatter::pad");
	assert_plain("_ZN58_$LT$alloc..string..String$u20$as$u20$core..fmt..Debug$GT$3fmt"
		     "17h0123456789abcdefE",
		     "<alloc::string::String as core::fmt::Debug>::fmt");
	assert_plain("_RNvC6_123foo3bar", "123foo::bar");
	assert_plain("_RNvNtCs1234_7mycrate3foo3bar", "mycrate::foo::bar");
	/* 17 letters, but no hash of Rust's: C++. */
	assert_plain("_ZN1a17hellohellohello12E", "a::hellohellohello12");
}

static void what_is_not_mangled_is_left_alone(void **state)
{
	static const char *const names[] = {
		"",    "_",	"_Z",	  "_R",	   "__",    "main",	  "_start",   "_Zzzz",
		"_ZN", "_Z3fo", "Z3foov", "_Rust", "_RNvC", "memcpy@plt", "\xff\xfe", "_Z\xff",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_plain(names[i], NULL);
}

/* A name of some length, made of a beginning, much of the same, and an end. */
static char *repeated(const char *front, const char *part, size_t n, const char *back)
{
	char *name = malloc(strlen(front) + n * strlen(part) + strlen(back) + 1);

	assert_non_null(name);
	strcpy(name, front);
	for (size_t i = 0, at = strlen(front); i < n; i++, at += strlen(part))
		strcpy(name + at, part);
	strcat(name, back);
	return name;
}

static void hostile_names_end_soon(void **state)
{
	/* Depth, doubling by substitution, back references, and sheer length. */
	static const struct {
		const char *front, *part, *back;
	} hostile[] = {
		{"_Z1f", "P", "i"},
		{"_Z1f", "F", "v"},
		{"_ZN", "1a", "E"},
		{"_Z1fIXsr1a", "IS", "E"},
		{"_Z1f", "N1aI", "i"},
		{"_ZL", "Z", ""},
		{"_Z1fI1aIiS_EE", "S1_S2_", "v"},
		{"_RI", "TTTTB_", "E"},
		{"_RNvC1a", "RRRR", "e"},
		{"_RMC0", "TB_B_", "E"},
		{"_Z1f", "DpT_", "v"},
		{"_Z", "cv", "T_"},
	};

	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		for (size_t n = 1; n <= 4096; n *= 4) {
			char *name =
				repeated(hostile[i].front, hostile[i].part, n, hostile[i].back);
			char *plain = demangle(name);

			if (plain)
				assert_true(strlen(plain) <= DEMANGLE_MAX_OUTPUT);
			free(plain);
			free(name);
		}
	}
}

static void a_short_name_for_a_huge_text_is_left_alone(void **state)
{
	/* Each argument is a pair of the one before: 2^30 times "int" at the end. */
	char name[512] = "_Z1fSt4pairIiiE";
	const char *digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char part[32];

	strcat(name, "S_IS0_S0_E");
	for (int i = 1; i < 30; i++) {
		part[0] = 'S';
		part[1] = '_';
		part[2] = 'I';
		part[3] = 'S', part[4] = digits[i], part[5] = '_';
		part[6] = 'S', part[7] = digits[i], part[8] = '_';
		part[9] = 'E', part[10] = '\0';
		strcat(name, part);
	}
	assert_plain(name, NULL);
}

static void too_long_a_name_is_left_alone(void **state)
{
	char *name = repeated("_Z1f", "i", DEMANGLE_MAX_INPUT, "");

	assert_plain(name, NULL);
	free(name);
}

static void failing_memory_is_a_name_less(void **state)
{
	for (unsigned int n = 1; alloc_fail_next(&n, 100);) {
		char *plain = demangle("_ZNSt6vectorIiSaIiEEC2Ev");

		if (!alloc_fail_end()) {
			assert_non_null(plain);
			free(plain);
			return;
		}
		assert_null(plain);
	}
	fail_msg("never got through");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cxx_names_have_their_arguments),
		cmocka_unit_test(rust_names_of_both_kinds),
		cmocka_unit_test(what_is_not_mangled_is_left_alone),
		cmocka_unit_test(hostile_names_end_soon),
		cmocka_unit_test(a_short_name_for_a_huge_text_is_left_alone),
		cmocka_unit_test(too_long_a_name_is_left_alone),
		cmocka_unit_test(failing_memory_is_a_name_less),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
