// SPDX-License-Identifier: Apache-2.0
/* The version, and the git revision that revision.cmake finds at each build. */
#include <cresset/types.h>

#include "revision.h"

const char *cresset_version(void)
{
	return CRESSET_VERSION;
}

const char *cresset_revision(void)
{
	return CRESSET_REVISION;
}
