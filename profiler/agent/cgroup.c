// SPDX-License-Identifier: Apache-2.0
/* cgroup - see cgroup.h. */
#include "agent/cgroup.h"

#include <string.h>

struct span {
	const char *s;
	size_t n;
};

/* In the order of cgroup.h. */
static const char *const wanted[] = {"",	"name=systemd", "memory",  "cpu",
				     "cpuacct", "pids",		"devices", "freezer"};
enum { N_WANTED = sizeof(wanted) / sizeof(*wanted) };

static bool span_is(struct span a, const char *text)
{
	return strlen(text) == a.n && !memcmp(a.s, text, a.n);
}

static bool span_ends(struct span a, const char *text)
{
	size_t n = strlen(text);

	return a.n > n && !memcmp(a.s + a.n - n, text, n);
}

static void span_copy(char *to, size_t size, struct span from)
{
	size_t n = from.n < size ? from.n : size - 1;

	memcpy(to, from.s, n);
	to[n] = '\0';
}

/* Up to `c`, which is taken off with it; false: there is none. */
static bool cut(struct span *rest, char c, struct span *ret)
{
	const char *at = rest->n ? memchr(rest->s, c, rest->n) : NULL;

	if (!at)
		return false;
	*ret = (struct span){rest->s, (size_t)(at - rest->s)};
	rest->n -= ret->n + 1;
	rest->s = at + 1;
	return true;
}

/* The paths of the hierarchies that are wanted. */
static void read_line(struct span line, struct span paths[N_WANTED])
{
	struct span id, list, one;

	if (!cut(&line, ':', &id) || !cut(&line, ':', &list) || !line.n || line.s[0] != '/')
		return;
	if (!list.n) {
		if (span_is(id, "0") && !paths[0].n)
			paths[0] = line;
		return;
	}
	while (list.n) {
		if (!cut(&list, ',', &one)) {
			one = list;
			list.n = 0;
		}
		for (size_t i = 1; i < N_WANTED; i++)
			if (span_is(one, wanted[i]) && !paths[i].n)
				paths[i] = line;
	}
}

/* systemd puts '_' before names that the kernel would take for its own. */
static struct span unescaped(struct span name)
{
	if (name.n > 1 && name.s[0] == '_')
		return (struct span){name.s + 1, name.n - 1};
	return name;
}

static void read_directory(struct span parent, struct span name, struct cgroup *ret)
{
	char id[CONTAINER_ID_BYTES], container[CONTAINER_NAME_BYTES];
	bool pod = container_pod(name.s, name.n, ret->pod_uid);
	bool has_id = container_id(parent.s, parent.n, name.s, name.n, id);
	bool has_name = !has_id && container_name(parent.s, parent.n, name.s, name.n, container);

	if (has_id || has_name) {
		strcpy(ret->container_id, has_id ? id : "");
		strcpy(ret->container_name, has_name ? container : "");
		ret->unit[0] = '\0';
		return;
	}
	name = unescaped(name);
	if (span_ends(name, ".service") || span_ends(name, ".scope"))
		span_copy(ret->unit, sizeof(ret->unit), name);
	else if (span_ends(name, ".slice") && !pod)
		span_copy(ret->slice, sizeof(ret->slice), name);
}

static void read_path(struct span path, struct cgroup *ret)
{
	struct span parent = {"", 0}, name, rest = path;

	while (rest.n) {
		if (!cut(&rest, '/', &name)) {
			name = rest;
			rest.n = 0;
		}
		/* ".." is what a path has outside of the reader's cgroup namespace. */
		if (!name.n || span_is(name, ".."))
			continue;
		read_directory(parent, name, ret);
		parent = name;
	}
}

void cgroup_parse(const char *text, size_t n, struct cgroup *ret)
{
	struct span paths[N_WANTED] = {{NULL, 0}}, rest = {text, n}, line;
	bool first = true;

	memset(ret, 0, sizeof(*ret));
	while (rest.n) {
		if (!cut(&rest, '\n', &line)) {
			line = rest;
			rest.n = 0;
		}
		read_line(line, paths);
	}
	for (size_t i = 0; i < N_WANTED; i++) {
		struct cgroup other = {.path = ""};

		if (paths[i].n < 2)
			continue;
		if (first) {
			span_copy(ret->path, sizeof(ret->path), paths[i]);
			read_path(paths[i], ret);
			first = false;
			continue;
		}
		if (ret->container_id[0] || ret->container_name[0])
			break;
		read_path(paths[i], &other);
		strcpy(ret->container_id, other.container_id);
		strcpy(ret->container_name, other.container_name);
		if (!ret->pod_uid[0])
			strcpy(ret->pod_uid, other.pod_uid);
	}
}
