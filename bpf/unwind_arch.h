/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * unwind_arch.h - what the native walker must know of the machine's code and of signal frames.
 *
 * WALK_STRIP(pc)             without pointer authentication
 * WALK_CALL_PUSHES           a call leaves the return address on the stack (else in a register)
 * WALK_SIGFRAME_*            where a signal frame has the interrupted registers, from sp on
 * WALK_SIGRETURN(code)       do these 8 bytes ask for sigreturn? C libraries without unwind
 *                            information for it (musl, Go) are known by them
 * WALK_BEHIND_CALL(code)     do these 8 bytes end with a call?
 * WALK_CALLS_OTHER(code, address, pc)  … of an address that is not a little below pc? The bytes end
 *                            at address
 */
#ifndef BPF_UNWIND_ARCH_H
#define BPF_UNWIND_ARCH_H

#include "kernel.h"

#if defined(__TARGET_ARCH_x86)

#define WALK_STRIP(pc)	 (pc)
#define WALK_CALL_PUSHES 1
#define WALK_ALIGNMENT	 8

/* sp is at the ucontext; gregs begin 40 bytes into it: r8 to r15, rdi, rsi, rbp, rbx, rdx, rax,
 * rcx, rsp, rip. */
#define WALK_SIGFRAME_OFFSET 40
#define WALK_SIGFRAME_WORDS  17
#define WALK_SIGFRAME_TAKE(r, pc, w)                                                               \
	do {                                                                                       \
		for (int i_ = 0; i_ < 8; i_++)                                                     \
			(r)->general[8 + i_] = (w)[i_];                                            \
		(r)->general[5] = (w)[8];                                                          \
		(r)->general[4] = (w)[9];                                                          \
		(r)->fp = (w)[10];                                                                 \
		(r)->general[3] = (w)[11];                                                         \
		(r)->general[1] = (w)[12];                                                         \
		(r)->general[0] = (w)[13];                                                         \
		(r)->general[2] = (w)[14];                                                         \
		(r)->sp = (w)[15];                                                                 \
		(pc) = (w)[16];                                                                    \
	} while (0)

/* mov $15,%rax; syscall */
#define WALK_SIGRETURN(code) ((code) == 0x0f0000000fc0c748ull)

static __always_inline __u32 walk_code_byte(__u64 code, int from_end)
{
	return code >> (64 - 8 * from_end) & 0xff;
}

/*
 * e8 rel32, or ff /2 with any operand: of 2, 3, 4, 6 or 7 bytes. Or a nop: what is returned to
 * without having called (Go's goexit, sigreturn) has one before it, as lookups are by pc - 1.
 */
static __always_inline bool WALK_BEHIND_CALL(__u64 code)
{
	__u32 operand;

	if (walk_code_byte(code, 5) == 0xe8 || walk_code_byte(code, 1) == 0x90)
		return true;
	operand = walk_code_byte(code, 1);
	if (walk_code_byte(code, 2) == 0xff &&
	    ((operand & 0xf8) == 0xd0 || ((operand & 0xf8) == 0x10 && operand != 0x14)))
		return true;
	operand = walk_code_byte(code, 2);
	if (walk_code_byte(code, 3) == 0xff && ((operand & 0xf8) == 0x50 || operand == 0x14))
		return true;
	if (walk_code_byte(code, 4) == 0xff && walk_code_byte(code, 3) == 0x54)
		return true;
	operand = walk_code_byte(code, 5);
	if (walk_code_byte(code, 6) == 0xff && ((operand & 0xf8) == 0x90 || operand == 0x15))
		return true;
	return walk_code_byte(code, 7) == 0xff && walk_code_byte(code, 6) == 0x94;
}

/* Hardly any function without unwind information is larger. */
#define WALK_FUNCTION_BYTES (64ull << 10)

static __always_inline bool WALK_CALLS_OTHER(__u64 code, __u64 address, __u64 pc)
{
	if (walk_code_byte(code, 5) != 0xe8)
		return false;
	return pc - (address + (__s64)(__s32)(code >> 32)) >= WALK_FUNCTION_BYTES;
}

#elif defined(__TARGET_ARCH_arm64)

/* With 48-bit addresses the signature is above; all user addresses have zeros there. */
#define WALK_STRIP(pc)	     ((pc) & (CRESSET_USER_LIMIT - 1))
#define WALK_CALL_PUSHES     0
#define WALK_ALIGNMENT	     16

/* siginfo (128), ucontext up to its sigcontext (176), fault_address; then x0 to x30, sp, pc. Only
 * the registers that rules name: the frame record's and sp, pc. */
#define WALK_SIGFRAME_OFFSET (128 + 176 + 8)
#define WALK_SIGFRAME_WORDS  33
#define WALK_SIGFRAME_TAKE(r, pc, w)                                                               \
	do {                                                                                       \
		for (int i_ = 0; i_ < 31; i_++)                                                    \
			(r)->general[i_] = (w)[i_];                                                \
		(r)->fp = (w)[29];                                                                 \
		(r)->sp = (w)[31];                                                                 \
		(pc) = (w)[32];                                                                    \
	} while (0)

/* mov x8,#139; svc #0 */
#define WALK_SIGRETURN(code)		    ((code) == 0xd4000001d2801168ull)

/* bl, blr, blraa and its like. */
static __always_inline bool WALK_BEHIND_CALL(__u64 code)
{
	__u32 insn = code >> 32;

	return insn >> 26 == 0x25 || (insn & 0xfffffc1f) == 0xd63f0000 ||
	       (insn & 0xfefff800) == 0xd63f0800;
}

/* Not told: what is left over in the link register is of the same function. */
#define WALK_CALLS_OTHER(code, address, pc) false

#endif
#endif
