// SPDX-License-Identifier: Apache-2.0
/*
 * See accounting.h. A sample takes microseconds, so a handful of retries nearly always finds the
 * slot at rest; a CPU that a hypervisor has stopped in mid-sample is waited for, up to a limit. If
 * the counters of a slot do not add up even then, they are passed on as they are: a wrong sum must
 * be seen.
 */
#include "accounting.h"

#include <string.h>
#include <time.h>

enum { READ_SPINS = 2000, READ_WAITS = 2000 /* of 50 µs each */ };

#define STAT_NAME(name, help) #name,
#define STAT_HELP(name, help) help,
static const char *const names[CRESSET_N_STATS] = {CRESSET_STATS(STAT_NAME)};
static const char *const helps[CRESSET_N_STATS] = {CRESSET_STATS(STAT_HELP)};

static const char loss_prefix[] = "lost_";

const char *accounting_cause(enum cresset_stat_id stat)
{
	size_t length = sizeof(loss_prefix) - 1;

	if ((unsigned int)stat >= CRESSET_N_STATS || strncmp(names[stat], loss_prefix, length))
		return NULL;
	return names[stat] + length;
}

const char *accounting_help(enum cresset_stat_id stat)
{
	return (unsigned int)stat < CRESSET_N_STATS ? helps[stat] : "";
}

static uint64_t sum_losses(const uint64_t *stats)
{
	uint64_t sum = 0;

	for (int i = 0; i < CRESSET_N_STATS; i++)
		if (accounting_cause(i))
			sum += stats[i];
	return sum;
}

static void read_slot(const struct cresset_slot *slot, uint64_t *ret)
{
	const struct timespec wait = {.tv_nsec = 50000};

	for (int tries = 0; tries < READ_SPINS + READ_WAITS; tries++) {
		if (tries > READ_SPINS)
			nanosleep(&wait, NULL);
		for (int i = 0; i < CRESSET_N_STATS; i++)
			ret[i] = __atomic_load_n(&slot->stats[i], __ATOMIC_ACQUIRE);
		if (ret[CRESSET_STAT_taken] ==
		    ret[CRESSET_STAT_counted] + ret[CRESSET_STAT_filtered] +
			    ret[CRESSET_STAT_unsampled] + sum_losses(ret))
			return;
	}
}

void accounting_read(const struct cresset_slot *slots, size_t n, struct accounting *ret)
{
	uint64_t stats[CRESSET_N_STATS];

	memset(ret, 0, sizeof(*ret));
	for (size_t slot = 0; slot < n; slot++) {
		read_slot(&slots[slot], stats);
		for (int i = 0; i < CRESSET_N_STATS; i++)
			ret->stats[i] += stats[i];
		for (int i = 0; i < CRESSET_N_STOPS; i++)
			ret->stops[i] += __atomic_load_n(&slots[slot].stops[i], __ATOMIC_RELAXED);
	}
	ret->lost = sum_losses(ret->stats);
}
