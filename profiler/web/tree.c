// SPDX-License-Identifier: Apache-2.0
/* tree - see tree.h. */
#include "web/tree.h"

#include "formats/calltree.h"

static const char *const kinds[CALLTREE_N_KINDS] = {
	[CRESSET_FRAME_USER] = "user",	       [CRESSET_FRAME_KERNEL] = "kernel",
	[CRESSET_FRAME_INLINED] = "inlined",   [CRESSET_FRAME_JIT] = "jit",
	[CRESSET_FRAME_ERROR] = "error",       [CALLTREE_KIND_ROOT] = "root",
	[CALLTREE_KIND_RUNNABLE] = "runnable", [CALLTREE_KIND_BLOCKED] = "blocked",
	[CALLTREE_KIND_IDLE] = "idle",	       [CALLTREE_KIND_SEPARATOR] = "separator",
	[CALLTREE_KIND_WAKER] = "waker",
};

static void write_node(struct json *j, const struct calltree *t, uint32_t i)
{
	const struct calltree_node *n = calltree_node(t, i);
	const struct calltree_sides *sides = calltree_sides(t, i);

	json_begin(j, NULL, '[');
	json_put_uint(j, NULL, n->parent);
	json_put_uint(j, NULL, n->name);
	json_put_uint(j, NULL, n->kind);
	json_put_int(j, NULL, sides ? sides->after : n->total);
	json_put_int(j, NULL, sides ? sides->after_self : n->self);
	if (sides) {
		json_put_int(j, NULL, sides->before);
		json_put_int(j, NULL, sides->before_self);
	}
	json_end(j);
}

static void write_tree(struct json *j, const struct calltree *t, bool diff)
{
	static const char *const columns[] = {"parent", "name",		"kind",	      "total",
					      "self",	"total_before", "self_before"};

	json_begin(j, "names", '[');
	for (uint32_t i = 0; i < calltree_n_names(t); i++)
		json_put_string(j, NULL, calltree_name(t, i));
	json_end(j);
	json_begin(j, "kinds", '[');
	for (size_t i = 0; i < CALLTREE_N_KINDS; i++)
		json_put_string(j, NULL, kinds[i]);
	json_end(j);
	json_begin(j, "columns", '[');
	for (size_t i = 0; i < (diff ? 7 : 5); i++)
		json_put_string(j, NULL, columns[i]);
	json_end(j);
	json_begin(j, "nodes", '[');
	for (uint32_t i = 0; i < calltree_n_nodes(t); i++)
		write_node(j, t, i);
	json_end(j);
}

int tree_write(struct json *j, const struct cresset_profile *p, size_t value,
	       const struct cresset_format_options *o, size_t base_value)
{
	struct calltree_options co = {
		.value_index = value,
		.hide_idle = o->hide_idle,
		.base = o->base,
		.base_index = base_value,
		.normalize = o->normalize,
	};
	struct calltree *t;
	int r = calltree_new(p, &co, &t);

	if (r < 0)
		return r;
	if (calltree_hidden(t))
		json_put_int(j, "hidden_idle", calltree_hidden(t));
	write_tree(j, t, o->base != NULL);
	calltree_free(t);
	return cresset_sink_error(j->sink);
}
