// SPDX-License-Identifier: Apache-2.0
/*
 * demo.c - a small make-believe server to look at in a flame graph.
 *
 * It answers made-up requests in a loop: parses them, looks pages up, draws a thumbnail,
 * compresses, and writes to /dev/null and reads from /dev/zero for some kernel time. Helpers are
 * inlined, so a profiler that knows inlined calls shows more than the symbol table has.
 *
 *     demo [SECONDS]
 */
#include "work.h"

#include <fcntl.h>
#include <string.h>

enum { WIDTH = 160, HEIGHT = 120, PAGES = 512 };

struct request {
	char text[256];
	char path[64];
	uint32_t width, height;
};

static uint8_t image[HEIGHT][WIDTH], thumb[HEIGHT][WIDTH];
static uint32_t page_hash[PAGES];
static int null_fd, zero_fd;

static inline int is_separator(char c)
{
	return c == ' ' || c == '/' || c == '?' || c == '&' || c == '=';
}

static inline size_t next_token(const char *s, size_t at)
{
	while (s[at] && !is_separator(s[at]))
		at++;
	return at;
}

static inline uint32_t hash_bytes(const char *s, size_t n)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (uint8_t)s[i]) * 16777619u;
	return h;
}

static NOINLINE void parse_headers(struct request *r)
{
	size_t n = strlen(r->text);

	for (int pass = 0; pass < 400; pass++) {
		for (size_t at = 0, end; at < n; at = end + 1) {
			end = next_token(r->text, at);
			r->width ^= hash_bytes(r->text + at, end - at);
		}
		work_tick();
	}
	r->height = r->width % HEIGHT;
}

static NOINLINE void parse_request(struct request *r, uint32_t id)
{
	snprintf(r->text, sizeof(r->text),
		 "GET /images/photo-%u.jpg?width=%u&quality=80 HTTP/1.1 Host: example.org "
		 "Accept: image/webp,image/png,*/* Accept-Encoding: gzip, deflate, br",
		 id, 100 + id % 60);
	snprintf(r->path, sizeof(r->path), "photo-%u", id % PAGES);
	parse_headers(r);
}

static NOINLINE uint32_t find_page(const struct request *r)
{
	uint32_t want = hash_bytes(r->path, strlen(r->path)), best = 0;

	for (int round = 0; round < 60; round++) {
		for (uint32_t i = 0; i < PAGES; i++)
			if ((page_hash[i] ^ want) < (page_hash[best] ^ want))
				best = i;
		__asm__ volatile("" : "+r"(want));
		work_tick();
	}
	return best;
}

static inline uint8_t blend(const uint8_t row[WIDTH], int x)
{
	return (uint8_t)((row[x - 1] + 2 * row[x] + row[x + 1]) / 4);
}

static inline void blur_row(uint8_t out[WIDTH], const uint8_t in[WIDTH])
{
	for (int x = 1; x < WIDTH - 1; x++)
		out[x] = blend(in, x);
}

static NOINLINE void blur_image(void)
{
	for (int pass = 0; pass < 12; pass++) {
		for (int y = 0; y < HEIGHT; y++)
			blur_row(thumb[y], image[y]);
		work_tick();
	}
}

static NOINLINE void scale_image(uint32_t width)
{
	uint32_t step = 65536u * WIDTH / (width % 100 + 60);

	for (int y = 0; y < HEIGHT; y++)
		for (uint32_t x = 0, at = 0; x < WIDTH; x++, at += step)
			image[y][x] ^= thumb[y][(at >> 16) % WIDTH];
	work_tick();
}

static NOINLINE void draw_thumbnail(const struct request *r)
{
	scale_image(r->width);
	blur_image();
	work_tick();
}

static inline uint32_t match_length(const uint8_t *a, const uint8_t *b, uint32_t max)
{
	uint32_t n = 0;

	while (n < max && a[n] == b[n])
		n++;
	return n;
}

static NOINLINE uint32_t compress_page(void)
{
	const uint8_t *data = &thumb[0][0];
	uint32_t saved = 0;

	for (uint32_t at = 64; at < WIDTH * HEIGHT - 64; at += 3) {
		for (uint32_t back = 1; back < 24; back++)
			saved += match_length(data + at, data + at - back, 32);
		if (at % 192 == 0)
			work_tick();
	}
	return saved;
}

static NOINLINE void send_response(void)
{
	char buf[4096];

	for (int i = 0; i < 250; i++)
		if (read(zero_fd, buf, sizeof(buf)) < 0 || write(null_fd, buf, sizeof(buf)) < 0)
			abort();
}

static NOINLINE void handle_request(uint32_t id)
{
	struct request r = {0};

	parse_request(&r, id);
	page_hash[find_page(&r)] += id;
	draw_thumbnail(&r);
	page_hash[id % PAGES] ^= compress_page();
	send_response();
}

static NOINLINE void serve(double seconds)
{
	uint64_t end = work_clock_ns(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9);

	for (uint32_t id = 0; work_clock_ns(CLOCK_MONOTONIC) < end; id++)
		handle_request(id);
	work_tick();
}

int main(int argc, char **argv)
{
	double seconds = work_seconds(argc, argv, 1);

	null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	zero_fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	if (null_fd < 0 || zero_fd < 0)
		return 1;
	for (int i = 0; i < WIDTH * HEIGHT; i++)
		image[i / WIDTH][i % WIDTH] = (uint8_t)(i * 7 + i / 13);
	serve(seconds);
	return 0;
}
