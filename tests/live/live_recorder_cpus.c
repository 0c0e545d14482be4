// SPDX-License-Identifier: Apache-2.0
/*
 * The recorder against the CPUs: as many samples as perf's own rings get of the same timer, and a
 * CPU that is taken offline and brought back.
 */
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "recording.h"

enum { RING_PAGES = 512 };

struct ring {
	int fd;
	struct perf_event_mmap_page *page;
	uint64_t samples;
};

static void ring_open(struct ring *ring, int cpu, unsigned int hz)
{
	size_t bytes = (size_t)(RING_PAGES + 1) * (size_t)getpagesize();
	struct perf_event_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.size = sizeof(attr);
	attr.type = PERF_TYPE_SOFTWARE;
	attr.config = PERF_COUNT_SW_CPU_CLOCK;
	attr.freq = 1;
	attr.sample_freq = hz;
	attr.sample_type = PERF_SAMPLE_TID;
	attr.exclude_idle = 1;
	attr.disabled = 1;
	ring->samples = 0;
	ring->fd = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	assert_true(ring->fd >= 0);
	ring->page = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
	assert_true(ring->page != MAP_FAILED);
}

static void ring_read(struct ring *ring)
{
	uint64_t size = (uint64_t)RING_PAGES * (uint64_t)getpagesize();
	const char *data = (const char *)ring->page + getpagesize();
	uint64_t head = __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = ring->page->data_tail;

	while (tail < head) {
		struct perf_event_header header;
		uint64_t lost[2];

		/* Records are multiples of 8 bytes and so is the ring: a header never wraps. */
		memcpy(&header, data + tail % size, sizeof(header));
		if (header.type == PERF_RECORD_SAMPLE)
			ring->samples++;
		if (header.type == PERF_RECORD_LOST) {
			for (int i = 0; i < 2; i++)
				memcpy(&lost[i], data + (tail + 8 + 8 * (uint64_t)i) % size, 8);
			ring->samples += lost[1];
		}
		tail += header.size;
	}
	__atomic_store_n(&ring->page->data_tail, tail, __ATOMIC_RELEASE);
}

static void as_many_as_perf(void **state)
{
	struct cresset_recorder_options options = CRESSET_RECORDER_OPTIONS_INIT;
	struct cresset_recorder_stats first, last;
	struct session *s;
	uint64_t theirs = 0, ours;
	struct ring *rings;
	pid_t *spinners;
	size_t n;

	options.freq_hz = 999;
	s = begin(&options, NULL);
	n = s->n_cpus;
	if (s->event.hardware)
		print_message("note: cycles against the cpu-clock\n");
	rings = calloc(n, sizeof(*rings));
	spinners = calloc(n, sizeof(*spinners));
	for (size_t i = 0; i < n; i++) {
		spinners[i] = child_of(i & 1 ? spin_with_system_calls : spin, NULL);
		rings[i].fd = -1;
		if (s->online[i])
			ring_open(&rings[i], (int)i, 999);
	}
	session_get_stats(s, &first);
	for (size_t i = 0; i < n; i++)
		if (rings[i].fd >= 0)
			assert_int_equal(ioctl(rings[i].fd, PERF_EVENT_IOC_ENABLE, 0), 0);
	record(s, first.counted + 6000);
	for (size_t i = 0; i < n; i++)
		if (rings[i].fd >= 0)
			ioctl(rings[i].fd, PERF_EVENT_IOC_DISABLE, 0);
	session_get_stats(s, &last);
	for (size_t i = 0; i < n; i++) {
		if (rings[i].fd < 0)
			continue;
		ring_read(&rings[i]);
		theirs += rings[i].samples;
		close(rings[i].fd);
	}
	ours = last.counted - first.counted;
	print_message("perf %" PRIu64 ", ours %" PRIu64 ", lost %" PRIu64 "\n", theirs, ours,
		      last.lost - first.lost);
	for (size_t i = 0; i < n; i++)
		reap(spinners[i]);
	cresset_profile_free(end(s));
	free(rings);
	free(spinners);
	assert_true(theirs > 1000);
	/*
	 * While a CPU reads maps the kernel runs no program on it. Under emulation a drain takes
	 * some 30 times as long as it should, and that shows.
	 */
	if (getenv("EMULATED") && ours * 100 < theirs * 99) {
		print_message("skipped: an emulated CPU drains too slowly for this comparison\n");
		skip();
	}
	assert_true(ours * 100 >= theirs * 99);
}

/* A CPU that goes and comes back is sampled again. */
static bool set_online(int cpu, const char *value)
{
	char path[96];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	fd = open(path, O_WRONLY);
	if (fd >= 0) {
		n = write(fd, value, 1);
		close(fd);
	}
	return n == 1;
}

static void cpu_goes_and_comes(void **state)
{
	struct cresset_recorder_options options = CRESSET_RECORDER_OPTIONS_INIT;
	struct session_limits limits = {.drain_ms = 10};
	struct session *s;
	uint64_t before;
	int cpu;

	options.freq_hz = 99;
	s = begin(&options, &limits);
	cpu = (int)s->n_cpus - 1;
	if (cpu < 1 || !s->online[cpu] || !set_online(cpu, "0")) {
		cresset_profile_free(end(s));
		print_message("skipped: no CPU here can be taken offline\n");
		skip();
	}
	for (int i = 0; i < MAX_POLLS && s->online[cpu]; i++)
		session_poll(s, 10);
	assert_false(s->online[cpu]);
	before = s->slots[cpu * CRESSET_N_CONTEXTS].stats[CRESSET_STAT_taken];
	assert_true(set_online(cpu, "1"));
	for (int i = 0; i < MAX_POLLS && !s->online[cpu]; i++)
		session_poll(s, 10);
	assert_true(s->online[cpu]);
	{
		pid_t a = child_of(spin, NULL), b = child_of(spin, NULL);
		volatile uint64_t *now = (volatile uint64_t *)&s->slots[cpu * CRESSET_N_CONTEXTS]
						 .stats[CRESSET_STAT_taken];

		for (int i = 0; i < MAX_POLLS && *now == before; i++)
			session_poll(s, 10);
		assert_true(*now > before);
		reap(a);
		reap(b);
	}
	cresset_profile_free(end(s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_many_as_perf),
		cmocka_unit_test(cpu_goes_and_comes),
	};

	if (not_allowed())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
