// SPDX-License-Identifier: Apache-2.0
/*
 * conns - connections and how long each may take for what it is doing.
 *
 * The library's own time limit is one of silence: a client that sends or takes a byte now and then
 * holds its connection for ever, and some dozens of them hold all. Here each phase has an end of
 * its own: until a request is there, and until its answer is taken. While we ourselves work on an
 * answer nothing is due. A thread, asleep while nobody is connected, shuts down what is late.
 */
#ifndef WEB_CONNS_H
#define WEB_CONNS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum conns_phase {
	CONNS_IDLE, /* between requests, as browsers and scrapers leave it: shut, not counted */
	CONNS_READING,
	CONNS_WORKING,
	CONNS_SENDING,
};

struct conn;

struct conns {
	pthread_mutex_t lock;
	pthread_cond_t change;
	pthread_t thread;
	bool running, stopping;
	unsigned int read_s, send_s; /* limits of the phases */
	struct conn *first;
	uint64_t open;
	uint64_t late; /* shut down within a request, ever */
};

int conns_init(struct conns *c, unsigned int read_s, unsigned int send_s);
void conns_release(struct conns *c);

/* A connection begins, idle. fd stays the caller's, and open until conns_remove(). NULL: no
 * memory. */
struct conn *conns_add(struct conns *c, int fd);
void conns_set(struct conns *c, struct conn *conn, enum conns_phase phase);
void conns_remove(struct conns *c, struct conn *conn);
void conns_count(struct conns *c, uint64_t *ret_open, uint64_t *ret_late);

#endif
