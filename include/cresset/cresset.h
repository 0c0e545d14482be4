/* cresset/cresset.h - all of libcresset: record, symbolize, write. See each header's head. */
#ifndef CRESSET_CRESSET_H
#define CRESSET_CRESSET_H

#include <cresset/format.h>
#include <cresset/profile.h>
#include <cresset/recorder.h>
#include <cresset/sink.h>
#include <cresset/symbolizer.h>
#include <cresset/types.h>

#endif
