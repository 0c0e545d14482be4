// SPDX-License-Identifier: Apache-2.0
#include "oracle/programs.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_ARGUMENTS 10

/* "@name": of the workloads of this tree; "%cc1": gcc's compiler proper; "%c": a long C file. */
static const struct program {
	const char *name;
	const char *argv[MAX_ARGUMENTS];
	const char *input;
	bool by_name; /* only if asked for: has code that libdw does not know how to walk */
} programs[] = {
	{"mix", {"@mix", "150"}},
	{"cpptree", {"@cpptree", "150"}},
	{"threads", {"@threads", "150"}},
	{"syscalls", {"@syscalls", "150"}},
	{"bash",
	 {"bash", "-c",
	  "while :; do x=$((x + 1)); y=a${x}b; [[ $y == *9* ]] && z=${y//9/8}; a[x % 100]=$z; "
	  "done"}},
	{"xz", {"xz", "-9", "-c", "-T1"}, "/usr/lib/x86_64-linux-gnu/libLLVM-14.so.1"},
	{"sqlite3",
	 {"sqlite3", ":memory:",
	  "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 1000000000) "
	  "SELECT x % 97 AS k, count(*), max(printf('%d', x)), sum(length(hex(x))) FROM c GROUP BY "
	  "k;"}},
	{"python3",
	 {"/usr/bin/python3", "-c",
	  "import json, re\n"
	  "while True:\n"
	  "  d = {str(i): [i, i * 1.5, 'x' * (i % 7)] for i in range(300)}\n"
	  "  t = json.dumps(d, indent=1); json.loads(t)\n"
	  "  re.findall(r'(\\w+)\\W+(?=\\d)', t); sorted(d, key=lambda k: -int(k))\n"}},
	{"perl",
	 {"perl", "-e",
	  "while (1) { my %h; for my $i (1 .. 1000) { $h{\"k$i\"} = join ',', map { $_ * 2 } 1 .. "
	  "9; } for (sort keys %h) { $h{$_} =~ s/(\\d+),/<$1>/g; } }"}},
	{"openssl",
	 {"openssl", "speed", "-seconds", "9", "rsa2048", "ecdsap256", "sha256", "aes-128-cbc",
	  "ghash"}},
	{"node",
	 {"node", "-e",
	  "function f(n) { return n < 2 ? n : f(n - 1) + f(n - 2); } for (;;) { const o = {}; for "
	  "(let i = 0; i < 500; i++) o['k' + i] = [i, String(i)]; const t = JSON.stringify(o); "
	  "JSON.parse(t); t.replace(/k(\\d+)/g, (m, d) => d + 'x'); f(18); Object.keys(o).sort(); "
	  "}"},
	 .by_name = true},
	{"cc1", {"%cc1", "-quiet", "-O2", "%c", "-o", "/dev/null"}},
};

static const char *compiler_proper(char *path, size_t size)
{
	FILE *f = popen("gcc -print-prog-name=cc1 2>/dev/null", "re");

	path[0] = '\0';
	if (!f)
		return path;
	if (!fgets(path, (int)size, f))
		path[0] = '\0';
	pclose(f);
	path[strcspn(path, "\n")] = '\0';
	return path;
}

/* Functions enough to keep a compiler busy; unlinked at exit of the one who reads it. */
static const char *long_source(char *path)
{
	FILE *f;
	int fd;

	strcpy(path, "/tmp/cresset-oracle-XXXXXX.c");
	fd = mkstemps(path, 2);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f)
		return path;
	for (int i = 0; i < 20000; i++)
		fprintf(f,
			"int f%d(int *a, int n) { int s = %d; for (int i = 0; i < n; i++) "
			"switch (a[i] %% 7) { case 0: s += a[i]; break; case 3: s ^= i * %d; "
			"break; default: s = s * 31 + (a[i] > s ? i : -i); } return s; }\n",
			i, i, i + 3);
	fclose(f);
	return path;
}

static void run(const struct program *p, const char *workloads, const char *source)
{
	char words[MAX_ARGUMENTS][512];
	char *argv[MAX_ARGUMENTS + 1] = {NULL};
	int null = open("/dev/null", O_RDWR), in = p->input ? open(p->input, O_RDONLY) : -1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(ORACLE_PROGRAM_SECONDS);
	dup2(in >= 0 ? in : null, 0);
	dup2(null, 1);
	dup2(null, 2);
	for (int i = 0; i < MAX_ARGUMENTS && p->argv[i]; i++) {
		argv[i] = (char *)p->argv[i];
		if (argv[i][0] == '@') {
			snprintf(words[i], sizeof(words[i]), "%s/%s", workloads, p->argv[i] + 1);
			argv[i] = words[i];
		} else if (!strcmp(argv[i], "%c")) {
			argv[i] = (char *)source;
		} else if (!strcmp(argv[i], "%cc1")) {
			argv[i] = (char *)compiler_proper(words[i], sizeof(words[i]));
		}
	}
	execvp(argv[0], argv);
	_exit(127);
}

/* False if it could not be executed: then it has ended by now. */
static int is_there(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) == 0;
}

size_t oracle_programs_start(const char *name, struct oracle_program_run *ret)
{
	const char *workloads = getenv("WORKLOADS") ?: TEST_BUILD_DIR "/tests/workloads";
	char source[64];
	size_t n = 0, left = 0;

	long_source(source);
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		pid_t pid;

		if (name ? strcmp(name, programs[i].name) : programs[i].by_name)
			continue;
		pid = fork();
		if (pid == 0)
			run(&programs[i], workloads, source);
		if (pid > 0)
			ret[n++] = (struct oracle_program_run){programs[i].name, pid};
	}
	/* Until they have loaded what they are linked with. */
	usleep(1500000);
	unlink(source);
	for (size_t i = 0; i < n; i++) {
		if (is_there(ret[i].pid))
			ret[left++] = ret[i];
		else
			printf("%s: not here\n", ret[i].name);
	}
	return left;
}

void oracle_programs_end(struct oracle_program_run *runs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		kill(runs[i].pid, SIGKILL); /* also of those that are stopped */
	for (size_t i = 0; i < n; i++)
		waitpid(runs[i].pid, NULL, 0);
}
