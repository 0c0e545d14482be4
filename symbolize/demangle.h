// SPDX-License-Identifier: Apache-2.0
/*
 * demangle - C++ (Itanium ABI) and Rust (v0 and legacy) names as people write them.
 *
 * A wrapper around libiberty, as c++filt uses it. Names are hostile: a few hundred bytes can stand
 * for gigabytes of text, since each substitution may double what came before. So the input, the
 * depth of recursion and the output are limited, and past a limit a name is shown as it is.
 */
#ifndef SYMBOLIZE_DEMANGLE_H
#define SYMBOLIZE_DEMANGLE_H

#define DEMANGLE_MAX_INPUT  8192
#define DEMANGLE_MAX_OUTPUT 65536

/* malloc()ed; NULL if the name is not mangled, past a limit, or memory is out. */
char *demangle(const char *mangled);

#endif
