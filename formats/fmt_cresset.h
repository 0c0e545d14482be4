// SPDX-License-Identifier: Apache-2.0
/*
 * .cresset - the raw profile: everything that is in a struct cresset_profile, and nothing else.
 *
 *     8 bytes   "CRESSET\n"
 *     u32       version, 1
 *     u32       0
 *     u64       size of the payload
 *     u64       XXH3 (64 bits, seed 0) of the payload
 *     the rest  one zstd frame: the payload
 *
 * Fixed numbers are little-endian; in the payload all are base-128 (wire.h), those marked ± zigzag.
 * The payload is a sequence of sections {tag, size, content}, each at most once, in this order.
 * Table sections begin with the number n of rows and then hold one column after the other, which
 * compresses far better than rows: a column is like itself.
 *
 *     1 STRINGS    lengths; then the bytes of all. Row 1 is string id 1.
 *     2 WHOLE      n types, (type, unit) each; default type; period type, unit, ±period; ±time ns;
 *                  ±duration ns
 *     3 MAPPINGS   start, limit - start (modulo 2^64), offset, file, build-id, pid, kind, flags
 *     4 FUNCTIONS  name, ±(system name - name), filename, start line
 *     5 LOCATIONS  mapping, ±(address - the row before's), flags, number of lines
 *     6 LINES      function, line, column; those of location 1, then 2, …
 *     7 STACKS     lengths; then ±(location id - the one before in the stack), leaf first
 *     8 LABELS     lengths; then four columns for all labels of all sets: key, str, ±num, unit
 *     9 SAMPLES    ±(stack - the row before's), labels, then ±value for each type
 *    10 COMMENTS   lengths; then the bytes of all
 *    11 STATS      name, value
 *
 * A reader refuses a higher version. A later version 1 writer may add sections with tags from
 * OPTIONAL upwards, which a reader that does not know them skips.
 */
#ifndef FORMATS_FMT_CRESSET_H
#define FORMATS_FMT_CRESSET_H

#include "formats/formats.h"

#define CRESSET_MAGIC	    "CRESSET\n"
#define CRESSET_PAYLOAD_MAX ((uint64_t)2 << 30)

enum { CRESSET_RAW_VERSION = 1, CRESSET_HEADER = 32 };

enum section {
	SECTION_STRINGS = 1,
	SECTION_WHOLE,
	SECTION_MAPPINGS,
	SECTION_FUNCTIONS,
	SECTION_LOCATIONS,
	SECTION_LINES,
	SECTION_STACKS,
	SECTION_LABELS,
	SECTION_SAMPLES,
	SECTION_COMMENTS,
	SECTION_STATS,
	SECTION_END, /* one past the last */
	SECTION_OPTIONAL = 64,
};

int cresset_read(const void *data, size_t size, struct cresset_profile *p,
		 struct cresset_error *err);
bool cresset_sniff(const void *data, size_t size);

#endif
