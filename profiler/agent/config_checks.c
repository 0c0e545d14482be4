// SPDX-License-Identifier: Apache-2.0
/* config_checks - see config_checks.h. */
#include "agent/config_checks.h"

#include "agent/label_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS	"0123456789"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

int config_yes(const char *key, const char *value, bool *ret, struct cresset_error *err)
{
	if (!strcmp(value, "yes") || !strcmp(value, "true") || !strcmp(value, "on"))
		*ret = true;
	else if (!strcmp(value, "no") || !strcmp(value, "false") || !strcmp(value, "off"))
		*ret = false;
	else
		return cresset_error_set(err, -EINVAL, "%s must be yes or no, not '%.40s'", key,
					 value);
	return 0;
}

/* By hand: strtod() takes hex, "inf" and the locale's comma. */
static const char *read_number(const char *s, bool fraction, double *ret)
{
	double number = 0, scale = 1;
	size_t n = strspn(s, DIGITS);

	if (!n || n > 9)
		return NULL;
	for (; n; n--, s++)
		number = number * 10 + (*s - '0');
	if (fraction && *s == '.') {
		n = strspn(++s, DIGITS);
		if (!n || n > 9)
			return NULL;
		for (; n; n--, s++)
			number += (*s - '0') * (scale /= 10);
	}
	*ret = number;
	return s;
}

int config_number(const char *key, const char *value, bool percent, double min, double max,
		  double *ret, struct cresset_error *err)
{
	double number = 0;
	const char *end = read_number(value, percent, &number);

	if (end && percent) {
		end += strspn(end, " \t");
		end += *end == '%';
	}
	if (!end || *end || number < min || number > max)
		return cresset_error_set(err, -EINVAL, "%s must be %s of %g to %g, not '%.40s'",
					 key, percent ? "a percentage" : "a whole number", min, max,
					 value);
	*ret = number;
	return 0;
}

int config_check_path(const char *key, const char *value, struct cresset_error *err)
{
	if (value[0] != '/' || strlen(value) > 1000 || value[strcspn(value, "\t\r")])
		return cresset_error_set(err, -EINVAL,
					 "%s must be a path that begins with '/', not '%.60s'", key,
					 value);
	return 0;
}

int config_check_user(const char *key, const char *value, struct cresset_error *err)
{
	size_t n = strlen(value);

	if (n > 32 || *value == '-' || strspn(value, LETTERS DIGITS "_-.") != n)
		return cresset_error_set(err, -EINVAL, "%s must be a user's name, not '%.40s'", key,
					 value);
	return 0;
}

/* The port behind the last colon; a host with colons stands in brackets. */
int config_check_listen(const char *key, const char *value, struct cresset_error *err)
{
	const char *colon = strrchr(value, ':');
	size_t n = colon ? (size_t)(colon - value) : 0;
	double port = 0;
	const char *end = colon ? read_number(colon + 1, false, &port) : NULL;
	bool brackets = n > 2 && value[0] == '[' && value[n - 1] == ']';
	bool host = n && n < 256 &&
		    (brackets ? strspn(value + 1, DIGITS "abcdefABCDEF:.") == n - 2
			      : strspn(value, LETTERS DIGITS "._-") == n);

	if (strcmp(value, "no") && (!host || !end || *end || port > 65535))
		return cresset_error_set(
			err, -EINVAL,
			"%s must be like 127.0.0.1:4050, [::1]:4050 or 'no', not '%.60s'", key,
			value);
	return 0;
}

bool config_listen_public(const char *listen)
{
	return strcmp(listen, "no") && strncmp(listen, "127.", 4) && strncmp(listen, "[::1]:", 6) &&
	       strncmp(listen, "localhost:", 10);
}

static int check_label_name(const char *key, const char *name, size_t n, struct cresset_error *err)
{
	char text[LABEL_NAME_BYTES];

	if (!n || n >= sizeof(text))
		return cresset_error_set(err, -EINVAL, "%s: a label's name has 1 to %d bytes", key,
					 LABEL_NAME_BYTES - 1);
	memcpy(text, name, n);
	text[n] = '\0';
	if (!label_name_valid(text))
		return cresset_error_set(
			err, -EINVAL,
			"%s: '%s' is no name of a label (letters, digits and '_', a letter first)",
			key, text);
	if (label_name_own(text))
		return cresset_error_set(err, -EINVAL,
					 "%s: '%s' is a label that cresset sets itself", key, text);
	return 0;
}

int config_check_static(const char *key, const char *value, struct cresset_error *err)
{
	size_t n = strcspn(value, "=");

	if (!n || !value[n] || !value[n + 1] || strlen(value + n + 1) > LABEL_VALUE_MAX)
		return cresset_error_set(err, -EINVAL,
					 "%s must be like region=eu, with at most %d bytes", key,
					 LABEL_VALUE_MAX);
	if (n == 4 && !strncmp(value, "host", n))
		return 0;
	return check_label_name(key, value, n, err);
}

int config_check_env(const char *key, const char *value, struct cresset_error *err)
{
	size_t n = strcspn(value, "=");
	char lower[LABEL_NAME_BYTES];

	if (!n || n >= LABEL_NAME_BYTES || strspn(value, LETTERS DIGITS "_") < n ||
	    strchr(DIGITS, value[0]))
		return cresset_error_set(err, -EINVAL,
					 "%s: '%.60s' is not the name of an environment variable",
					 key, value);
	if (value[n])
		return check_label_name(key, value + n + 1, strlen(value + n + 1), err);
	label_name_from(lower, value, n);
	return check_label_name(key, lower, strlen(lower), err);
}

int config_check_attribute(const char *key, const char *value, struct cresset_error *err)
{
	size_t n = strlen(value);
	char name[LABEL_NAME_BYTES];

	if (n >= LABEL_NAME_BYTES || strspn(value, LETTERS DIGITS "._-/") < n)
		return cresset_error_set(err, -EINVAL,
					 "%s: '%.60s' is not an attribute like service.namespace",
					 key, value);
	label_name_from(name, value, n);
	return check_label_name(key, name, strlen(name), err);
}
