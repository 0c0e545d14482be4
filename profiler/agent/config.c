// SPDX-License-Identifier: Apache-2.0
/*
 * config - reading, checking and comparing; see config.h.
 *
 * inih is given one line at a time. So every fault has its own line (inih tells only the first), a
 * section without keys is seen, and an indented line is a line of its own, not the continuation of
 * the one before.
 */
#include "agent/config.h"

#include "agent/config_checks.h"
#include "agent/config_keys.h"
#include "agent/limits.h"
#include "core/hash.h"
#include "export/export.h"

#include "readfile.h"
#include "suggest.h"

#include <cresset/sink.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLANKS	" \t\r"
#define UPLOADS "upload NAME"

enum { MAX_SEEN = 4096 }; /* keys and sections of a file */

/* "section\nkey", or "section" alone, with where it was. */
struct seen {
	char *what;
	unsigned int line;
};

struct reader {
	struct agent_config *config;
	struct agent_complaints *complaints;
	const char *name; /* of the file */
	unsigned int line;
	char section[80]; /* "": none yet, or one that was refused */
	bool skipping;	  /* the section was refused: its keys are not worth a complaint */
	struct export_config *upload;
	struct vec seen;
	int error; /* -ENOMEM */
};

/* ---- Complaints. */

static void complain(struct agent_complaints *c, const char *name, unsigned int line, bool warning,
		     const char *fmt, ...) CRESSET_PRINTF(5, 6);

static void complain(struct agent_complaints *c, const char *name, unsigned int line, bool warning,
		     const char *fmt, ...)
{
	struct agent_complaint *at = &c->list[c->n];
	va_list args;
	int n;

	c->errors += !warning;
	if (c->n == AGENT_CONFIG_MAX_COMPLAINTS) {
		c->left_out++;
		return;
	}
	c->n++;
	at->line = line;
	at->warning = warning;
	if (line)
		n = snprintf(at->text, sizeof(at->text), "%.200s:%u: ", name, line);
	else
		n = snprintf(at->text, sizeof(at->text), "%.200s: ", name);
	va_start(args, fmt);
	vsnprintf(at->text + n, sizeof(at->text) - (size_t)n, fmt, args);
	va_end(args);
	for (char *s = at->text; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

#define COMPLAIN(rd, ...) complain((rd)->complaints, (rd)->name, (rd)->line, false, __VA_ARGS__)

/* Of what a setter says: a reason, or that memory is out. */
static void complain_of(struct reader *rd, int r, const struct cresset_error *err)
{
	if (r == -ENOMEM)
		rd->error = r;
	else if (r < 0)
		COMPLAIN(rd, "%s", err->text);
}

/* ---- Keys and sections. */

/* The line where it was before; 0: it is new, and now noted. */
static unsigned int note_seen(struct reader *rd, const char *key)
{
	struct seen new = {.line = rd->line};

	if (asprintf(&new.what, "%s%s%s", rd->section, key ? "\n" : "", key ? key : "") < 0) {
		rd->error = -ENOMEM;
		return 0;
	}
	for (size_t i = 0; i < rd->seen.n; i++) {
		const struct seen *old = vec_at(&rd->seen, i);

		if (!strcmp(old->what, new.what)) {
			free(new.what);
			return old->line;
		}
	}
	if (rd->seen.n >= MAX_SEEN || !vec_push(&rd->seen, &new, 1)) {
		free(new.what);
		rd->error = -ENOMEM;
	}
	return 0;
}

static bool known_section(const char *name, struct suggestion *s)
{
	const struct config_row *row;

	suggestion_init(s, name);
	for (size_t i = 0; (row = config_row_at(i)); i++) {
		if (!strcmp(row->section, name))
			return true;
		suggestion_try(s, row->section);
	}
	return false;
}

static void begin_upload(struct reader *rd)
{
	const char *name = rd->section + strlen("upload");
	struct export_config *upload = NULL;
	int r;

	name += strspn(name, BLANKS);
	if (rd->config->uploads.n >= AGENT_CONFIG_MAX_UPLOADS) {
		COMPLAIN(rd, "more than %d [upload] sections", AGENT_CONFIG_MAX_UPLOADS);
		rd->skipping = true;
		return;
	}
	r = export_config_new(name, &upload);
	if (r == 0 && !vec_push(&rd->config->uploads, &upload, 1)) {
		export_config_free(upload);
		r = -ENOMEM;
	}
	if (r == -EINVAL)
		COMPLAIN(rd,
			 "[%s]: an upload needs a name of letters, digits, '-', '_' and '.', like "
			 "[upload central]",
			 rd->section);
	else if (r < 0)
		rd->error = r;
	rd->upload = r == 0 ? upload : NULL;
	rd->skipping = r < 0;
}

/* "[name]"; blanks inside are made one. */
static void begin_section(struct reader *rd, const char *text)
{
	const char *end = strchr(text, ']'), *after = end ? end + 1 + strspn(end + 1, BLANKS) : "";
	size_t n = 0;
	unsigned int before;
	struct suggestion s;

	rd->upload = NULL;
	rd->skipping = true;
	if (!end || *after || end - text > 70) {
		COMPLAIN(rd, "a section is like [agent], alone on its line");
		return;
	}
	for (const char *at = text; at < end; at++) {
		if (!strchr(BLANKS, *at))
			rd->section[n++] = *at;
		else if (n && !strchr(BLANKS, at[1]) && at + 1 < end)
			rd->section[n++] = ' ';
	}
	rd->section[n] = '\0';
	rd->skipping = false;
	before = note_seen(rd, NULL);
	if (before) {
		rd->skipping = true;
		COMPLAIN(rd, "[%s] is there already, in line %u: put its keys together",
			 rd->section, before);
	} else if (!strncmp(rd->section, "upload", 6) &&
		   (rd->section[6] == ' ' || !rd->section[6])) {
		begin_upload(rd);
	} else if (!known_section(rd->section, &s)) {
		rd->skipping = true;
		COMPLAIN(rd, "unknown section [%s]%s%s%s", rd->section,
			 s.best ? " (did you mean [" : " (agent, store, http, labels, upload NAME",
			 s.best ? s.best : "", s.best ? "]?)" : ")");
	}
}

static bool many_of_upload(const char *key)
{
	struct export_key k;

	for (size_t i = 0; export_key_at(i, &k); i++)
		if (!strcmp(k.name, key))
			return k.many;
	return false;
}

static void unknown_key(struct reader *rd, const char *key)
{
	const struct config_row *row;
	struct suggestion s;
	const char *elsewhere = NULL;

	suggestion_init(&s, key);
	for (size_t i = 0; (row = config_row_at(i)); i++) {
		if (!strcmp(row->section, rd->section))
			suggestion_try(&s, row->name);
		else if (!strcmp(row->name, key))
			elsewhere = row->section;
	}
	if (!s.best && elsewhere)
		COMPLAIN(rd, "[%s] has no key '%.60s', but [%s] has", rd->section, key, elsewhere);
	else
		COMPLAIN(rd, "unknown key '%.60s' in [%s]%s%s%s", key, rd->section,
			 s.best ? " (did you mean '" : "", s.best ? s.best : "",
			 s.best ? "'?)" : "");
}

static void set_key(struct reader *rd, const char *key, const char *value)
{
	struct cresset_error err = {.text = ""};
	const struct config_row *row = NULL;
	unsigned int before;
	bool many;

	for (size_t i = 0; !rd->upload && (row = config_row_at(i)); i++)
		if (!strcmp(row->section, rd->section) && !strcmp(row->name, key))
			break;
	if (!rd->upload && !row) {
		unknown_key(rd, key);
		return;
	}
	many = rd->upload ? many_of_upload(key) : config_row_many(row);
	before = note_seen(rd, key);
	if (before && !many)
		COMPLAIN(rd, "%.60s is set already, in line %u", key, before);
	else if (rd->upload)
		complain_of(rd, export_config_set(rd->upload, key, value, &err), &err);
	else
		complain_of(rd, config_row_set(rd->config, row, value, !before, &err), &err);
}

/* inih's callback: a line with a key. */
static int on_key(void *user, const char *section, const char *key, const char *value)
{
	struct reader *rd = user;

	if (rd->skipping)
		return 1;
	if (!*rd->section)
		COMPLAIN(rd, "a key before the first section: [agent] comes first");
	else if (!*key)
		COMPLAIN(rd, "a line is key = value");
	else
		set_key(rd, key, value ? value : "");
	return 1;
}

/* ---- Lines. */

static void read_line(struct reader *rd, const char *line, size_t n)
{
	char text[AGENT_CONFIG_MAX_LINE + 1];
	const char *at;
	int r;

	if (n > AGENT_CONFIG_MAX_LINE) {
		COMPLAIN(rd, "longer than %d bytes", AGENT_CONFIG_MAX_LINE);
		return;
	}
	if (memchr(line, '\0', n)) {
		COMPLAIN(rd, "a NUL byte: this is not a text");
		return;
	}
	memcpy(text, line, n);
	text[n] = '\0';
	at = text + strspn(text, BLANKS);
	if (*at == '[') {
		begin_section(rd, at + 1);
		return;
	}
	r = ini_parse_string(at, on_key, rd);
	if (r == -2)
		rd->error = -ENOMEM;
	else if (r != 0 && !rd->skipping)
		COMPLAIN(rd, "a line is key = value, [section], or a comment behind '#'");
}

/* What Debian's inih has as variables; the same values each time. */
static void configure_inih(void)
{
	ini_use_stack = false;
	ini_max_line = AGENT_CONFIG_MAX_LINE + 4;
	ini_initial_alloc = AGENT_CONFIG_MAX_LINE + 4;
	ini_allow_inline_comments = false;
}

int agent_config_parse(const char *text, size_t size, const char *name, struct agent_config **ret,
		       struct agent_complaints *complaints)
{
	struct reader rd = {.complaints = complaints, .name = name};
	size_t bom = size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
	int r;

	if (size > AGENT_CONFIG_MAX_BYTES) {
		complain(complaints, name, 0, false, "larger than %d KiB",
			 AGENT_CONFIG_MAX_BYTES >> 10);
		return -EFBIG;
	}
	vec_init(&rd.seen, sizeof(struct seen));
	rd.config = calloc(1, sizeof(*rd.config));
	rd.error = rd.config ? config_defaults(rd.config) : -ENOMEM;
	configure_inih();
	for (size_t i = bom, n; rd.error == 0 && i < size; i += n + 1) {
		const char *end = memchr(text + i, '\n', size - i);

		n = end ? (size_t)(end - text) - i : size - i;
		rd.line++;
		read_line(&rd, text + i, n);
	}
	for (size_t i = 0; i < rd.seen.n; i++)
		free(((struct seen *)vec_at(&rd.seen, i))->what);
	vec_release(&rd.seen);
	if (rd.error)
		complain(complaints, name, rd.line, false, "out of memory");
	r = rd.error ? rd.error : complaints->errors ? -EINVAL : 0;
	if (r < 0)
		agent_config_free(rd.config);
	else
		*ret = rd.config;
	return r;
}

void agent_config_free(struct agent_config *c)
{
	if (!c)
		return;
	config_release(c);
	free(c);
}

/* ---- The whole. */

static void check_readable(const char *name, const char *key, const char *path,
			   struct agent_complaints *complaints)
{
	if (path && access(path, R_OK) < 0)
		complain(complaints, name, 0, false, "[http] %s: cannot read %s: %s", key, path,
			 strerror(errno));
}

static void check_http(const struct agent_http_config *h, const char *name,
		       struct agent_complaints *complaints)
{
	if (!!h->user != !!h->password_file)
		complain(complaints, name, 0, false, "[http] user and password_file go together");
	if (h->user && h->bearer_file)
		complain(complaints, name, 0, false, "[http] set user or bearer_file, not both");
	if (!!h->tls_cert != !!h->tls_key)
		complain(complaints, name, 0, false, "[http] tls_cert and tls_key go together");
	check_readable(name, "password_file", h->password_file, complaints);
	check_readable(name, "bearer_file", h->bearer_file, complaints);
	check_readable(name, "tls_cert", h->tls_cert, complaints);
	check_readable(name, "tls_key", h->tls_key, complaints);
	if (config_listen_public(h->listen) && !h->user && !h->bearer_file)
		complain(complaints, name, 0, true,
			 "[http] listen = %s: whoever reaches this can read all profiles (set user "
			 "and password_file, or bearer_file)",
			 h->listen);
	if (config_listen_public(h->listen) && (h->user || h->bearer_file) && !h->tls_cert)
		complain(complaints, name, 0, true,
			 "[http] listen = %s: passwords cross the network as plain text (set "
			 "tls_cert and tls_key)",
			 h->listen);
}

/* The default is lowered without a word. */
static void check_queue(const struct agent_config *c, const struct export_config *upload,
			const char *name, struct agent_complaints *complaints)
{
	uint64_t wanted = export_config_queue_bytes(upload);
	struct memory_split split;

	memory_split(c->agent.max_memory_bytes, c->uploads.n, &split);
	if (wanted > split.queue && wanted > EXPORT_DEFAULT_QUEUE_BYTES)
		complain(complaints, name, 0, true,
			 "[upload %s] queue_max_bytes: %llu bytes of [agent] max_memory are for it "
			 "(raise max_memory)",
			 export_config_name(upload), (unsigned long long)split.queue);
}

static int check_uploads(struct agent_config *c, const char *name,
			 struct agent_complaints *complaints)
{
	char *spool = NULL;
	int r = 0;

	if (c->store.spool)
		spool = strdup(c->store.spool);
	else if (asprintf(&spool, "%s/spool", c->store.path) < 0)
		spool = NULL;
	if (!spool)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < c->uploads.n; i++) {
		struct export_config *upload = *(struct export_config **)vec_at(&c->uploads, i);
		struct cresset_error err = {.text = ""};

		check_queue(c, upload, name, complaints);
		r = export_config_check(upload, &err);
		if (r == 0)
			r = export_config_default_spool(upload, spool);
		if (r < 0 && r != -ENOMEM) {
			complain(complaints, name, 0, false, "[upload %s]: %s",
				 export_config_name(upload), err.text[0] ? err.text : strerror(-r));
			r = 0;
		}
	}
	free(spool);
	return r;
}

int agent_config_check(struct agent_config *c, const char *name,
		       struct agent_complaints *complaints)
{
	int r;

	check_http(&c->http, name, complaints);
	r = check_uploads(c, name, complaints);
	if (r < 0)
		complain(complaints, name, 0, false, "%s", strerror(-r));
	return r < 0 ? r : complaints->errors ? -EINVAL : 0;
}

int agent_config_load(const char *path, struct agent_config **ret,
		      struct agent_complaints *complaints)
{
	const char *name = path ? path : "the defaults";
	struct agent_config *c = NULL;
	char *text = malloc(AGENT_CONFIG_MAX_BYTES + 1);
	ssize_t n = text ? 0 : -ENOMEM;
	int r;

	/* One byte more than is allowed. */
	if (n == 0 && path)
		n = readfile_at(AT_FDCWD, path, text, AGENT_CONFIG_MAX_BYTES + 1);
	r = n < 0 ? (int)n : 0;
	if (r < 0)
		complain(complaints, name, 0, false, "cannot read it: %s", strerror(-r));
	else
		r = agent_config_parse(text, (size_t)n, name, &c, complaints);
	if (r == 0)
		r = agent_config_check(c, name, complaints);
	if (r == 0)
		*ret = c;
	else
		agent_config_free(c);
	free(text);
	return r;
}

void agent_config_print_upload(const struct export_config *u, struct cresset_sink *sink)
{
	cresset_sink_printf(sink, "\n[upload %s]\n", export_config_name(u));
	export_config_print(u, sink);
}

int agent_config_print(const struct agent_config *c, struct cresset_sink *sink)
{
	const struct config_row *row;
	const char *section = "";

	for (size_t i = 0; (row = config_row_at(i)); i++) {
		if (strcmp(row->section, section))
			cresset_sink_printf(sink, "%s[%s]\n", *section ? "\n" : "", row->section);
		section = row->section;
		config_row_print(row, c, sink);
	}
	for (size_t i = 0; i < c->uploads.n; i++) {
		const struct export_config *u = *(struct export_config **)vec_at(&c->uploads, i);

		agent_config_print_upload(u, sink);
	}
	return cresset_sink_error(sink);
}

int agent_config_digest(const struct agent_config *c, uint64_t *ret)
{
	struct cresset_sink *sink = NULL;
	const void *text;
	size_t size = 0;
	int r = cresset_sink_memory(&sink);

	if (r)
		return r;
	r = agent_config_print(c, sink);
	text = cresset_sink_data(sink, &size);
	if (r == 0)
		*ret = agent_config_digest_text(text, size);
	return cresset_sink_finish(sink, r);
}

uint64_t agent_config_digest_text(const void *text, size_t size)
{
	return hash_bytes(text, size, 0);
}

/* ---- Reload. */

static const struct export_config *find_upload(const struct agent_config *c, const char *name)
{
	for (size_t i = 0; i < c->uploads.n; i++) {
		const struct export_config *u = *(struct export_config **)vec_at(&c->uploads, i);

		if (!strcmp(export_config_name(u), name))
			return u;
	}
	return NULL;
}

/* Uploads of a that b has not, or not so. `other_way`: those that both have were told already. */
static unsigned int diff_uploads(const struct agent_config *a, const struct agent_config *b,
				 bool other_way, agent_change_fn fn, void *arg)
{
	unsigned int changes = 0;
	char section[80];

	for (size_t i = 0; i < a->uploads.n; i++) {
		const struct export_config *u = *(struct export_config **)vec_at(&a->uploads, i);
		const struct export_config *v = find_upload(b, export_config_name(u));

		if (v && (other_way || export_config_equal(u, v)))
			continue;
		changes = AGENT_CHANGE_UPLOADS;
		snprintf(section, sizeof(section), "upload %s", export_config_name(u));
		if (fn)
			fn(arg, section, NULL, AGENT_CHANGE_UPLOADS);
	}
	return changes;
}

unsigned int agent_config_diff(const struct agent_config *old, const struct agent_config *new,
			       agent_change_fn fn, void *arg)
{
	const struct config_row *row;
	unsigned int changes = 0;

	for (size_t i = 0; (row = config_row_at(i)); i++) {
		/* Rules of three keys share a list, which changes once. */
		if (config_row_equal(row, old, new) ||
		    (row->kind == CONFIG_RULE && strcmp(row->name, "keep")))
			continue;
		changes |= row->change;
		if (fn)
			fn(arg, row->section,
			   row->kind == CONFIG_RULE ? "keep, drop, rename" : row->name,
			   row->change);
	}
	changes |= diff_uploads(old, new, false, fn, arg);
	return changes | diff_uploads(new, old, true, fn, arg);
}

/* "listen = 127.0.0.1:4050" */
static void print_value(const struct config_row *row, const struct agent_config *c, char *buf,
			size_t size)
{
	struct cresset_sink *sink = NULL;
	const char *text;
	size_t n = 0;

	snprintf(buf, size, "%s", row->name);
	if (cresset_sink_memory(&sink))
		return;
	config_row_print(row, c, sink);
	text = cresset_sink_data(sink, &n);
	if (n)
		snprintf(buf, size, "%.*s", (int)strcspn(text, "\n"), text);
	else
		snprintf(buf, size, "%s is not set", row->name);
	cresset_sink_finish(sink, 0);
}

void agent_config_keep(struct agent_config *next, struct agent_config *old, unsigned int changes,
		       void (*fn)(void *arg, const char *section, const char *line), void *arg)
{
	const struct config_row *row;
	char line[256];

	for (size_t i = 0; (row = config_row_at(i)); i++) {
		if (!(row->change & changes) || config_row_equal(row, old, next) ||
		    (row->kind == CONFIG_RULE && strcmp(row->name, "keep")))
			continue;
		print_value(row, old, line, sizeof(line));
		config_row_swap(row, old, next);
		fn(arg, row->section, line);
	}
}

const char *agent_change_text(enum agent_change change)
{
	switch (change) {
	case AGENT_CHANGE_LABELS:
	case AGENT_CHANGE_NAMES:
	case AGENT_CHANGE_UPLOADS:
	case AGENT_CHANGE_STORE:
		return "takes effect now";
	case AGENT_CHANGE_RECORDER:
		return "starts sampling anew";
	case AGENT_CHANGE_HTTP:
		return "starts the HTTP server anew";
	case AGENT_CHANGE_PROCESS:
		return "takes effect when the agent is started anew";
	}
	return "";
}

/* ---- The keys. */

bool agent_key_at(size_t i, struct agent_key *ret)
{
	const struct config_row *row;
	struct export_key key;
	size_t n = 0;

	while (config_row_at(n))
		n++;
	row = i < n ? config_row_at(i) : NULL;
	if (row) {
		*ret = (struct agent_key){row->section, row->name,     row->arg,
					  row->help,	row->standard, config_row_many(row)};
		return true;
	}
	if (!export_key_at(i - n, &key))
		return false;
	*ret = (struct agent_key){UPLOADS, key.name, key.arg, key.help, "", key.many};
	return true;
}
