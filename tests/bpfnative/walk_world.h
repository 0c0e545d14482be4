/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk_world.h - one process for the native walk to be tried on: a stack and code in memory, a file
 * with a function for each kind of rule, and its tables in the maps. Made by hand, so that each
 * test knows the answer.
 */
#ifndef TESTS_WALK_WORLD_H
#define TESTS_WALK_WORLD_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake_tabmem.h"
#include "native.h"
#include "unwind_walk.h"

#define BASE 0x7ffd00001000ull
#define TEXT 0x7f1200000000ull /* the file's first byte in memory; its virtual address is VADDR */
#define JIT  0x7f3300000000ull

enum {
	WORDS = 4096,
	PID = 42,
	EXEC_ID = 7,
	DSO = 5,
	VADDR = 0x1000,
	TEXT_BYTES = 1 << 16,
	CODE_BYTES = 4096,
	FUNCTION = 64, /* each rule has a function of so many bytes */
};

/* Rule ids: a function of the file for each, at TEXT + id * FUNCTION. */
enum {
	R_FRAMELESS = CRESSET_N_NONE, /* CFA sp + 8 */
	R_SP32,			      /* CFA sp + 32, fp saved at CFA - 16 */
	R_FP,			      /* push rbp; mov rbp, rsp */
	R_BIG,			      /* CFA sp + 1 MiB + 8 */
	R_PLT,
	R_DRAP, /* CFA *(fp - 8), fp saved at *fp */
	R_R10,	/* CFA r10 + 0, a DRAP prologue */
	R_END,	/* _start */
	R_SIGNAL,
	R_VFORK,    /* the return address is in rdi */
	R_FP_LOST,  /* CFA sp + 8, fp unknown */
	R_CFA_BACK, /* CFA sp - 64 */
	R_ODD,	    /* CFA sp + 12 */
	R_REG_R15,  /* CFA r15 + 8 */
	R_RA_AT_FP, /* CFA fp + 32, return address at fp + 8 */
	R_RBX,	    /* CFA rbx + 16, followed, not saved: _dl_runtime_resolve */
	R_SAVES,    /* CFA sp + 32, followed, saved at CFA - 24: _dl_fixup */
	R_KEEPS,    /* CFA sp + 8, followed, not saved */
	N_RULES,
};

struct world {
	struct tabmem *mem;
	struct cresset_unwind_block *blocks;
	__u64 stack[WORDS];
	unsigned char code[CODE_BYTES];
	struct native_task task;
	struct cresset_registers registers; /* to begin with */
};

extern const struct cresset_unwind_rule rules[N_RULES];
/* Between set_up and tear_down. */
extern struct world *world;

int set_up(void **state);
int tear_down(void **state);
/* Puts the rules, the file's rows and the process in the maps; set_up does it. */
void write_tables(void);

/* The address of a word of the stack. */
__u64 at(size_t word);
/* An address in the function of that rule; `offset` 16 is a return address in the middle. */
__u64 in(int rule, unsigned int offset);
/* How an address of the file stands in a stack. */
__u64 frame(__u64 address);
/* Walks from ip and world->registers. */
const struct cresset_stack *walk(__u64 ip, int *ret_stop);
/* How many misses were noted, and one of them. */
size_t misses(struct cresset_unwind_miss *ret_first);

/* Walks, and compares with the stop reason and the frames that follow. */
#define check(ip, stop, ...)                                                                       \
	check_frames(ip, stop, (const __u64[]){__VA_ARGS__},                                       \
		     sizeof((const __u64[]){__VA_ARGS__}) / sizeof(__u64))
void check_frames(__u64 ip, int want, const __u64 *frames, size_t n);

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
