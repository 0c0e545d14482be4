// SPDX-License-Identifier: Apache-2.0
/* Libraries that come and go: loaded, called, unloaded, another in their place. */
#include <dlfcn.h>
#include <stdio.h>

#include "mark.h"

static volatile int sink;

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	MARK();
	for (int i = 0; i < 3; i++) {
		void *library = dlopen(argv[1 + i % 2], RTLD_NOW);
		int (*entry)(int);

		if (!library)
			return 3;
		*(void **)&entry = dlsym(library, "entry");
		if (!entry)
			return 4;
		sink = entry(i);
		dlclose(library);
	}
	MARK();
	return 0;
}
