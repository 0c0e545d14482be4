// SPDX-License-Identifier: Apache-2.0
/*
 * routes - everything that can be asked for. README.md has the same table for people.
 */
#include "web/inside.h"

#include <string.h>

static const char *const none[] = {NULL};
static const char *const capture[] = {"seconds", "match", NULL};
static const char *const labels[] = {"from", "to", "match", "label", NULL};
static const char *const series[] = {"from", "to", "match", "limit", NULL};

#define QUERY_PARAMS                                                                               \
	"from", "to", "match", "event", "by", "format", "value", "top", "title", "min-width",      \
		"download", "idle", "labels"

static const char *const query[] = {QUERY_PARAMS, NULL};
static const char *const diff[] = {QUERY_PARAMS, "diff-from", "diff-to", "normalize", NULL};

static const struct route routes[] = {
	{"/", "page", ROUTE_NOW, .handle = handle_page},
	{"/page.js", "page", ROUTE_NOW, .params = none, .handle = handle_page_script},
	{"/page.css", "page", ROUTE_NOW, .params = none, .handle = handle_page_style},
	{"/flame.js", "page", ROUTE_NOW, .params = none, .handle = handle_page_flame},
	{"/icon.svg", "page", ROUTE_NOW, .params = none, .handle = handle_page_icon},
	{"/healthz", "healthz", ROUTE_NOW, .open = true, .params = none, .handle = handle_healthz},
	{"/readyz", "readyz", ROUTE_METRICS, .params = none, .handle = handle_readyz},
	{"/metrics", "metrics", ROUTE_METRICS, .handle = handle_metrics},
	{"/debug/pprof/", "pprof", ROUTE_NOW, .params = none, .handle = handle_pprof_index},
	{"/debug/pprof/profile", "profile", ROUTE_CAPTURE, .params = capture,
	 .handle = handle_pprof_cpu},
	{"/debug/pprof/offcpu", "offcpu", ROUTE_CAPTURE, .params = capture,
	 .handle = handle_pprof_offcpu},
	{"/api/v1/labels", "labels", ROUTE_QUERY, .json = true, .params = labels,
	 .handle = handle_api_labels},
	{"/api/v1/series", "series", ROUTE_QUERY, .json = true, .params = series,
	 .handle = handle_api_series},
	{"/api/v1/query", "query", ROUTE_QUERY, .json = true, .params = query,
	 .handle = handle_api_query},
	{"/api/v1/diff", "diff", ROUTE_QUERY, .json = true, .params = diff,
	 .handle = handle_api_diff},
};

_Static_assert(sizeof(routes) / sizeof(*routes) <= WEB_MAX_ROUTES, "counts have no place");

const struct route *route_at(size_t i)
{
	return i < sizeof(routes) / sizeof(*routes) ? &routes[i] : NULL;
}

const struct route *route_find(const char *path, size_t *ret_index)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		if (!strcmp(routes[i].path, path)) {
			*ret_index = i;
			return &routes[i];
		}
	}
	return NULL;
}
