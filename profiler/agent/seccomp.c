// SPDX-License-Identifier: Apache-2.0
/* seccomp - see seccomp.h. The kernel keeps a bitmap of calls that are always allowed, so what the
 * agent does all the time costs nothing. */
#include "agent/seccomp.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* Another program in this process, code in another process or in the kernel: these end it. */
static const char *const killing[] = {
	"execve",	"execveat",	 "ptrace",     "process_vm_writev", "init_module",
	"finit_module", "delete_module", "kexec_load", "kexec_file_load",   "reboot",
};

static const char *const refused[] = {
	/* users and groups */
	"setuid",
	"setgid",
	"setreuid",
	"setregid",
	"setresuid",
	"setresgid",
	"setfsuid",
	"setfsgid",
	"setgroups",
	/* mounts, roots, namespaces */
	"mount",
	"umount2",
	"pivot_root",
	"chroot",
	"unshare",
	"setns",
	"open_tree",
	"move_mount",
	"fsopen",
	"fsconfig",
	"fsmount",
	"fspick",
	"mount_setattr",
	"swapon",
	"swapoff",
	"quotactl",
	"quotactl_fd",
	"mknod",
	"mknodat",
	/* other processes */
	"pidfd_getfd",
	"process_madvise",
	"process_mrelease",
	"kcmp",
	"migrate_pages",
	"move_pages",
	/* ways around this filter, and parts of the kernel with a history */
	"io_uring_setup",
	"io_uring_enter",
	"io_uring_register",
	"userfaultfd",
	"modify_ldt",
	"add_key",
	"request_key",
	"keyctl",
	"open_by_handle_at",
	"fanotify_init",
	"lookup_dcookie",
	"vmsplice",
	"personality",
	/* the machine */
	"settimeofday",
	"clock_settime",
	"clock_adjtime",
	"adjtimex",
	"sethostname",
	"setdomainname",
	"iopl",
	"ioperm",
	"acct",
	"syslog",
	"vhangup",
	"nfsservctl",
};

enum {
	N_KILLING = sizeof(killing) / sizeof(*killing),
	N_REFUSED = sizeof(refused) / sizeof(*refused),
};

bool agent_seccomp_at(size_t i, const char **ret_name, bool *ret_kills)
{
	if (i >= N_KILLING + N_REFUSED)
		return false;
	*ret_name = i < N_KILLING ? killing[i] : refused[i - N_KILLING];
	*ret_kills = i < N_KILLING;
	return true;
}

/* A call that libseccomp or this architecture does not know cannot be made either. */
static int add_call(scmp_filter_ctx f, const char *name, uint32_t action)
{
	int nr = seccomp_syscall_resolve_name(name);

	return nr < 0 ? 0 : seccomp_rule_add(f, action, nr, 0);
}

static int add_calls(scmp_filter_ctx f)
{
	const char *name;
	bool kills;
	int r = 0;

	for (size_t i = 0; r == 0 && agent_seccomp_at(i, &name, &kills); i++)
		r = add_call(f, name, kills ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM));
	/* Its flags are in memory, where no filter can look; the C library then takes clone(). */
	return r ? r : add_call(f, "clone3", SCMP_ACT_ERRNO(ENOSYS));
}

/* One argument has some bit of a mask. */
static int refuse_bits(scmp_filter_ctx f, int nr, unsigned int arg, const uint64_t *masks, size_t n)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), nr, 1,
				     SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, masks[i], masks[i]));
	return r;
}

static int add_memory(scmp_filter_ctx f)
{
	static const uint64_t exec[] = {PROT_EXEC}, both[] = {PROT_WRITE | PROT_EXEC};
	int r = refuse_bits(f, SCMP_SYS(mmap), 2, both, 1);

	r = r ? r : refuse_bits(f, SCMP_SYS(mprotect), 2, exec, 1);
	return r ? r : refuse_bits(f, SCMP_SYS(pkey_mprotect), 2, exec, 1);
}

static int add_namespaces(scmp_filter_ctx f)
{
	static const uint64_t flags[] = {CLONE_NEWNS,  CLONE_NEWUTS, CLONE_NEWIPC,   CLONE_NEWUSER,
					 CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWCGROUP};

	return refuse_bits(f, SCMP_SYS(clone), 0, flags, sizeof(flags) / sizeof(*flags));
}

/* All but the network's, the local ones', and the one that name services ask for addresses. */
static int add_sockets(scmp_filter_ctx f)
{
	int r = seccomp_rule_add(f, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
				 SCMP_A0(SCMP_CMP_GT, AF_NETLINK));

	for (scmp_datum_t family = 0; r == 0 && family < AF_NETLINK; family++)
		if (family != AF_UNIX && family != AF_INET && family != AF_INET6)
			r = seccomp_rule_add(f, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
					     SCMP_A0(SCMP_CMP_EQ, family));
	return r;
}

/* Typing into the terminal that it was started from. */
static int add_terminal(scmp_filter_ctx f)
{
	return seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
				SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, TIOCSTI));
}

static bool sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__)
	return true;
#elif defined(__has_feature)
	return __has_feature(address_sanitizer);
#else
	return false;
#endif
}

static int load_filter(struct cresset_error *err)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	int r;

	if (!f)
		return cresset_error_set(err, -ENOMEM, "%s", strerror(ENOMEM));
	r = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
	r = r ? r : add_calls(f);
	r = r ? r : add_memory(f);
	r = r ? r : add_namespaces(f);
	r = r ? r : add_sockets(f);
	r = r ? r : add_terminal(f);
	r = r ? r : seccomp_load(f);
	seccomp_release(f);
	if (r == -EINVAL || r == -ECANCELED)
		r = -EOPNOTSUPP;
	return r < 0 ? cresset_error_set(err, r, "cannot set the system call filter: %s",
					 strerror(-r))
		     : 0;
}

int agent_seccomp_apply(struct cresset_error *err)
{
	if (sanitized())
		return cresset_error_set(err, -EOPNOTSUPP,
					 "no system call filter in a build with sanitizers");
	return load_filter(err);
}
