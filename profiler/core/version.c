// SPDX-License-Identifier: Apache-2.0
/* The version and revision that the build system hands in. */
#include <cresset/types.h>

const char *cresset_version(void)
{
	return CRESSET_VERSION;
}

const char *cresset_revision(void)
{
	return CRESSET_REVISION;
}
