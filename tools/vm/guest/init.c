// SPDX-License-Identifier: GPL-2.0
/*
 * PID 1 of a guest: from the initramfs to a usable system, without a single
 * fork on the way (under emulation each costs tens of milliseconds).
 *
 * The root is an overlay: the host's own file tree, read-only over 9p, under
 * a tmpfs. So every tool of the host is in the guest and nothing a guest does
 * reaches the host. /config, written by the host for each node, says the rest:
 *
 *   name n1               host name
 *   address 10.77.0.1     of eth0, /24
 *   host 10.77.0.2 n2     a line of /etc/hosts
 *   share TAG MODE PATH   a directory of the host, mounted at the same path
 *   modules DIR VERSION   what /lib/modules/VERSION is
 *   ports 16              number of exec ports
 *   udev 1                start udevd
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

#define MAX_PORTS	64
#define NEWROOT		"/newroot"
#define P9_OPTIONS	"trans=virtio,version=9p2000.L,msize=262144,access=any"
#define DEVICE_WAIT_MS	20000

static unsigned int nr_ports;
static bool want_udev;

static void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("raftblk-vm: ");
	vprintf(fmt, ap);
	printf("\n");
	fflush(stdout);
	va_end(ap);
}

/* There is nothing to fall back to: say why and end the machine. */
static void die(const char *what, const char *detail)
{
	say("boot failed: %s %s: %s", what, detail, strerror(errno));
	sleep(1);
	reboot(RB_AUTOBOOT);
	_exit(1);
}

static void make_dirs(const char *path)
{
	char buf[4096];
	char *slash;

	snprintf(buf, sizeof(buf), "%s", path);
	for (slash = strchr(buf + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(buf, 0755);
		*slash = '/';
	}
	mkdir(buf, 0755);
}

static void write_file(const char *path, const char *mode, const char *fmt, ...)
{
	FILE *f = fopen(path, mode);
	va_list ap;

	if (!f)
		return;
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	fclose(f);
}

static void mount_or_die(const char *src, const char *dst, const char *type,
			 unsigned long flags, const char *data)
{
	make_dirs(dst);
	if (mount(src, dst, type, flags, data))
		die("mount", dst);
}

/* A device appears some time after its driver was loaded. */
static void mount_9p(const char *tag, const char *dst, unsigned long flags,
		     const char *options)
{
	int waited;

	make_dirs(dst);
	for (waited = 0; mount(tag, dst, "9p", flags, options); waited += 10) {
		if (waited > DEVICE_WAIT_MS)
			die("mount 9p", dst);
		usleep(10000);
	}
}

static void load_modules(void)
{
	char path[512];
	FILE *list = fopen("/modules.list", "r");

	while (list && fgets(path, sizeof(path), list)) {
		int fd;

		path[strcspn(path, "\n")] = '\0';
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST))
			say("module %s: %s", path, strerror(errno));
		close(fd);
		unlink(path);
	}
	if (list)
		fclose(list);
}

static void mount_root(void)
{
	mount_9p("hostroot", "/lower", MS_RDONLY, P9_OPTIONS ",cache=loose");
	mount_or_die("tmpfs", "/rw", "tmpfs", 0, "size=60%");
	make_dirs("/rw/upper");
	make_dirs("/rw/work");
	mount_or_die("overlay", NEWROOT, "overlay", 0,
		     "lowerdir=/lower,upperdir=/rw/upper,workdir=/rw/work");
}

/* By hand, because PID 1 must do the chroot itself: the kernel's own helpers
 * (modprobe) share its root.
 */
static void switch_root(void)
{
	static const char * const moved[] = { "/dev", "/proc", "/sys" };
	char dst[64];
	size_t i;

	for (i = 0; i < sizeof(moved) / sizeof(*moved); i++) {
		snprintf(dst, sizeof(dst), NEWROOT "%s", moved[i]);
		make_dirs(dst);
		if (mount(moved[i], dst, NULL, MS_MOVE, NULL))
			die("move", dst);
	}
	if (chdir(NEWROOT) || mount(".", "/", NULL, MS_MOVE, NULL) ||
	    chroot(".") || chdir("/"))
		die("switch root", "");
}

static void mount_system(void)
{
	mount_or_die("tmpfs", "/run", "tmpfs", MS_NOSUID, "mode=755");
	mount_or_die("tmpfs", "/tmp", "tmpfs", 0, "mode=1777");
	mount_or_die("devpts", "/dev/pts", "devpts", 0, "ptmxmode=666,mode=620,gid=5");
	mount_or_die("tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777");
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
	mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL);
	make_dirs("/run/lock");
	make_dirs("/run/netns");
	make_dirs(RUN_DIR "/jobs");
	symlink("/proc/self/fd", "/dev/fd");
	symlink("/proc/self/fd/0", "/dev/stdin");
	symlink("/proc/self/fd/1", "/dev/stdout");
	symlink("/proc/self/fd/2", "/dev/stderr");
}

static int set_address(const char *ifname, const char *address, const char *mask)
{
	struct ifreq ifr = { };
	struct sockaddr_in *sin = (struct sockaddr_in *)&ifr.ifr_addr;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = 0;

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	if (address) {
		sin->sin_family = AF_INET;
		inet_pton(AF_INET, address, &sin->sin_addr);
		err |= ioctl(fd, SIOCSIFADDR, &ifr);
		inet_pton(AF_INET, mask, &sin->sin_addr);
		err |= ioctl(fd, SIOCSIFNETMASK, &ifr);
	}
	if (ioctl(fd, SIOCGIFFLAGS, &ifr) == 0) {
		ifr.ifr_flags |= IFF_UP;
		err |= ioctl(fd, SIOCSIFFLAGS, &ifr);
	}
	close(fd);
	return err;
}

static void setup_network(const char *address)
{
	int waited;

	for (waited = 0; !if_nametoindex("eth0"); waited += 10) {
		if (waited > DEVICE_WAIT_MS)
			die("network", "eth0");
		usleep(10000);
	}
	if (set_address("eth0", address, "255.255.255.0"))
		die("network", address);
}

static void bind_modules(const char *dir, const char *version)
{
	char dst[256];

	snprintf(dst, sizeof(dst), "/lib/modules/%s", version);
	make_dirs(dst);
	if (mount(dir, dst, NULL, MS_BIND, NULL))
		say("modules of %s: %s", version, strerror(errno));
}

static void share(const char *tag, const char *mode, const char *path)
{
	/* Not cached: what is rebuilt on the host is seen here at once. */
	mount_9p(tag, path, strcmp(mode, "ro") ? 0 : MS_RDONLY, P9_OPTIONS ",cache=none");
}

static void apply_line(char *line)
{
	char *save = NULL;
	char *key = strtok_r(line, " ", &save);
	char *a = strtok_r(NULL, " ", &save);
	char *b = strtok_r(NULL, " ", &save);

	if (!key || !a)
		return;
	if (!strcmp(key, "name")) {
		sethostname(a, strlen(a));
		write_file("/etc/hostname", "w", "%s\n", a);
		write_file("/etc/hosts", "w", "127.0.0.1 localhost\n");
	} else if (!strcmp(key, "address")) {
		setup_network(a);
	} else if (!strcmp(key, "host") && b) {
		write_file("/etc/hosts", "a", "%s %s\n", a, b);
	} else if (!strcmp(key, "modules") && b) {
		bind_modules(a, b);
	} else if (!strcmp(key, "share") && b) {
		share(a, b, save);
	} else if (!strcmp(key, "ports")) {
		nr_ports = atoi(a);
	} else if (!strcmp(key, "udev")) {
		want_udev = atoi(a);
	}
}

/* The file was opened in the initramfs, before the root changed. */
static void apply_config(FILE *config)
{
	char line[8192];

	set_address("lo", NULL, NULL);
	while (fgets(line, sizeof(line), config)) {
		line[strcspn(line, "\n")] = '\0';
		apply_line(line);
	}
	fclose(config);
	if (nr_ports > MAX_PORTS)
		nr_ports = MAX_PORTS;
}

static bool link_disk(const char *serial)
{
	char path[300], found[64], target[300];
	struct dirent *d;
	bool done = false;
	DIR *dir = opendir("/sys/block");

	while (dir && !done && (d = readdir(dir))) {
		FILE *f;

		if (strncmp(d->d_name, "vd", 2))
			continue;
		snprintf(path, sizeof(path), "/sys/block/%s/serial", d->d_name);
		f = fopen(path, "r");
		if (f && fscanf(f, "%63s", found) == 1 && !strcmp(found, serial)) {
			snprintf(target, sizeof(target), "/dev/%s", d->d_name);
			snprintf(path, sizeof(path), "/dev/disk/raftblk/%s", serial);
			unlink(path);
			symlink(target, path);
			done = true;
		}
		if (f)
			fclose(f);
	}
	if (dir)
		closedir(dir);
	return done;
}

static void link_disks(void)
{
	static const char * const serials[] = { "log", "data" };
	size_t i;
	int waited;

	make_dirs("/dev/disk/raftblk");
	for (i = 0; i < sizeof(serials) / sizeof(*serials); i++)
		for (waited = 0; !link_disk(serials[i]); waited += 10) {
			if (waited > DEVICE_WAIT_MS)
				die("no disk", serials[i]);
			usleep(10000);
		}
}

/* Waited for, so that the names are there when the first command runs. */
static void start_udev(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		execl("/bin/sh", "sh", "-c",
		      "/lib/systemd/systemd-udevd --daemon && "
		      "udevadm trigger --action=add && udevadm settle -t 60",
		      NULL);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

static pid_t spawn_agent(unsigned int port)
{
	sigset_t none;
	pid_t pid = fork();

	if (pid)
		return pid;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	agent_serve(port);
}

/* An agent that lost its host in the middle ends; its successor starts clean. */
static void run_forever(void)
{
	pid_t agents[MAX_PORTS] = { };
	unsigned int i;

	for (i = 0; i < nr_ports; i++)
		agents[i] = spawn_agent(i + 1);
	for (;;) {
		pid_t pid = waitpid(-1, NULL, 0);

		if (pid < 0)
			sleep(1);
		for (i = 0; i < nr_ports; i++)
			if (agents[i] == pid)
				agents[i] = spawn_agent(i + 1);
	}
}

static bool is_probe(void)
{
	char line[4096] = "";
	FILE *f = fopen("/proc/cmdline", "r");

	if (f && !fgets(line, sizeof(line), f))
		line[0] = '\0';
	if (f)
		fclose(f);
	return strstr(line, "raftblk.probe");
}

int main(void)
{
	FILE *config;

	mount_or_die("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mount_or_die("proc", "/proc", "proc", 0, NULL);
	mount_or_die("sysfs", "/sys", "sysfs", 0, NULL);
	freopen("/dev/console", "r", stdin);
	freopen("/dev/console", "w", stdout);
	freopen("/dev/console", "w", stderr);
	if (is_probe()) {
		say("probe ok");
		reboot(RB_AUTOBOOT);
	}
	config = fopen("/config", "re");
	if (!config)
		die("open", "/config");
	setenv("PATH", DEFAULT_PATH, 1);
	load_modules();
	mount_root();
	switch_root();
	mount_system();
	apply_config(config);
	link_disks();
	if (want_udev)
		start_udev();
	/*
	 * Messages of the boot are not worth the time that printing takes. From
	 * here on, all are.
	 */
	klogctl(8, NULL, 7);
	say("ready");
	run_forever();
}
