// SPDX-License-Identifier: Apache-2.0
/*
 * cputree.c - a C call tree with exactly known CPU shares: 50, 30 and 20 percent.
 *
 *     main;run;parse;parse_line;parse_field        50 %
 *     main;run;compute;fold_all;fold_step          30 %
 *     main;run;emit;emit_block                     20 %
 *
 *     cputree [SECONDS]      prints {"cpu_ns": …, "parse_field": 0.5, …} at the end
 */
#include "work.h"

static NOINLINE void parse_field(uint64_t rounds)
{
	WORK_SPIN(rounds);
}

static NOINLINE void parse_line(uint64_t rounds)
{
	parse_field(rounds);
	work_tick();
}

static NOINLINE void parse(uint64_t rounds)
{
	parse_line(rounds);
	work_tick();
}

static NOINLINE void fold_step(uint64_t rounds)
{
	WORK_SPIN(rounds);
}

static NOINLINE void fold_all(uint64_t rounds)
{
	fold_step(rounds);
	work_tick();
}

static NOINLINE void compute(uint64_t rounds)
{
	fold_all(rounds);
	work_tick();
}

static NOINLINE void emit_block(uint64_t rounds)
{
	WORK_SPIN(rounds);
}

static NOINLINE void emit(uint64_t rounds)
{
	emit_block(rounds);
	work_tick();
}

static struct work_branch branches[] = {
	{"parse_field", parse, 0.5, 0},
	{"fold_step", compute, 0.3, 0},
	{"emit_block", emit, 0.2, 0},
};

static NOINLINE void run(double seconds)
{
	work_for(seconds, branches, 3);
	work_tick();
}

int main(int argc, char **argv)
{
	run(work_seconds(argc, argv, 1));
	work_print(branches, 3);
	return 0;
}
