/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor: the container of the default config, made by one process in a straight line, with no config to read, no state to keep, no
 * failure to explain and nobody to protect it from. What a runtime takes beyond this is its own.
 *
 *     floor ROOTFS CGROUP PROGRAM     CGROUP is a directory in the cgroup2 tree, made and removed here
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(long result, const char *what)
{
	if (result < 0) {
		fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
		_exit(1);
	}
}

static void mount_at(const char *type, const char *at, unsigned long flags, const char *data)
{
	mkdir(at, 0755);
	must(mount(type, at, type, flags, data), at);
}

static void make_dev(void)
{
	static const struct {
		const char *path;
		unsigned int major, minor;
	} nodes[] = { { "dev/null", 1, 3 },   { "dev/zero", 1, 5 },    { "dev/full", 1, 7 },
		      { "dev/random", 1, 8 }, { "dev/urandom", 1, 9 }, { "dev/tty", 5, 0 } };
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		must(mknod(nodes[i].path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)), nodes[i].path);
	must(symlink("/proc/self/fd", "dev/fd"), "dev/fd");
	must(symlink("/proc/self/fd/0", "dev/stdin"), "dev/stdin");
	must(symlink("/proc/self/fd/1", "dev/stdout"), "dev/stdout");
	must(symlink("/proc/self/fd/2", "dev/stderr"), "dev/stderr");
	must(symlink("pts/ptmx", "dev/ptmx"), "dev/ptmx");
}

static void hide(const char *path)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return;
	if (S_ISDIR(st.st_mode))
		must(mount("tmpfs", path, "tmpfs", MS_RDONLY, "size=4k"), path);
	else
		must(mount("/dev/null", path, NULL, MS_BIND, NULL), path);
}

static void make_read_only(const char *path)
{
	if (access(path, F_OK) < 0)
		return;
	must(mount(path, path, NULL, MS_BIND | MS_REC, NULL), path);
	must(mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL), path);
}

static void make_mounts(const char *rootfs)
{
	static const char *const hidden[] = { "proc/acpi",          "proc/asound",     "proc/kcore",       "proc/keys",
					      "proc/latency_stats", "proc/timer_list", "proc/timer_stats", "proc/sched_debug",
					      "sys/firmware",       "proc/scsi" };
	static const char *const fixed[] = { "proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger" };
	must(mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL), "/");
	must(mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL), rootfs);
	must(chdir(rootfs), rootfs);
	mount_at("proc", "proc", 0, NULL);
	mount_at("tmpfs", "dev", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k");
	mount_at("devpts", "dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5");
	mount_at("tmpfs", "dev/shm", MS_NOSUID | MS_NOEXEC | MS_NODEV, "mode=1777,size=65536k");
	mount_at("mqueue", "dev/mqueue", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL);
	mount_at("sysfs", "sys", MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY, NULL);
	mount_at("cgroup2", "sys/fs/cgroup", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL);
	make_dev();
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		make_read_only(fixed[i]);
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		hide(hidden[i]);
	must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
	must(umount2(".", MNT_DETACH), "umount");
	must(chdir("/"), "/");
	must(mount(NULL, "/", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL), "read-only root");
}

static void become_payload(const char *rootfs, char *program)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	struct rlimit files = { 1024, 1024 };
	char *argv[] = { program, NULL };
	char *envp[] = { NULL };
	must(unshare(CLONE_NEWCGROUP), "cgroup namespace");
	must(setsid(), "setsid");
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	must(ioctl(fd, SIOCSIFFLAGS, &lo), "lo");
	must(sethostname("floor", 5), "host name");
	make_mounts(rootfs);
	must(setrlimit(RLIMIT_NOFILE, &files), "limit");
	for (int cap = 0; cap < 41; cap++)
		if (cap != 5 && cap != 10 && cap != 29)
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
	execve(program, argv, envp);
	must(-1, program);
}

/* A device filter of the smallest kind: everything is allowed. */
static void filter_devices(int cgroup)
{
	struct bpf_insn code[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 1 },
				   { .code = BPF_JMP | BPF_EXIT } };
	union bpf_attr load = { .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
				.insns = (uint64_t)(uintptr_t)code,
				.insn_cnt = 2,
				.license = (uint64_t)(uintptr_t) "GPL" };
	int program = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));
	must(program, "device filter");
	union bpf_attr attach = { .target_fd = (uint32_t)cgroup,
				  .attach_bpf_fd = (uint32_t)program,
				  .attach_type = BPF_CGROUP_DEVICE };
	must(syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof(attach)), "device filter");
}

int main(int argc, char **argv)
{
	int status;
	if (argc != 4)
		return 2;
	must(mkdir(argv[2], 0755), argv[2]);
	int cgroup = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(cgroup, argv[2]);
	filter_devices(cgroup);
	struct clone_args args = {
		.flags =
			CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_INTO_CGROUP | CLONE_VFORK,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)cgroup,
	};
	long pid = syscall(SYS_clone3, &args, sizeof(args));
	must(pid, "clone3");
	if (pid == 0)
		become_payload(argv[1], argv[3]);
	must(waitpid((pid_t)pid, &status, 0), "waitpid");
	must(rmdir(argv[2]), argv[2]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
