// SPDX-License-Identifier: Apache-2.0
/* limits - see limits.h. */
#include "agent/limits.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

enum {
	WARMING_WINDOWS = 6,
	SETTLING_WINDOWS = 2, /* after a step, before the next look */
	MIN_WAIT = 6,
	MAX_WAIT = 360,
};

enum { QUERIES = 2, QUERY_WANTED = 32 << 20, ANSWER_BYTES = 32 << 20 };

#define LOWER_AT  0.85 /* of the budget, on average … */
#define LOWER_NOW 1.5  /* … or in a single window */
#define RAISE_AT  0.6
#define WEIGHT	  0.3 /* of the last window in the average */

/* Odd, or prime: not in step with anything. */
static const unsigned int steps[] = {1, 3, 7, 11, 19, 33, 57, 99, 199, 499, 997};

unsigned int governor_step_down(unsigned int hz)
{
	for (size_t i = sizeof(steps) / sizeof(*steps); i-- > 0;)
		if (steps[i] < hz)
			return steps[i];
	return hz;
}

unsigned int governor_step_up(unsigned int hz, unsigned int top_hz)
{
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		if (steps[i] > hz)
			return steps[i] < top_hz ? steps[i] : top_hz;
	return top_hz;
}

void governor_init(struct governor *g, double budget, unsigned int n_cpus, unsigned int top_hz)
{
	*g = (struct governor){.budget = budget,
			       .n_cpus = n_cpus ? n_cpus : 1,
			       .top_hz = top_hz,
			       .hz = top_hz,
			       .wait = MIN_WAIT,
			       .warming = WARMING_WINDOWS};
}

static void change(struct governor *g, unsigned int hz, bool up)
{
	/* A step up that did not hold as long as was waited for it: not so soon again. */
	if (!up && g->tried && g->windows <= g->wait + SETTLING_WINDOWS)
		g->wait = g->wait * 2 < MAX_WAIT ? g->wait * 2 : MAX_WAIT;
	g->hz = hz;
	g->tried = up;
	g->windows = 0;
	g->calm = 0;
	g->raised += up;
	g->lowered += !up;
}

unsigned int governor_window(struct governor *g, uint64_t cpu_ns, uint64_t wall_ns)
{
	double cost;
	bool much;

	if (!wall_ns)
		return g->hz;
	cost = (double)cpu_ns / (double)wall_ns / g->n_cpus;
	/* After a step what was before says nothing of what is now. */
	g->cost = g->windows == 0 ? cost : g->cost + WEIGHT * (cost - g->cost);
	g->windows++;
	if (g->warming) {
		g->warming--;
		g->windows = 0;
		return g->hz;
	}
	if (g->windows <= SETTLING_WINDOWS && cost <= LOWER_NOW * g->budget)
		return g->hz;
	much = g->cost > LOWER_AT * g->budget || cost > LOWER_NOW * g->budget;
	g->over = g->cost > g->budget && governor_step_down(g->hz) == g->hz;
	g->calm = g->cost < RAISE_AT * g->budget ? g->calm + 1 : 0;
	if (g->tried && g->windows > 2 * g->wait)
		g->wait = MIN_WAIT;
	if (much && governor_step_down(g->hz) != g->hz)
		change(g, governor_step_down(g->hz), false);
	else if (g->calm >= g->wait && g->hz < g->top_hz)
		change(g, governor_step_up(g->hz, g->top_hz), true);
	return g->hz;
}

void memory_split(uint64_t budget, size_t n_uploads, struct memory_split *ret)
{
	uint64_t percent = budget / 100;

	*ret = (struct memory_split){
		.tables = percent * 33,
		.symbols = percent * 18,
		.windows = percent * 12,
		.captures = percent * 4,
		.queue = percent * 8 / (n_uploads ? n_uploads : 1),
		.store = percent * 6,
		.queries = percent * 14,
		.labels = percent * 5,
	};
}

uint64_t memory_filling(const struct memory_split *split)
{
	return split->windows / 4;
}

uint64_t memory_waiting(const struct memory_split *split)
{
	return split->windows / 2;
}

void memory_queries(const struct memory_split *split, struct query_limits *ret)
{
	uint64_t each;

	ret->at_once = split->queries / QUERIES < QUERY_WANTED ? 1 : QUERIES;
	each = split->queries / ret->at_once;
	ret->answer_bytes = each / 4 < ANSWER_BYTES ? each / 4 : ANSWER_BYTES;
	ret->query_bytes = each - ret->answer_bytes;
}

enum {
	FILES_FIXED = 160, /* maps, programs, links, store, logs, listening sockets, … */
	FILES_PER_CPU = 8, /* events and rings */
	FILES_PER_UPLOAD = 8,
	FILES_WANTED = 4096,
	CONNECTIONS = 64,
	CONNECTIONS_LEAST = 8,
	BINARIES = 1152,
	BINARIES_LEAST = 32,
	RECORDERS = 3,
};

int file_limits_split(unsigned int allowed, unsigned int n_cpus, size_t n_uploads,
		      struct file_limits *ret)
{
	uint64_t fixed = FILES_FIXED + (uint64_t)n_cpus * FILES_PER_CPU +
			 (uint64_t)n_uploads * FILES_PER_UPLOAD;
	unsigned int binaries;
	uint64_t rest;

	if (allowed < fixed + CONNECTIONS_LEAST + BINARIES_LEAST)
		return -EMFILE;
	rest = allowed - fixed - CONNECTIONS_LEAST - BINARIES_LEAST;
	ret->allowed = allowed;
	/* A fifth for connections, the rest for binaries. */
	ret->connections = CONNECTIONS_LEAST + (unsigned int)(rest / 5);
	binaries = BINARIES_LEAST + (unsigned int)(rest - rest / 5);
	if (ret->connections > CONNECTIONS)
		ret->connections = CONNECTIONS;
	if (binaries > BINARIES)
		binaries = BINARIES;
	/* A third for the symbolizer. */
	ret->symbols = binaries / 3;
	ret->recorder = (binaries - ret->symbols) / RECORDERS;
	return 0;
}

int file_limits_raise(unsigned int n_cpus, size_t n_uploads, struct file_limits *ret,
		      struct cresset_error *err)
{
	rlim_t wanted = FILES_WANTED + (rlim_t)n_cpus * FILES_PER_CPU;
	struct rlimit limit;
	int r;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return cresset_error_set(err, -errno, "cannot read the limit of descriptors: %s",
					 strerror(errno));
	if (limit.rlim_cur < wanted && limit.rlim_cur < limit.rlim_max) {
		struct rlimit more = {.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max,
				      .rlim_max = limit.rlim_max};

		if (setrlimit(RLIMIT_NOFILE, &more) == 0)
			limit = more;
	}
	/* More than is wanted is not made use of. */
	if (limit.rlim_cur > wanted)
		limit.rlim_cur = wanted;
	r = file_limits_split((unsigned int)limit.rlim_cur, n_cpus, n_uploads, ret);
	return r < 0 ? cresset_error_set(err, r,
					 "%llu descriptors are too few for %u CPUs and %zu uploads "
					 "(raise LimitNOFILE= or ulimit -n to %llu)",
					 (unsigned long long)limit.rlim_cur, n_cpus, n_uploads,
					 (unsigned long long)wanted)
		     : 0;
}
