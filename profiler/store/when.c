// SPDX-License-Identifier: Apache-2.0
/*
 * See when.h. Read character by character: strptime() takes blanks and signs where nobody means
 * them, and knows neither fractions nor zones of RFC 3339.
 */
#include "store/when.h"

#include "duration.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define NS INT64_C(1000000000)

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int add_checked(int64_t a, int64_t b, int64_t *ret)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum) || sum < 0)
		return -ERANGE;
	*ret = sum;
	return 0;
}

/* "+1h", "-30m"; nothing is zero. */
static int parse_offset(const char *s, int64_t base_ns, int64_t *ret_ns)
{
	uint64_t ns;
	int r;

	if (!*s) {
		*ret_ns = base_ns;
		return 0;
	}
	if (*s != '-' && *s != '+')
		return -EINVAL;
	r = duration_parse(s + 1, &ns);
	if (r < 0)
		return r;
	return add_checked(base_ns, *s == '-' ? -(int64_t)ns : (int64_t)ns, ret_ns);
}

/* Digits behind a point, as nanoseconds. */
static int64_t parse_fraction(const char **s)
{
	int64_t ns = 0, unit = NS / 10;

	for (; is_digit(**s); (*s)++, unit /= 10)
		ns += (**s - '0') * unit;
	return ns;
}

static int parse_epoch(const char *s, int64_t *ret_ns)
{
	int64_t x = 0, fraction = 0, scale;

	for (; is_digit(*s); s++)
		if (__builtin_mul_overflow(x, 10, &x) || __builtin_add_overflow(x, *s - '0', &x))
			return -ERANGE;
	/* Seconds have fewer than 12 digits until the year 5138. */
	scale = x < 100000000000	 ? NS
		: x < 100000000000000	 ? 1000000
		: x < 100000000000000000 ? 1000
					 : 1;
	if (*s == '.' && is_digit(s[1]) && scale == NS) {
		s++;
		fraction = parse_fraction(&s);
	}
	if (*s)
		return -EINVAL;
	if (__builtin_mul_overflow(x, scale, &x))
		return -ERANGE;
	return add_checked(x, fraction, ret_ns);
}

/* Exactly n digits within min … max. */
static bool get_digits(const char **s, unsigned int n, int min, int max, int *ret)
{
	int x = 0;

	for (; n; n--, (*s)++) {
		if (!is_digit(**s))
			return false;
		x = x * 10 + (**s - '0');
	}
	*ret = x;
	return x >= min && x <= max;
}

static bool get_char(const char **s, const char *any)
{
	if (!**s || !strchr(any, **s))
		return false;
	(*s)++;
	return true;
}

static bool get_clock(const char **s, struct tm *tm, int64_t *ret_fraction)
{
	if (!get_digits(s, 2, 0, 23, &tm->tm_hour) || !get_char(s, ":") ||
	    !get_digits(s, 2, 0, 59, &tm->tm_min))
		return false;
	if (!get_char(s, ":"))
		return true;
	if (!get_digits(s, 2, 0, 60, &tm->tm_sec))
		return false;
	if (**s == '.' && is_digit((*s)[1])) {
		(*s)++;
		*ret_fraction = parse_fraction(s);
	}
	return true;
}

/* "Z", "+01:00", "-0830"; *ret_local if there is none. */
static bool get_zone(const char **s, int64_t *ret_seconds, bool *ret_local)
{
	int hours, minutes;
	char sign = **s;

	*ret_local = !sign;
	*ret_seconds = 0;
	if (!sign || get_char(s, "Zz"))
		return true;
	if (!get_char(s, "+-") || !get_digits(s, 2, 0, 23, &hours))
		return false;
	get_char(s, ":");
	if (!get_digits(s, 2, 0, 59, &minutes))
		return false;
	*ret_seconds = (sign == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
	return true;
}

static int parse_date(const char *s, int64_t *ret_ns)
{
	struct tm tm = {.tm_isdst = -1}, check;
	int64_t fraction = 0, zone = 0, seconds;
	bool local = true;

	if (!get_digits(&s, 4, 1970, 9999, &tm.tm_year) || !get_char(&s, "-") ||
	    !get_digits(&s, 2, 1, 12, &tm.tm_mon) || !get_char(&s, "-") ||
	    !get_digits(&s, 2, 1, 31, &tm.tm_mday))
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	if (*s && (!get_char(&s, "Tt ") || !get_clock(&s, &tm, &fraction) ||
		   !get_zone(&s, &zone, &local)))
		return -EINVAL;
	if (*s)
		return -EINVAL;
	check = tm;
	seconds = local ? mktime(&check) : timegm(&check);
	if (check.tm_mday != tm.tm_mday && tm.tm_sec < 60)
		return -EINVAL; /* 30 February */
	seconds -= zone;
	if (seconds < 0 || seconds > INT64_MAX / NS - 1)
		return -ERANGE;
	*ret_ns = seconds * NS + fraction;
	return 0;
}

int when_parse(const char *text, int64_t now_ns, int64_t *ret_ns)
{
	size_t digits = strspn(text, "0123456789");

	if (strncmp(text, "now", 3) == 0)
		return parse_offset(text + 3, now_ns, ret_ns);
	if (*text == '-' || *text == '+')
		return parse_offset(text, now_ns, ret_ns);
	if (digits == 4 && text[4] == '-')
		return parse_date(text, ret_ns);
	return digits ? parse_epoch(text, ret_ns) : -EINVAL;
}

const char *when_text(int64_t ns, char *buf, size_t size)
{
	time_t seconds = ns / NS;
	struct tm tm;

	if (!size)
		return buf;
	if (!gmtime_r(&seconds, &tm) || !strftime(buf, size, "%Y-%m-%dT%H:%M:%SZ", &tm))
		buf[0] = '\0';
	return buf;
}
