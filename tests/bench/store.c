// SPDX-License-Identifier: Apache-2.0
/*
 * bench_store FOLDER ROWS ROUNDS - see store.sh.
 *
 * Rows follow from a seed. A window's profile is made outside of what is measured; into SQLite go
 * the same rows by their numbers.
 */
#include "store/store.h"
#include "store/event.h"
#include "store/match.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum {
	SERVICES = 20,
	SERIES = 10, /* of a service */
	STACKS = 10000,
	FUNCTIONS = 3100,
	MINUTES = 1440,
	DEPTH = 24,
	MAX_DEPTH = 2 * DEPTH,
	MAX_ROUNDS = 100,
};

#define SECOND_NS INT64_C(1000000000)
#define START_NS  (INT64_C(1795305600) * SECOND_NS) /* 2026-11-22, midnight */
#define PERIOD_NS INT64_C(52631579)		    /* 19 Hz */

struct row {
	uint32_t service, series, stack; /* series and stack within the service */
	int64_t value;
};

struct bench {
	const char *folder;
	uint64_t rows, loaded;
	unsigned int rounds;
	uint64_t state;
	double pick[STACKS];			      /* up to which number a stack is chosen */
	uint16_t frames[SERVICES][STACKS][MAX_DEPTH]; /* root first */
	uint8_t depths[SERVICES][STACKS];
	struct row *minute; /* its rows, one for each series and stack */
	size_t n;
	uint32_t *seen; /* by series and stack: the minute that has it, plus one */
	struct store *store;
	sqlite3 *db;
	sqlite3_stmt *insert;
	double append_s, maintain_s, insert_s;
};

static void must(int r, const char *what, const struct cresset_error *err)
{
	if (r >= 0)
		return;
	fprintf(stderr, "bench_store: %s: %s\n", what,
		err && err->text[0] ? err->text : strerror(-r));
	exit(1);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t draw(struct bench *b)
{
	b->state ^= b->state << 13;
	b->state ^= b->state >> 7;
	b->state ^= b->state << 17;
	return b->state >> 8;
}

static double draw_unit(struct bench *b)
{
	return (double)(draw(b) & 0xffffffff) / 4294967296.0;
}

/* ---- The rows. */

/* Stacks of a service are paths through a tree of calls: they share their beginnings. */
static void make_stacks(struct bench *b)
{
	double sum = 0;

	for (uint32_t i = 0; i < STACKS; i++)
		b->pick[i] = sum += pow(i + 1, -0.6);
	for (uint32_t i = 0; i < STACKS; i++)
		b->pick[i] /= sum;
	for (uint32_t s = 0; s < SERVICES; s++) {
		for (uint32_t i = 0; i < STACKS; i++) {
			uint32_t from = i ? (uint32_t)(draw(b) % i) : 0;
			uint8_t n = (uint8_t)(DEPTH / 2 + draw(b) % (DEPTH + 1)), shared = 0;

			if (i) {
				shared = (uint8_t)(b->depths[s][from] * draw_unit(b));
				shared = shared < n ? shared : (uint8_t)(n - 1);
			}
			memcpy(b->frames[s][i], b->frames[s][from], shared * sizeof(uint16_t));
			for (uint8_t k = shared; k < n; k++)
				b->frames[s][i][k] = (uint16_t)(draw(b) % FUNCTIONS);
			b->depths[s][i] = n;
		}
	}
}

static uint32_t pick_stack(struct bench *b)
{
	double x = draw_unit(b);
	uint32_t low = 0, high = STACKS - 1;

	while (low < high) {
		uint32_t mid = (low + high) / 2;

		if (b->pick[mid] < x)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void make_minute(struct bench *b, uint32_t minute)
{
	double harmonic = 0;

	for (uint32_t s = 1; s <= SERVICES; s++)
		harmonic += 1.0 / s;
	b->n = 0;
	for (uint32_t s = 0; s < SERVICES; s++) {
		double share = (double)b->rows / MINUTES / harmonic / (s + 1);
		size_t end = b->n + (size_t)(share + draw_unit(b));

		while (b->n < end) {
			struct row *row = &b->minute[b->n];
			uint32_t *seen;

			row->service = s;
			row->series = (uint32_t)(draw(b) % SERIES);
			row->stack = pick_stack(b);
			row->value = PERIOD_NS *
				     (1 + (int64_t)(draw(b) % 4 == 0) * (int64_t)(draw(b) % 20));
			seen = &b->seen[(s * SERIES + row->series) * STACKS + row->stack];
			b->n += *seen != minute + 1;
			*seen = minute + 1;
		}
	}
	b->loaded += b->n;
}

/* ---- Ours. */

struct making {
	const struct bench *b;
	struct cresset_profile *p;
	uint32_t *locations; /* by service and function; 0: not yet */
	uint32_t mappings[SERVICES], labels[SERVICES][SERIES];
};

static uint32_t add_string(struct making *m, const char *text)
{
	uint32_t id;

	must(cresset_profile_add_string(m->p, text, strlen(text), &id), "profile", NULL);
	return id;
}

static uint32_t location_of(struct making *m, uint32_t service, uint32_t function)
{
	uint32_t *id = &m->locations[service * FUNCTIONS + function];
	struct cresset_function f = {.start_line = function};
	struct cresset_line line = {.line = 10 + function % 500};
	struct cresset_location l = {.n_lines = 1, .flags = CRESSET_LOCATION_RESOLVED};
	char text[96];

	if (*id)
		return *id;
	if (!m->mappings[service]) {
		struct cresset_mapping map = {.start = 0x1000, .limit = 0x900000};

		snprintf(text, sizeof(text), "/usr/lib/service%u/bin/service%u", service, service);
		map.file = add_string(m, text);
		must(cresset_profile_add_mapping(m->p, &map, &m->mappings[service]), "profile",
		     NULL);
	}
	snprintf(text, sizeof(text), "service%u::module%u::Class%u::method_%u(Request const&)",
		 service, function % 17, function % 211, function);
	f.name = add_string(m, text);
	snprintf(text, sizeof(text), "/build/service%u/src/module%u/class%u.cc", service,
		 function % 17, function % 211);
	f.filename = add_string(m, text);
	l.mapping = m->mappings[service];
	l.address = 0x1000 + function * 64;
	must(cresset_profile_add_function(m->p, &f, &line.function), "profile", NULL);
	must(cresset_profile_add_location(m->p, &l, &line, id), "profile", NULL);
	return *id;
}

static uint32_t labels_of(struct making *m, uint32_t service, uint32_t series)
{
	struct cresset_label labels[3] = {{0}};
	static const char *const keys[] = {"service", "comm", "host"};
	char text[32];

	if (m->labels[service][series])
		return m->labels[service][series];
	for (size_t i = 0; i < 3; i++) {
		snprintf(text, sizeof(text),
			 i == 0	  ? "service%u"
			 : i == 1 ? "comm%u"
				  : "host%u",
			 i == 0	  ? service
			 : i == 1 ? series % 5
				  : series / 5);
		labels[i].key = add_string(m, keys[i]);
		labels[i].str = add_string(m, text);
	}
	must(cresset_profile_add_labels(m->p, labels, 3, &m->labels[service][series]), "profile",
	     NULL);
	return m->labels[service][series];
}

static struct cresset_profile *make_profile(const struct bench *b, uint32_t minute)
{
	struct making m = {.b = b, .locations = calloc(SERVICES * FUNCTIONS, sizeof(uint32_t))};

	must(cresset_profile_new(&m.p), "profile", NULL);
	must(cresset_profile_add_value_type(m.p, "cpu", "nanoseconds"), "profile", NULL);
	for (size_t i = 0; i < b->n; i++) {
		const struct row *row = &b->minute[i];
		uint8_t n = b->depths[row->service][row->stack];
		uint32_t ids[MAX_DEPTH], stack;

		for (uint8_t k = 0; k < n; k++)
			ids[n - 1 - k] = location_of(&m, row->service,
						     b->frames[row->service][row->stack][k]);
		must(cresset_profile_add_stack(m.p, ids, n, &stack), "profile", NULL);
		must(cresset_profile_add_sample(
			     m.p, stack, labels_of(&m, row->service, row->series), &row->value),
		     "profile", NULL);
	}
	cresset_profile_set_time(m.p, START_NS + minute * 60 * SECOND_NS, 60 * SECOND_NS);
	free(m.locations);
	return m.p;
}

static void maintain(struct bench *b, int64_t now_ns)
{
	struct cresset_error err = {.text = ""};
	double began = now_s();
	int r;

	while ((r = store_maintain(b->store, now_ns, &err)) > 0)
		;
	must(r, "maintain", &err);
	b->maintain_s += now_s() - began;
}

static void load_ours(struct bench *b, uint32_t minute)
{
	struct cresset_profile *p = make_profile(b, minute);
	struct cresset_error err = {.text = ""};
	double began = now_s();

	must(store_append(b->store, p, &err), "append", &err);
	b->append_s += now_s() - began;
	cresset_profile_free(p);
	maintain(b, START_NS + (minute + 1) * 60 * SECOND_NS);
}

struct answer {
	double s;
	uint64_t rows, stacks;
	int64_t sum;
};

static struct answer ask_ours(struct bench *b, int64_t from_ns, int64_t to_ns, const char *match)
{
	const struct store_event *event = store_event_by_name("cpu");
	struct store_query q = {.from_ns = from_ns, .to_ns = to_ns};
	struct cresset_error err = {.text = ""};
	struct store_result result;
	struct cresset_profile *p;
	struct match *m;
	struct answer a;
	double began = now_s();

	must(match_new(match, &m, &err), "match", &err);
	q.match = m;
	must(store_query_event(b->store, event, &q, &p, &result, &err), "query", &err);
	a = (struct answer){.s = now_s() - began,
			    .rows = result.rows,
			    .stacks = cresset_profile_n_samples(p),
			    .sum = cresset_profile_total(p, 0)};
	match_free(m);
	cresset_profile_free(p);
	return a;
}

/* ---- SQLite. */

static void sql(struct bench *b, const char *text)
{
	char *why = NULL;

	if (sqlite3_exec(b->db, text, NULL, NULL, &why) == SQLITE_OK)
		return;
	fprintf(stderr, "bench_store: %s: %s\n", text, why);
	exit(1);
}

static void open_sqlite(struct bench *b)
{
	char path[4096];
	sqlite3_stmt *s;

	snprintf(path, sizeof(path), "%s/peer.db", b->folder);
	if (sqlite3_open(path, &b->db) != SQLITE_OK)
		exit(1);
	sql(b, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-200000;"
	       "CREATE TABLE samples (service INT, ts INT, series INT, stack INT, value INT, "
	       "PRIMARY KEY (service, ts, series, stack)) WITHOUT ROWID;"
	       "CREATE TABLE stacks (id INTEGER PRIMARY KEY, frames BLOB); BEGIN");
	sqlite3_prepare_v2(b->db, "INSERT INTO stacks VALUES (?1, ?2)", -1, &s, NULL);
	for (uint32_t i = 0; i < SERVICES * STACKS; i++) {
		uint32_t service = i / STACKS, stack = i % STACKS;

		sqlite3_bind_int(s, 1, (int)i);
		sqlite3_bind_blob(s, 2, b->frames[service][stack],
				  b->depths[service][stack] * (int)sizeof(uint16_t), SQLITE_STATIC);
		sqlite3_step(s);
		sqlite3_reset(s);
	}
	sqlite3_finalize(s);
	sql(b, "COMMIT");
	sqlite3_prepare_v2(b->db, "INSERT INTO samples VALUES (?1, ?2, ?3, ?4, ?5)", -1, &b->insert,
			   NULL);
}

static void load_sqlite(struct bench *b, uint32_t minute)
{
	double began = now_s();

	if (minute % 60 == 0)
		sql(b, "BEGIN");
	for (size_t i = 0; i < b->n; i++) {
		const struct row *row = &b->minute[i];

		sqlite3_bind_int(b->insert, 1, (int)row->service);
		sqlite3_bind_int64(b->insert, 2, START_NS / SECOND_NS + minute * 60);
		sqlite3_bind_int(b->insert, 3, (int)(row->service * SERIES + row->series));
		sqlite3_bind_int(b->insert, 4, (int)(row->service * STACKS + row->stack));
		sqlite3_bind_int64(b->insert, 5, row->value);
		if (sqlite3_step(b->insert) != SQLITE_DONE)
			exit(1);
		sqlite3_reset(b->insert);
	}
	if (minute % 60 == 59)
		sql(b, "COMMIT");
	b->insert_s += now_s() - began;
}

static struct answer ask_sqlite(struct bench *b, int64_t from_ns, int64_t to_ns, bool one_service)
{
	struct answer a = {.rows = 0};
	double began = now_s();
	char text[512];
	sqlite3_stmt *s;

	snprintf(text, sizeof(text),
		 "SELECT v, frames FROM (SELECT stack, sum(value) AS v FROM samples WHERE %s"
		 "ts >= %" PRId64 " AND ts < %" PRId64 " GROUP BY stack) JOIN stacks ON id = stack",
		 one_service ? "service = 0 AND " : "", from_ns / SECOND_NS, to_ns / SECOND_NS);
	if (sqlite3_prepare_v2(b->db, text, -1, &s, NULL) != SQLITE_OK)
		exit(1);
	while (sqlite3_step(s) == SQLITE_ROW) {
		a.sum += sqlite3_column_int64(s, 0);
		a.stacks += sqlite3_column_blob(s, 1) != NULL;
	}
	sqlite3_finalize(s);
	a.s = now_s() - began;
	return a;
}

/* ---- Figures. */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void print_times(const char *what, double *s, unsigned int n)
{
	qsort(s, n, sizeof(*s), compare);
	printf("  %-28s least %8.1f ms, middle %8.1f ms\n", what, s[0] * 1e3, s[n / 2] * 1e3);
}

static void ask_both(struct bench *b, const char *what, int64_t from_ns, int64_t to_ns,
		     bool one_service)
{
	const char *match = one_service ? "service=\"service0\"" : NULL;
	double ours[MAX_ROUNDS], theirs[MAX_ROUNDS];
	struct answer a, x;

	for (unsigned int i = 0; i < b->rounds; i++) {
		a = ask_ours(b, from_ns, to_ns, match);
		x = ask_sqlite(b, from_ns, to_ns, one_service);
		ours[i] = a.s;
		theirs[i] = x.s;
		if (a.sum != x.sum)
			must(-EIO, "the sums differ", NULL);
	}
	printf("%s: %" PRIu64 " rows, %" PRIu64 " stacks\n", what, a.rows, a.stacks);
	print_times("ours, a profile with names", ours, b->rounds);
	print_times("SQLite, ids of frames", theirs, b->rounds);
}

static uint64_t file_bytes(const struct bench *b, const char *name)
{
	char path[4096];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", b->folder, name);
	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void print_disk(struct bench *b, const char *when)
{
	double rows = (double)b->loaded;
	struct store_stats stats;

	must(store_stats(b->store, &stats, NULL), "stats", NULL);
	printf("disk %s: %.1f MB in %" PRIu64
	       " segments and %.1f MB of dictionaries and catalogue: "
	       "%.2f bytes a row\n",
	       when, (double)stats.segment_bytes / 1e6, stats.segments,
	       (double)(stats.bytes - stats.segment_bytes) / 1e6, (double)stats.bytes / rows);
}

static void load(struct bench *b)
{
	for (uint32_t minute = 0; minute < MINUTES; minute++) {
		make_minute(b, minute);
		load_ours(b, minute);
		load_sqlite(b, minute);
	}
	sql(b, "PRAGMA wal_checkpoint(TRUNCATE)");
	printf("rows: %" PRIu64 "\n", b->loaded);
	printf("load: ours %.1f s (append %.1f, compaction %.1f), SQLite %.1f s\n",
	       b->append_s + b->maintain_s, b->append_s, b->maintain_s, b->insert_s);
	printf("disk of SQLite: %.1f MB: %.1f bytes a row\n",
	       (double)file_bytes(b, "peer.db") / 1e6,
	       (double)file_bytes(b, "peer.db") / (double)b->loaded);
}

int main(int argc, char **argv)
{
	struct store_options o = {.max_bytes = UINT64_C(4) << 30};
	struct bench *b = calloc(1, sizeof(*b));
	struct cresset_error err = {.text = ""};
	const int64_t hour = 3600 * SECOND_NS, day = 24 * hour;
	char path[4096];

	if (argc < 4 || !b) {
		fprintf(stderr, "usage: bench_store FOLDER ROWS ROUNDS\n");
		return 2;
	}
	b->folder = argv[1];
	b->rows = strtoull(argv[2], NULL, 10);
	b->rounds = (unsigned int)atoi(argv[3]);
	b->rounds = b->rounds < 1 ? 1 : b->rounds > MAX_ROUNDS ? MAX_ROUNDS : b->rounds;
	b->state = 0x9e3779b97f4a7c15u;
	b->minute = calloc(b->rows / MINUTES + 2 * SERVICES, sizeof(*b->minute));
	b->seen = calloc((size_t)SERVICES * SERIES * STACKS, sizeof(uint32_t));
	if (!b->minute || !b->seen || b->rows / MINUTES > SERVICES * STACKS)
		return 2;
	make_stacks(b);
	snprintf(path, sizeof(path), "%s/store", b->folder);
	must(store_open(path, &o, &b->store, &err), "open", &err);
	open_sqlite(b);
	load(b);
	print_disk(b, "in hours");
	ask_both(b, "an hour of the largest service", START_NS + 12 * hour, START_NS + 13 * hour,
		 true);
	ask_both(b, "24 hours of all", START_NS, START_NS + day, false);
	maintain(b, START_NS + day + hour);
	print_disk(b, "in a day");
	ask_both(b, "an hour of a past day", START_NS + 12 * hour, START_NS + 13 * hour, true);
	ask_both(b, "24 hours of all", START_NS, START_NS + day, false);
	store_close(b->store);
	sqlite3_finalize(b->insert);
	sqlite3_close(b->db);
	free(b->minute);
	free(b->seen);
	free(b);
	return 0;
}
