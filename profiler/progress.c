// SPDX-License-Identifier: Apache-2.0
/*
 * See progress.h. The line is cut at the terminal's width: a wrapped line could not be wiped.
 */
#include "progress.h"

#include "duration.h"
#include "term.h"

#include <stdio.h>
#include <unistd.h>

#define REDRAW_NS 200000000ull

static void draw(struct progress *p, const char *line)
{
	struct term t = term_of(STDERR_FILENO);
	int width = t.columns > 1 ? (int)t.columns - 1 : 1;

	fprintf(stderr, "\r\033[K%.*s", width, line);
	fflush(stderr);
	p->shown = true;
}

void progress_init(struct progress *p, bool quiet)
{
	struct term t = term_of(STDERR_FILENO);

	*p = (struct progress){.on = t.tty && !quiet};
}

void progress_show(struct progress *p, uint64_t elapsed_ns, uint64_t limit_ns, uint64_t samples,
		   uint64_t lost)
{
	char line[256], elapsed[32], limit[32];

	if (!p->on || (p->shown && elapsed_ns - p->last_ns < REDRAW_NS))
		return;
	p->last_ns = elapsed_ns;
	duration_text(elapsed_ns, elapsed, sizeof(elapsed));
	duration_text(limit_ns, limit, sizeof(limit));
	snprintf(line, sizeof(line), "recording %s%s%s  %llu samples, %llu lost  (Ctrl-C to %s)",
		 elapsed, limit_ns ? " of " : "", limit_ns ? limit : "",
		 (unsigned long long)samples, (unsigned long long)lost,
		 limit_ns ? "stop early" : "stop");
	draw(p, line);
}

void progress_say(struct progress *p, const char *what)
{
	if (p->on)
		draw(p, what);
}

void progress_wipe(struct progress *p)
{
	if (!p->shown)
		return;
	fprintf(stderr, "\r\033[K");
	fflush(stderr);
	p->shown = false;
}
