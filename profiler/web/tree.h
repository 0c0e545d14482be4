// SPDX-License-Identifier: Apache-2.0
/*
 * tree - a profile's call tree as JSON: flat, so that no reader's stack is as deep as a profile's.
 *
 *     "names": ["all", "nginx", "main", …],
 *     "kinds": ["user", "kernel", …],
 *     "columns": ["parent", "name", "kind", "total", "self"],
 *     "nodes": [[0, 0, 5, 1000, 0], [0, 1, 5, 1000, 0], …]
 *
 * A node is a row; row 0 is the root, parents stand before their children, and parent, name and
 * kind are positions. With a base to compare with, two more columns, "total_before" and
 * "self_before", are the base's, and total and self are those of the profile.
 */
#ifndef WEB_TREE_H
#define WEB_TREE_H

#include "web/json.h"

#include <cresset/format.h>

/* Four members of the object that is open. value is the index to show, o->base the profile to
 * compare with (or NULL), in which it is base_value. -ENOMEM, -E2BIG. */
int tree_write(struct json *j, const struct cresset_profile *p, size_t value,
	       const struct cresset_format_options *o, size_t base_value);

#endif
