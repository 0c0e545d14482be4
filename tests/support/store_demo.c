// SPDX-License-Identifier: Apache-2.0
/* store_demo - see store_demo.h. */
#include "support/store_demo.h"

#include <stdio.h>
#include <string.h>

enum { CPU, RUNNABLE, BLOCKED, STATES };

/* Root first, "k:" before a kernel frame; how much, in which state. */
struct stack {
	const char *service, *comm;
	const char *frames;
	int state;
	unsigned int ms; /* of 10 s */
};

static const struct stack stacks[] = {
	{"api", "api-server", "main;serve;handle_request;parse_json;skip_blanks", CPU, 900},
	{"api", "api-server", "main;serve;handle_request;parse_json;parse_string", CPU, 1400},
	{"api", "api-server", "main;serve;handle_request;render;escape_html", CPU, 650},
	{"api", "api-server", "main;serve;handle_request;query_db;send;k:sys_sendto;k:tcp_sendmsg",
	 CPU, 480},
	{"api", "api-server", "main;serve;handle_request;query_db;recv;k:sys_recvfrom;k:schedule",
	 BLOCKED, 5200},
	{"api", "api-server", "main;serve;handle_request;render", RUNNABLE, 310},
	{"postgresql", "postgres", "main;PostmasterMain;BackendRun;exec_simple_query;ExecSeqScan",
	 CPU, 1700},
	{"postgresql", "postgres",
	 "main;PostmasterMain;BackendRun;exec_simple_query;ExecSort;tuplesort_performsort;qsort_tuple",
	 CPU, 800},
	{"postgresql", "postgres",
	 "main;PostmasterMain;BackendRun;exec_simple_query;XLogFlush;k:sys_fdatasync;k:io_schedule",
	 BLOCKED, 2600},
	{"nginx", "nginx",
	 "main;ngx_worker_process_cycle;ngx_http_process_request;SSL_write;aes_gcm", CPU, 560},
	{"nginx", "nginx", "main;ngx_worker_process_cycle;ngx_event_process;k:sys_sendfile", CPU,
	 240},
	{"nginx", "nginx",
	 "main;ngx_worker_process_cycle;ngx_http_process_request;open_file;k:do_sys_open", BLOCKED,
	 700},
	{"redis", "redis-server", "main;aeMain;processCommand;dictFind", CPU, 380},
	{"redis", "redis-server", "main;aeMain;processCommand;rdbSave;k:sys_write", BLOCKED, 150},
	{"cron.service", "cron", "main;run_job;k:sys_wait4", BLOCKED, 90},
	{"user.slice", "bash", "main;execute_command;fork_and_wait", CPU, 35},
	{"ssh.service", "sshd", "main;privsep;poll_loop;k:sys_ppoll", BLOCKED, 60},
};

static int text(struct cresset_profile *p, const char *s, size_t n, uint32_t *ret)
{
	return cresset_profile_add_string(p, s, n, ret);
}

static int label(struct cresset_profile *p, const char *key, const char *value,
		 struct cresset_label *ret)
{
	*ret = (struct cresset_label){.key = 0};
	return text(p, key, strlen(key), &ret->key) ?: text(p, value, strlen(value), &ret->str);
}

static int add(struct cresset_profile *p, const struct stack *s, int64_t ns)
{
	struct cresset_label labels[3];
	uint32_t ids[32], stack, set, n = 0;
	int64_t values[STATES] = {0};
	const char *at = s->frames;
	int r = label(p, "service", s->service, &labels[0]);

	r = r ?: label(p, "comm", s->comm, &labels[1]);
	r = r ?: label(p, "host", "demo", &labels[2]);
	r = r ?: cresset_profile_add_labels(p, labels, 3, &set);
	while (r == 0 && *at && n < 32) {
		size_t length = strcspn(at, ";");
		bool kernel = !strncmp(at, "k:", 2);

		/* Leaf first: filled from the end. */
		r = cresset_profile_add_frame(p, at + 2 * kernel, length - 2 * kernel,
					      kernel ? CRESSET_LOCATION_KERNEL : 0, &ids[31 - n]);
		n++;
		at += length + (at[length] == ';');
	}
	r = r ?: cresset_profile_add_stack(p, &ids[32 - n], n, &stack);
	values[s->state] = ns;
	return r ?: cresset_profile_add_sample(p, stack, set, values);
}

static int begin(int64_t start_ns, struct cresset_profile **ret)
{
	struct cresset_profile *p;
	int r = cresset_profile_new(&p);

	if (r < 0)
		return r;
	r = cresset_profile_add_value_type(p, "cpu", "nanoseconds");
	r = r ?: cresset_profile_add_value_type(p, "runnable", "nanoseconds");
	r = r ?: cresset_profile_add_value_type(p, "blocked", "nanoseconds");
	cresset_profile_set_time(p, start_ns, INT64_C(10000000000));
	if (r < 0)
		cresset_profile_free(p);
	else
		*ret = p;
	return r;
}

int store_demo_window(uint32_t i, int64_t start_ns, struct cresset_profile **ret)
{
	struct cresset_profile *p;
	int r = begin(start_ns, &p);

	if (r < 0)
		return r;
	for (size_t k = 0; k < sizeof(stacks) / sizeof(*stacks) && r == 0; k++)
		r = add(p, &stacks[k],
			(int64_t)stacks[k].ms * (800000 + (i * 7 + k * 13) % 41 * 10000));
	if (r < 0)
		cresset_profile_free(p);
	else
		*ret = p;
	return r;
}

int store_demo_hostile(int64_t start_ns, struct cresset_profile **ret)
{
	struct stack s = {STORE_DEMO_HOSTILE, STORE_DEMO_HOSTILE, STORE_DEMO_HOSTILE, CPU, 0};
	struct cresset_profile *p;
	int r = begin(start_ns, &p);

	if (r < 0)
		return r;
	r = add(p, &s, 2000000000);
	s.state = BLOCKED;
	r = r ?: add(p, &s, 1000000000);
	if (r < 0)
		cresset_profile_free(p);
	else
		*ret = p;
	return r;
}
