// SPDX-License-Identifier: Apache-2.0
/* states - see states.h. */
#include "formats/states.h"

#include <string.h>

static const char *const leaves[N_STATES] = {
	[STATE_CPU] = "",
	[STATE_RUNNABLE] = "[runnable]",
	[STATE_BLOCKED] = "[blocked]",
	[STATE_IDLE] = "[idle]",
};

const char *state_leaf(enum state s)
{
	return leaves[s];
}

const char *state_word(enum state s)
{
	static const char *const words[N_STATES] = {
		[STATE_CPU] = "on CPU",
		[STATE_RUNNABLE] = "runnable",
		[STATE_BLOCKED] = "blocked",
		[STATE_IDLE] = "idle",
	};

	return words[s];
}

enum state state_of_leaf(const char *text)
{
	if (text[0] != '[')
		return STATE_CPU;
	for (enum state s = STATE_RUNNABLE; s < N_STATES; s++)
		if (strcmp(text, leaves[s]) == 0)
			return s;
	return STATE_CPU;
}

/* "" for a label that there is not. */
static const char *label_text(const struct cresset_profile *p, uint32_t labels, const char *key)
{
	const struct cresset_label *l = cresset_profile_find_label(p, labels, key);

	return cresset_profile_string(p, l ? l->str : 0);
}

static enum state state_of_labels(const struct cresset_profile *p, uint32_t labels)
{
	const char *text = label_text(p, labels, CRESSET_LABEL_STATE);

	if (strcmp(text, CRESSET_STATE_RUNNABLE) == 0)
		return STATE_RUNNABLE;
	if (strcmp(text, CRESSET_STATE_BLOCKED) != 0)
		return STATE_CPU;
	return *label_text(p, labels, CRESSET_LABEL_IDLE) ? STATE_IDLE : STATE_BLOCKED;
}

enum state state_of_sample(const struct cresset_profile *p, uint32_t labels,
			   const struct cresset_frame *frames, size_t *n)
{
	enum state s = state_of_labels(p, labels);

	if (s == STATE_CPU && *n && frames[*n - 1].name) {
		s = state_of_leaf(cresset_profile_string(p, frames[*n - 1].name));
		*n -= s != STATE_CPU;
	}
	return s;
}

bool state_is_separator(const struct cresset_profile *p, const struct cresset_frame *frame)
{
	return frame->name && strcmp(cresset_profile_string(p, frame->name), "--") == 0;
}
