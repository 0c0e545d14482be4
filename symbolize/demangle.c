// SPDX-License-Identifier: Apache-2.0
/*
 * demangle - see demangle.h.
 *
 * libiberty hands its text out piece by piece to a callback; it limits its own recursion, but not
 * its output. The only way to stop it is to jump out of the callback. For C++ that is clean: this
 * entry point of libiberty keeps all its state on the stack so that it can be used from signal
 * handlers. Rust's may leave one small buffer behind, if the limit is hit just within a punycode
 * identifier.
 */
#include "demangle.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct output {
	char *text;
	size_t size;
	size_t capacity;
	jmp_buf stop;
};

static void append(const char *piece, size_t len, void *opaque)
{
	struct output *o = opaque;

	if (len > DEMANGLE_MAX_OUTPUT - o->size)
		longjmp(o->stop, 1);
	if (o->size + len + 1 > o->capacity) {
		size_t capacity = 2 * (o->size + len) + 64;
		char *text = realloc(o->text, capacity);

		if (!text)
			longjmp(o->stop, 1);
		o->text = text;
		o->capacity = capacity;
	}
	memcpy(o->text + o->size, piece, len);
	o->size += len;
	o->text[o->size] = '\0';
}

/* _ZN…17h<16 hex digits>E, as C++ could not have it: Rust's own first mangling. */
static bool is_legacy_rust(const char *name, size_t len)
{
	const char *hash = strstr(name, "17h");

	while (hash && strstr(hash + 1, "17h"))
		hash = strstr(hash + 1, "17h");
	return hash && (size_t)(hash - name) + 20 <= len && hash[19] == 'E' &&
	       strspn(hash + 3, "0123456789abcdef") >= 16;
}

static int run(const char *name, size_t len, struct output *o)
{
	const int options = DMGL_PARAMS | DMGL_ANSI;

	if (setjmp(o->stop))
		return 0;
	if (strncmp(name, "_R", 2) == 0)
		return rust_demangle_callback(name, options | DMGL_RUST, append, o);
	if (strncmp(name, "_Z", 2) != 0)
		return 0;
	if (is_legacy_rust(name, len) &&
	    rust_demangle_callback(name, options | DMGL_RUST, append, o))
		return 1;
	o->size = 0;
	return cplus_demangle_v3_callback(name, options, append, o);
}

char *demangle(const char *mangled)
{
	size_t len = strnlen(mangled, DEMANGLE_MAX_INPUT + 1);
	struct output *o;
	char *text = NULL;

	if (len > DEMANGLE_MAX_INPUT || len < 3 || mangled[0] != '_' ||
	    (mangled[1] != 'Z' && mangled[1] != 'R'))
		return NULL;
	/* Not on the stack: what setjmp() comes back to must not have lived in registers. */
	o = calloc(1, sizeof(*o));
	if (!o)
		return NULL;
	if (run(mangled, len, o) && o->size)
		text = o->text;
	else
		free(o->text);
	free(o);
	return text;
}
