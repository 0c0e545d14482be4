// SPDX-License-Identifier: Apache-2.0
/* container - see container.h. */
#include "agent/container.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ID_DIGITS = 64, TASK_DIGITS = 32 };

static bool is(const char *s, size_t n, const char *text)
{
	return strlen(text) == n && !memcmp(s, text, n);
}

static bool begins(const char *s, size_t n, const char *text)
{
	size_t len = strlen(text);

	return n > len && !memcmp(s, text, len);
}

/* Takes a suffix off; false: it has none, or is nothing else. */
static bool strip(const char *s, size_t *n, const char *text)
{
	size_t len = strlen(text);

	if (*n <= len || memcmp(s + *n - len, text, len) != 0)
		return false;
	*n -= len;
	return true;
}

static size_t hex_digits(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && ((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f')))
		i++;
	return i;
}

static bool fargate_id(const char *parent, size_t parent_n, const char *name, size_t n)
{
	if (hex_digits(parent, parent_n) != TASK_DIGITS || parent_n != TASK_DIGITS ||
	    n <= TASK_DIGITS + 1 || n >= CONTAINER_ID_BYTES ||
	    memcmp(parent, name, TASK_DIGITS) != 0 || name[TASK_DIGITS] != '-')
		return false;
	for (size_t i = TASK_DIGITS + 1; i < n; i++)
		if (name[i] < '0' || name[i] > '9')
			return false;
	return true;
}

bool container_id(const char *parent, size_t parent_n, const char *name, size_t n,
		  char ret_id[CONTAINER_ID_BYTES])
{
	static const char conmon[] = "-conmon-";
	size_t before;

	if (fargate_id(parent, parent_n, name, n)) {
		memcpy(ret_id, name, n);
		ret_id[n] = '\0';
		return true;
	}
	strip(name, &n, ".scope");
	if (n < ID_DIGITS || hex_digits(name + n - ID_DIGITS, ID_DIGITS) != ID_DIGITS)
		return false;
	before = n - ID_DIGITS;
	if (before && name[before - 1] != '-' && name[before - 1] != ':')
		return false;
	if (before >= sizeof(conmon) - 1 &&
	    !memcmp(name + before - (sizeof(conmon) - 1), conmon, sizeof(conmon) - 1))
		return false;
	memcpy(ret_id, name + before, ID_DIGITS);
	ret_id[ID_DIGITS] = '\0';
	return true;
}

static int hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* systemd's "\x2d" for what cannot stand in a unit's name. */
static bool unescape(const char *s, size_t n, char ret_name[CONTAINER_NAME_BYTES])
{
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if (c == '\\' && i + 3 < n && s[i + 1] == 'x' && hex_value(s[i + 2]) >= 0 &&
		    hex_value(s[i + 3]) >= 0) {
			c = (char)(hex_value(s[i + 2]) << 4 | hex_value(s[i + 3]));
			i += 3;
		}
		if (!c || used + 1 >= CONTAINER_NAME_BYTES)
			return false;
		ret_name[used++] = c;
	}
	ret_name[used] = '\0';
	return used > 0;
}

bool container_name(const char *parent, size_t parent_n, const char *name, size_t n,
		    char ret_name[CONTAINER_NAME_BYTES])
{
	static const char payload[] = "lxc.payload.", machine[] = "machine-",
			  nspawn[] = "systemd-nspawn@";

	if (is(parent, parent_n, "lxc") || is(parent, parent_n, "lxc.payload"))
		return unescape(name, n, ret_name);
	if (begins(name, n, payload))
		return unescape(name + sizeof(payload) - 1, n - (sizeof(payload) - 1), ret_name);
	if (begins(name, n, nspawn) && strip(name, &n, ".service"))
		return n > sizeof(nspawn) - 1 &&
		       unescape(name + sizeof(nspawn) - 1, n - (sizeof(nspawn) - 1), ret_name);
	if (begins(name, n, machine) && !begins(name, n, "machine-qemu") &&
	    strip(name, &n, ".scope"))
		return n > sizeof(machine) - 1 &&
		       unescape(name + sizeof(machine) - 1, n - (sizeof(machine) - 1), ret_name);
	return false;
}

/* 8-4-4-4-12 hex digits; systemd's driver has '_' for '-'. */
static bool parse_uid(const char *s, size_t n, char ret_uid[POD_UID_BYTES])
{
	if (n == TASK_DIGITS && hex_digits(s, n) == n) {
		memcpy(ret_uid, s, n);
		ret_uid[n] = '\0';
		return true;
	}
	if (n != POD_UID_BYTES - 1)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s[i] != '-' && s[i] != '_' : hex_value(s[i]) < 0)
			return false;
		ret_uid[i] = dash ? '-' : s[i];
	}
	ret_uid[n] = '\0';
	return true;
}

bool container_pod(const char *name, size_t n, char ret_uid[POD_UID_BYTES])
{
	const char *slice;

	if (begins(name, n, "pod") && parse_uid(name + 3, n - 3, ret_uid))
		return true;
	slice = memmem(name, n, ".slice", 6);
	if (!slice)
		return false;
	n = (size_t)(slice - name);
	/* The last one, so that nothing before it can look like a pod. */
	for (size_t i = n < 4 ? 0 : n - 3; i-- > 0;)
		if (!memcmp(name + i, "-pod", 4))
			return parse_uid(name + i + 4, n - i - 4, ret_uid);
	return false;
}
