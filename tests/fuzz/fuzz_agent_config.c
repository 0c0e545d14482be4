// SPDX-License-Identifier: Apache-2.0
/* The agent's configuration: whatever it is, it is taken, or refused with a reason for each fault;
 * what is taken can be printed, read again and is the same, and makes labels. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cresset/sink.h>

#include "agent/config.h"
#include "agent/labels.h"

static void make_labels(const struct agent_config *c)
{
	struct agent_labels_options o = {.proc = "/nowhere", .host = "h"};
	struct agent_labels *l = NULL;

	/* Rules that the configuration took must be taken here; the folder is missing. */
	if (agent_labels_new(&c->labels, &o, &l, NULL) == -EINVAL)
		abort();
	agent_labels_free(l);
}

/* Uploads' headers are printed without their values, so those cannot be read again. */
static void read_again(const struct agent_config *c, struct agent_complaints *complaints)
{
	struct cresset_sink *sink = NULL;
	struct agent_config *again = NULL;
	const char *text;
	size_t n;

	if (cresset_sink_memory(&sink) || agent_config_print(c, sink))
		abort();
	text = cresset_sink_data(sink, &n);
	if (c->uploads.n == 0) {
		if (agent_config_parse(text, n, "again", &again, complaints) ||
		    agent_config_diff(c, again, NULL, NULL))
			abort();
		agent_config_free(again);
	}
	cresset_sink_close(sink);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct agent_complaints complaints;
	struct agent_config *c = NULL;
	int r;

	memset(&complaints, 0, sizeof(complaints));
	r = agent_config_parse((const char *)data, size, "F", &c, &complaints);
	if ((r == 0) != (complaints.errors == 0) || complaints.n > AGENT_CONFIG_MAX_COMPLAINTS)
		abort();
	for (size_t i = 0; i < complaints.n; i++)
		if (!complaints.list[i].text[0] || strchr(complaints.list[i].text, '\n'))
			abort();
	if (r == 0) {
		make_labels(c);
		read_again(c, &complaints);
	}
	agent_config_free(c);
	return 0;
}
