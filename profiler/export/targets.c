// SPDX-License-Identifier: Apache-2.0
/* targets - the table of targets, and which of them a URL plainly means. */
#include "export/inside.h"

#include <stdlib.h>
#include <string.h>

#define X(name) extern const struct export_target export_target_##name;
EXPORT_TARGETS(X)
#undef X

static const struct export_target *const targets[] = {
#define X(name) &export_target_##name,
	EXPORT_TARGETS(X)
#undef X
};
#define X(name) +1
enum { N_TARGETS = 0 EXPORT_TARGETS(X) };
#undef X

bool export_target_at(size_t i, const char **ret_name, const char **ret_help)
{
	if (i >= N_TARGETS)
		return false;
	*ret_name = targets[i]->name;
	*ret_help = targets[i]->help;
	return true;
}

const struct export_target *export_target_by_name(const char *name)
{
	for (size_t i = 0; i < N_TARGETS; i++)
		if (!strcmp(targets[i]->name, name))
			return targets[i];
	return NULL;
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

const struct export_target *export_target_by_url(const char *url)
{
	static const struct {
		const char *port;
		const char *name;
	} usual[] = {{":4040", "pyroscope"}, {":7070", "parca"}, {":4318", "otlp"}};
	const char *host = strstr(url, "://");

	for (size_t i = 0; i < N_TARGETS; i++)
		if (targets[i]->path[0] && ends_with(url, targets[i]->path))
			return targets[i];
	host = host ? host + 3 : url;
	if (strchr(host, '/'))
		return NULL;
	for (size_t i = 0; i < sizeof(usual) / sizeof(*usual); i++)
		if (ends_with(host, usual[i].port))
			return export_target_by_name(usual[i].name);
	return NULL;
}

const char *export_drop_name(enum export_drop drop)
{
	static const char *const names[] = {
#define X(name, help) #name,
		EXPORT_DROPS(X)
#undef X
	};

	return (unsigned int)drop < EXPORT_DROP_COUNT ? names[drop] : "";
}

const char *export_drop_help(enum export_drop drop)
{
	static const char *const texts[] = {
#define X(name, help) help,
		EXPORT_DROPS(X)
#undef X
	};

	return (unsigned int)drop < EXPORT_DROP_COUNT ? texts[drop] : "";
}
