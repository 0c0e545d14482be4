// SPDX-License-Identifier: Apache-2.0
/*
 * cfi_table.c - see cfi_table.h.
 *
 * FDEs stand in the order in which the linker met them, so they are sorted first (cold parts of
 * functions make almost every C++ file unsorted): by counting, as a hostile order must not cost
 * more than any other. Then each function's rows go straight to the end of the table. Large files
 * are cut in parts, one for each CPU; the parts' rows and rules follow each other as if there had
 * been one, so the table is the same. A profile waits for it: stacks through a compiler's cc1 are
 * broken for as long as its 480,000 rows take.
 *
 * Where FDEs overlap, the one that begins last holds from its begin on, which is what a binary
 * search of .eh_frame_hdr finds too; of those with the same begin it is the first in the file.
 * .debug_frame only adds functions that .eh_frame says nothing about.
 */
#include "unwind/cfi_table.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/vec.h"
#include "unwind/cfi_image.h"
#include "unwind/cfi_program.h"
#include "unwind/cfi_record.h"
#include "unwind/cfi_rule.h"

enum {
	MAX_GAP = 15,	    /* bytes of alignment between functions */
	MAX_ROWS = 8 << 20, /* ten times those of LLVM */
	MAX_PARTS = 4,
	MIN_PART = 4096, /* functions; fewer are not worth a thread */
	RADIX_BITS = 11,
	RADIX = 1 << RADIX_BITS,
};

/* ---- Which functions. */

/* Cuts an FDE to the executable segment in which it begins; false if there is none. */
static bool clip(const struct cfi_image *image, struct cfi_fde *fde)
{
	for (size_t i = 0; i < image->n_exec; i++) {
		const struct cfi_segment *s = &image->exec[i];

		if (fde->pc < s->start || fde->pc >= s->end)
			continue;
		if (fde->size > s->end - fde->pc)
			fde->size = s->end - fde->pc;
		return true;
	}
	return false;
}

static void clip_all(const struct cfi_image *image, struct cfi_records *records)
{
	struct cfi_fde *fdes = records->fdes.data;
	size_t n = 0;

	for (size_t i = 0; i < records->fdes.n; i++) {
		if (clip(image, &fdes[i]))
			fdes[n++] = fdes[i];
		else
			records->dropped++;
	}
	records->fdes.n = n;
}

/* One pass of a stable sort: by RADIX_BITS bits of pc - lo. */
static void sort_pass(const struct cfi_fde *from, struct cfi_fde *to, size_t n, uint64_t lo,
		      unsigned int shift)
{
	size_t at[RADIX + 1] = {0};

	for (size_t i = 0; i < n; i++)
		at[((from[i].pc - lo) >> shift & (RADIX - 1)) + 1]++;
	for (size_t i = 0; i < RADIX; i++)
		at[i + 1] += at[i];
	for (size_t i = 0; i < n; i++)
		to[at[(from[i].pc - lo) >> shift & (RADIX - 1)]++] = from[i];
}

/* By pc; equal ones stay in their order. */
static int sort(struct vec *fdes)
{
	struct cfi_fde *from = fdes->data, *to;
	uint64_t lo = UINT64_MAX, hi = 0;
	bool sorted = true;

	for (size_t i = 0; i < fdes->n; i++) {
		lo = from[i].pc < lo ? from[i].pc : lo;
		sorted = sorted && from[i].pc >= hi;
		hi = from[i].pc > hi ? from[i].pc : hi;
	}
	if (sorted)
		return 0;
	to = malloc(fdes->n * sizeof(*to));
	if (!to)
		return -ENOMEM;
	for (unsigned int shift = 0; shift < 64 && (hi - lo) >> shift; shift += RADIX_BITS) {
		struct cfi_fde *tmp = from;

		sort_pass(from, to, fdes->n, lo, shift);
		from = to;
		to = tmp;
	}
	if (from != fdes->data) {
		memcpy(to, from, fdes->n * sizeof(*to));
		to = from;
	}
	free(to);
	return 0;
}

/* Is any of its code described already? Those are sorted. */
static bool overlaps(const struct cfi_fde *fdes, size_t n, const struct cfi_fde *fde)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (fdes[mid].pc < fde->pc + fde->size)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && fdes[lo - 1].pc + fdes[lo - 1].size > fde->pc;
}

static int add_debug_frame(const struct cfi_image *image, struct cfi_records *records)
{
	size_t n_eh = records->fdes.n, n = n_eh;
	struct cfi_fde *fdes;
	int r = cfi_records_add(records, &image->debug_frame);

	if (r)
		return r;
	clip_all(image, records);
	fdes = records->fdes.data;
	for (size_t i = n_eh; i < records->fdes.n; i++)
		if (!overlaps(fdes, n_eh, &fdes[i]))
			fdes[n++] = fdes[i];
	records->fdes.n = n;
	return n > n_eh ? sort(&records->fdes) : 0;
}

static int collect(const struct cfi_image *image, struct cfi_records *records,
		   struct cfi_table *table)
{
	size_t n_eh;
	int r = 0;

	if (image->eh_frame.data) {
		r = cfi_records_add(records, &image->eh_frame);
		if (r)
			return r;
		clip_all(image, records);
		r = sort(&records->fdes);
	}
	n_eh = records->fdes.n;
	table->has_eh_frame = n_eh;
	if (!r && image->debug_frame.data && !image->is_go)
		r = add_debug_frame(image, records);
	table->has_debug_frame = records->fdes.n > n_eh;
	table->n_fdes = records->fdes.n;
	table->n_fdes_dropped = records->dropped;
	if (r)
		return r;
	return records->fdes.n ? 0 : -ENODATA;
}

/* ---- Rows. */

struct compiler {
	const struct cfi_arch *arch;
	struct cfi_table *table;
	struct vec rows;
	uint64_t end;  /* of the code that is done */
	bool fp_saved; /* in the function at hand */
	bool follow;   /* the machine's followed register */
	bool wanted;   /* a CFA was based on it */
};

static int emit(struct compiler *c, uint64_t pc, uint32_t rule)
{
	struct cfi_row row = {.pc = pc, .rule = rule};
	const struct cfi_row *last;

	if (c->rows.n) {
		last = vec_at(&c->rows, c->rows.n - 1);
		if (last->rule == rule)
			return 0;
	}
	if (c->rows.n == MAX_ROWS)
		return -EFBIG;
	return vec_push(&c->rows, &row, 1) ? 0 : -ENOMEM;
}

static int add_row(struct compiler *c, const struct cfi_cie *cie, const struct cfi_program *p)
{
	struct cresset_unwind_rule rule = {.cfa = CRESSET_CFA_NONE, .none = CRESSET_NONE_DAMAGED};
	struct cfi_table *t = c->table;
	uint32_t id;
	int r;

	if (!p->damaged)
		cfi_rule_make(c->arch, cie, &p->state, c->follow, &c->fp_saved, &rule);
	if (rule.cfa && rule.cfa_reg == c->arch->followed && c->arch->followed)
		c->wanted = true;
	t->n_rows_raw++;
	if (rule.cfa == CRESSET_CFA_NONE || rule.none)
		t->none[rule.none]++;
	rule.none = rule.cfa == CRESSET_CFA_NONE ? rule.none : 0;
	r = cfi_rules_add(t->rules, &rule, &id);
	if (r)
		return r;
	if (rule.cfa != CRESSET_CFA_NONE && id == CRESSET_NONE_RULES_FULL)
		t->none[id]++;
	return emit(c, p->row_start, id);
}

static int add_function(struct compiler *c, const struct cfi_cie *cie, const struct cfi_fde *fde)
{
	struct cfi_program p;
	int r = 0;

	if (c->rows.n && fde->pc > c->end && fde->pc - c->end > MAX_GAP)
		r = emit(c, c->end, CRESSET_NONE_NO_FDE);
	cfi_program_start(&p, c->arch, cie, fde);
	c->fp_saved = false;
	while (!r && cfi_program_next(&p))
		r = add_row(c, cie, &p);
	c->end = fde->pc + fde->size;
	return r;
}

/* Functions [from, to). */
static int add_functions(struct compiler *c, const struct cfi_records *records, size_t from,
			 size_t to)
{
	const struct cfi_fde *fdes = records->fdes.data;
	size_t n = records->fdes.n;
	uint64_t lo = fdes[0].pc;

	for (size_t i = from; i < to; i++) {
		struct cfi_fde fde = fdes[i];
		int r;

		if ((i && fde.pc == fdes[i - 1].pc) || fde.pc + fde.size - lo > UINT32_MAX) {
			c->table->n_fdes_dropped++;
			continue;
		}
		for (size_t k = i + 1; k < n; k++) {
			if (fdes[k].pc == fde.pc)
				continue;
			if (fdes[k].pc - fde.pc < fde.size)
				fde.size = fdes[k].pc - fde.pc;
			break;
		}
		r = add_function(c, vec_at(&records->cies, fde.cie), &fde);
		if (r)
			return r;
	}
	return 0;
}

/* ---- In parts. */

struct part {
	const struct cfi_records *records;
	size_t from, to;
	struct compiler c;
	struct cfi_table table;
	pthread_t thread;
	bool on_thread;
	int result;
};

static uint64_t thread_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void *compile_part(void *arg)
{
	struct part *part = arg;

	part->result = cfi_rules_new(&part->table.rules);
	if (!part->result)
		part->result = add_functions(&part->c, part->records, part->from, part->to);
	/* Of a thread that does nothing else. */
	part->table.others_cpu_ns = part->on_thread ? thread_cpu_ns() : 0;
	return NULL;
}

static void part_start(struct part *part, const struct compiler *c,
		       const struct cfi_records *records, size_t from, size_t to)
{
	memset(part, 0, sizeof(*part));
	part->records = records;
	part->from = from;
	part->to = to;
	part->c = (struct compiler){.arch = c->arch, .follow = c->follow, .table = &part->table};
	vec_init(&part->c.rows, sizeof(struct cfi_row));
	part->on_thread = true;
	if (pthread_create(&part->thread, NULL, compile_part, part))
		part->on_thread = false;
}

static void part_end(struct part *part)
{
	if (part->on_thread)
		pthread_join(part->thread, NULL);
	else
		compile_part(part);
}

static void part_release(struct part *part)
{
	vec_release(&part->c.rows);
	cfi_rules_free(part->table.rules);
}

/* The part's rows in the numbering of the table. */
static int append_rows(struct compiler *c, const struct part *part, const uint32_t *ids)
{
	const struct cfi_row *rows = part->c.rows.data;
	int r = 0;

	if (c->rows.n && rows[0].pc > c->end && rows[0].pc - c->end > MAX_GAP)
		r = emit(c, c->end, CRESSET_NONE_NO_FDE);
	for (size_t i = 0; i < part->c.rows.n && !r; i++) {
		uint32_t id = ids[rows[i].rule];

		if (id == CRESSET_NONE_RULES_FULL && id != rows[i].rule)
			c->table->none[id]++;
		r = emit(c, rows[i].pc, id);
	}
	return r;
}

static int append(struct compiler *c, const struct part *part)
{
	size_t n = cfi_rules_count(part->table.rules);
	uint32_t *ids = malloc(n * sizeof(*ids));
	int r = ids ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && !r; i++)
		r = cfi_rules_add(c->table->rules, cfi_rules_get(part->table.rules, (uint32_t)i),
				  &ids[i]);
	c->wanted |= part->c.wanted;
	c->table->others_cpu_ns += part->table.others_cpu_ns;
	c->table->n_rows_raw += part->table.n_rows_raw;
	c->table->n_fdes_dropped += part->table.n_fdes_dropped;
	for (int i = 0; i < CRESSET_N_NONE; i++)
		c->table->none[i] += part->table.none[i];
	if (!r && part->c.rows.n) {
		r = append_rows(c, part, ids);
		c->end = part->c.end;
	}
	free(ids);
	return r;
}

static size_t choose_parts(size_t n)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t parts = n / MIN_PART;

	if (cpus > 0 && parts > (size_t)cpus)
		parts = (size_t)cpus;
	return parts > MAX_PARTS ? MAX_PARTS : parts ? parts : 1;
}

/* The first part is this thread's. */
static int add_all(struct compiler *c, const struct cfi_records *records, size_t n_parts)
{
	struct part parts[MAX_PARTS];
	size_t n = records->fdes.n;
	int r;

	for (size_t i = 1; i < n_parts; i++)
		part_start(&parts[i], c, records, n * i / n_parts, n * (i + 1) / n_parts);
	r = add_functions(c, records, 0, n / n_parts);
	for (size_t i = 1; i < n_parts; i++) {
		part_end(&parts[i]);
		if (!r)
			r = parts[i].result;
		if (!r)
			r = append(c, &parts[i]);
		part_release(&parts[i]);
	}
	return r;
}

/*
 * Once more, now with rules that follow the register. Few files need it, and for all others it
 * would only be more rules and rows.
 */
static int follow_register(struct compiler *c, const struct cfi_records *records)
{
	struct cfi_table *t = c->table;
	struct cfi_rules *rules;
	int r = cfi_rules_new(&rules);

	if (r)
		return r;
	cfi_rules_free(t->rules);
	t->rules = rules;
	t->n_rows_raw = 0;
	t->n_fdes_dropped = records->dropped;
	memset(t->none, 0, sizeof(t->none));
	c->rows.n = 0;
	c->follow = true;
	return add_all(c, records, choose_parts(records->fdes.n));
}

static int compile(const struct cfi_image *image, struct cfi_records *records,
		   struct cfi_table *table)
{
	struct compiler c = {.arch = image->arch, .table = table};
	struct cfi_cie *cies;
	int r;

	vec_init(&c.rows, sizeof(struct cfi_row));
	cfi_records_init(records);
	r = collect(image, records, table);
	if (r)
		return r;
	cies = records->cies.data;
	for (size_t i = 0; i < records->cies.n; i++)
		if (!cies[i].bad)
			cfi_program_cie(image->arch, &cies[i]);
	r = add_all(&c, records, choose_parts(records->fdes.n));
	if (!r && c.wanted)
		r = follow_register(&c, records);
	if (!r)
		r = emit(&c, c.end, CRESSET_NONE_NO_FDE);
	if (r) {
		vec_release(&c.rows);
		return r;
	}
	table->n = c.rows.n;
	table->rows = realloc(c.rows.data, c.rows.n * sizeof(struct cfi_row));
	if (!table->rows)
		table->rows = c.rows.data;
	table->lo = table->rows[0].pc;
	table->hi = c.end;
	return 0;
}

static int compile_bytes(const struct cfi_bytes *bytes, struct cfi_table **ret)
{
	struct cfi_records records;
	struct cfi_table *table;
	struct cfi_image image;
	int r = cfi_image_read(bytes, &image);

	if (r)
		return r;
	table = calloc(1, sizeof(*table));
	r = table ? cfi_rules_new(&table->rules) : -ENOMEM;
	if (!r) {
		table->machine = image.arch->machine;
		r = compile(&image, &records, table);
		cfi_records_release(&records);
	}
	cfi_image_release(&image);
	if (r) {
		cfi_table_free(table);
		return r;
	}
	*ret = table;
	return 0;
}

int cfi_table_compile_fd(int fd, struct cfi_table **ret)
{
	struct cfi_bytes bytes = {.fd = fd};
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size <= 0)
		return -ENOEXEC;
	bytes.size = (size_t)st.st_size;
	return compile_bytes(&bytes, ret);
}

int cfi_table_compile_memory(const void *image, size_t size, struct cfi_table **ret)
{
	struct cfi_bytes bytes = {.fd = -1, .data = image, .size = size};

	return compile_bytes(&bytes, ret);
}

void cfi_table_free(struct cfi_table *t)
{
	if (!t)
		return;
	free(t->rows);
	cfi_rules_free(t->rules);
	free(t);
}

int cfi_table_intern(struct cfi_table *t, struct cfi_rules *rules)
{
	size_t n = cfi_rules_count(t->rules), full = 0;
	uint32_t *ids = malloc(n * sizeof(*ids));
	int r = ids ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && !r; i++)
		r = cfi_rules_add(rules, cfi_rules_get(t->rules, (uint32_t)i), &ids[i]);
	if (r) {
		free(ids);
		return r;
	}
	for (size_t i = 0; i < t->n; i++) {
		t->rows[i].rule = ids[t->rows[i].rule];
		full += t->rows[i].rule == CRESSET_NONE_RULES_FULL;
	}
	t->none[CRESSET_NONE_RULES_FULL] += full;
	free(ids);
	cfi_rules_free(t->rules);
	t->rules = NULL;
	return 0;
}

uint32_t cfi_table_find(const struct cfi_table *t, uint64_t pc)
{
	size_t lo = 0, hi = t->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->rows[mid].pc <= pc)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? t->rows[lo - 1].rule : CRESSET_NONE_NO_FDE;
}
