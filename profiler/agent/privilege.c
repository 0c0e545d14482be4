// SPDX-License-Identifier: Apache-2.0
/* privilege - see privilege.h. */
#include "agent/privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

static const struct {
	cap_value_t cap;
	const char *name, *help;
} list[] = {
#define X(upper, lower, help) {CAP_##upper, #lower, help},
	PRIVILEGES(X)
#undef X
};

enum { N_LIST = sizeof(list) / sizeof(*list) };

bool privilege_at(size_t i, const char **ret_name, const char **ret_help)
{
	if (i >= N_LIST)
		return false;
	*ret_name = list[i].name;
	*ret_help = list[i].help;
	return true;
}

static bool listed(cap_value_t cap)
{
	for (size_t i = 0; i < N_LIST; i++)
		if (list[i].cap == cap)
			return true;
	return false;
}

static int find_user(const char *name, uid_t *ret_uid, gid_t *ret_gid, struct cresset_error *err)
{
	struct passwd entry, *found = NULL;
	char buf[4096];
	int r = getpwnam_r(name, &entry, buf, sizeof(buf), &found);

	if (!found)
		return cresset_error_set(err, r ? -r : -ENOENT,
					 "no user '%.40s'%s%s (make one: systemd-sysusers, or "
					 "useradd --system %.40s)",
					 name, r ? ": " : "", r ? strerror(r) : "", name);
	*ret_uid = entry.pw_uid;
	*ret_gid = entry.pw_gid;
	return 0;
}

/* What could be gained by an exec. Without CAP_SETPCAP it stays: no_new_privs forbids that too. */
static int limit_bounding_set(struct cresset_error *err)
{
	for (cap_value_t cap = 0; cap < cap_max_bits(); cap++) {
		if (listed(cap) || cap_get_bound(cap) != 1)
			continue;
		if (cap_drop_bound(cap) < 0 && errno != EPERM)
			return cresset_error_set(
				err, -errno, "cannot take a capability off the bounding set: %s",
				strerror(errno));
	}
	return 0;
}

/* Also takes away the groups. Capabilities survive as permitted (PR_SET_KEEPCAPS), and no way
 * leads back. */
static int change_user(uid_t uid, gid_t gid, struct cresset_error *err)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return cresset_error_set(err, -errno, "cannot become user %u: %s", uid,
					 strerror(errno));
	if (getresuid(&r, &e, &s) < 0 || getresgid(&rg, &eg, &sg) < 0 || r != uid || e != uid ||
	    s != uid || rg != gid || eg != gid || sg != gid)
		return cresset_error_set(err, -EPERM, "did not become user %u", uid);
	return 0;
}

/* Permitted and effective: of `wanted` what is permitted; inheritable and ambient: nothing. */
static int set_capabilities(const cap_value_t *wanted, size_t n, struct cresset_error *err)
{
	cap_t now = cap_get_proc(), new = cap_init();
	int r = now && new ? 0 : -errno;

	for (size_t i = 0; r == 0 && i < n; i++) {
		cap_flag_value_t permitted = CAP_CLEAR;

		if (cap_get_flag(now, wanted[i], CAP_PERMITTED, &permitted) < 0)
			permitted = CAP_CLEAR;
		if (permitted == CAP_SET &&
		    (cap_set_flag(new, CAP_PERMITTED, 1, &wanted[i], CAP_SET) < 0 ||
		     cap_set_flag(new, CAP_EFFECTIVE, 1, &wanted[i], CAP_SET) < 0))
			r = -errno;
	}
	if (r == 0 && (cap_set_proc(new) < 0 || cap_reset_ambient() < 0))
		r = -errno;
	if (now)
		cap_free(now);
	if (new)
		cap_free(new);
	return r < 0 ? cresset_error_set(err, r, "cannot give up capabilities: %s", strerror(-r))
		     : 0;
}

int privilege_drop(const char *user, struct cresset_error *err)
{
	cap_value_t wanted[N_LIST];
	uid_t uid = 0;
	gid_t gid = 0;
	int r = user ? find_user(user, &uid, &gid, err) : 0;

	if (r < 0)
		return r;
	if (user && uid != geteuid() && geteuid() != 0)
		return cresset_error_set(err, -EPERM,
					 "only root can become user '%.40s' (start it as root, or "
					 "as that user)",
					 user);
	r = limit_bounding_set(err);
	if (r == 0 && user && geteuid() == 0 && uid != 0)
		r = change_user(uid, gid, err);
	for (size_t i = 0; i < N_LIST; i++)
		wanted[i] = list[i].cap;
	r = r ? r : set_capabilities(wanted, N_LIST, err);
	if (r == 0 &&
	    (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	     prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0))
		r = cresset_error_set(err, -errno, "cannot give up privileges for good: %s",
				      strerror(errno));
	return r;
}

int privilege_drop_thread(struct cresset_error *err)
{
	return set_capabilities(NULL, 0, err);
}

const char *privilege_missing(char *buf, size_t size)
{
	cap_t now = cap_get_proc();
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < N_LIST; i++) {
		cap_flag_value_t value = CAP_CLEAR;

		if (now && cap_get_flag(now, list[i].cap, CAP_EFFECTIVE, &value) == 0 &&
		    value == CAP_SET)
			continue;
		if (used < size)
			used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? ", " : "",
						 list[i].name);
	}
	if (now)
		cap_free(now);
	return buf;
}

int privilege_check(struct cresset_error *err)
{
	FILE *file = fopen("/proc/sys/kernel/perf_event_paranoid", "re");
	cap_flag_value_t admin = CAP_CLEAR;
	cap_t now = cap_get_proc();
	int paranoid = 0;

	if (file && fscanf(file, "%d", &paranoid) != 1)
		paranoid = 0;
	if (file)
		fclose(file);
	if (now && cap_get_flag(now, CAP_SYS_ADMIN, CAP_EFFECTIVE, &admin) < 0)
		admin = CAP_CLEAR;
	if (now)
		cap_free(now);
	if (paranoid <= 2 || admin == CAP_SET)
		return 0;
	return cresset_error_set(err, -EPERM,
				 "kernel.perf_event_paranoid is %d, with which this kernel may "
				 "refuse sampling to all but CAP_SYS_ADMIN (set it to 2: sysctl "
				 "kernel.perf_event_paranoid=2, and in /etc/sysctl.d)",
				 paranoid);
}
