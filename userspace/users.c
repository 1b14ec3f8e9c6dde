// SPDX-License-Identifier: GPL-2.0
/*
 * Who has the device of a volume, or one of its partitions, open: mounts in any mount namespace,
 * swap, block devices on top of it, and processes. Those of other pid namespaces are seen as far
 * as /proc shows them.
 */
#include <ctype.h>
#include <dirent.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tool.h"

#define DEVICES_MAX	64
#define SHOWN_MAX	6

struct users {
	char disk[32];			/* raftblk0 */
	dev_t dev[DEVICES_MAX];		/* the disk and its partitions */
	u32 ndev;
	ino_t ns[256];			/* mount namespaces that were looked at */
	u32 nns;
	char *buf;
	size_t size;
	u32 shown, more;
	bool stay;			/* it is not just a process that looks at it */
};

__attribute__((format(printf, 2, 3)))
static void add(struct users *u, const char *fmt, ...)
{
	size_t n = strlen(u->buf);
	va_list args;

	if (u->shown++ >= SHOWN_MAX) {
		u->more++;
		return;
	}
	if (n)
		n += snprintf(u->buf + n, u->size - n, ", ");
	va_start(args, fmt);
	if (n < u->size)
		vsnprintf(u->buf + n, u->size - n, fmt, args);
	va_end(args);
}

static bool is_one(const struct users *u, dev_t dev)
{
	u32 i;

	for (i = 0; i < u->ndev; i++)
		if (u->dev[i] == dev)
			return true;
	return false;
}

static void read_line(const char *path, char *buf, int size)
{
	FILE *f = fopen(path, "re");

	if (!f || !fgets(buf, size, f))
		buf[0] = '\0';
	if (f)
		fclose(f);
	buf[strcspn(buf, "\n")] = '\0';
}

static void add_device(struct users *u, const char *dir)
{
	unsigned int major, minor;
	char path[600], line[32];

	snprintf(path, sizeof(path), "%s/dev", dir);
	read_line(path, line, sizeof(line));
	if (u->ndev < DEVICES_MAX && sscanf(line, "%u:%u", &major, &minor) == 2)
		u->dev[u->ndev++] = makedev(major, minor);
}

/* Calls @fn for each name in @dir that begins with @prefix. */
static void each(const char *dir, const char *prefix, struct users *u,
		 void (*fn)(struct users *u, const char *dir, const char *name))
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.' && !strncmp(e->d_name, prefix, strlen(prefix)))
			fn(u, dir, e->d_name);
	if (d)
		closedir(d);
}

static void holder(struct users *u, const char *dir, const char *name)
{
	u->stay = true;
	add(u, "/dev/%s is made of it", name);
}

static void partition(struct users *u, const char *dir, const char *name)
{
	char path[512], holders[520];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	add_device(u, path);
	snprintf(holders, sizeof(holders), "%s/holders", path);
	each(holders, "", u, holder);
}

/* The devices that it has, and block devices that consist of them. */
static void disk(struct users *u)
{
	char dir[64], path[80];

	snprintf(dir, sizeof(dir), "/sys/block/%s", u->disk);
	add_device(u, dir);
	snprintf(path, sizeof(path), "%s/holders", dir);
	each(path, "", u, holder);
	each(dir, u->disk, u, partition);
}

static bool is_path_of_one(const struct users *u, const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISBLK(st.st_mode) && is_one(u, st.st_rdev);
}

static void swaps(struct users *u)
{
	FILE *f = fopen("/proc/swaps", "re");
	char line[512], path[256];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%255s", path) != 1 || !is_path_of_one(u, path))
			continue;
		u->stay = true;
		add(u, "swap on %s", path);
	}
	if (f)
		fclose(f);
}

static void loop(struct users *u, const char *dir, const char *name)
{
	char path[512], file[256];

	snprintf(path, sizeof(path), "%s/%s/loop/backing_file", dir, name);
	read_line(path, file, sizeof(file));
	if (file[0] && is_path_of_one(u, file))
		holder(u, dir, name);
}

static const char *who(const char *process, char *buf, int size)
{
	char path[512];

	snprintf(path, sizeof(path), "/proc/%s/comm", process);
	read_line(path, buf, size);
	return buf;
}

/* A namespace is looked at once, on behalf of whichever process comes first. */
static bool is_new_namespace(struct users *u, ino_t ns)
{
	u32 i;

	for (i = 0; i < u->nns; i++)
		if (u->ns[i] == ns)
			return false;
	if (u->nns < ARRAY_SIZE(u->ns))
		u->ns[u->nns++] = ns;
	return true;
}

static void mounts(struct users *u, const char *process, bool own)
{
	char path[300], line[4096], at[1024], comm[32];
	unsigned int major, minor;
	struct stat st;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/ns/mnt", process);
	if (stat(path, &st) || !is_new_namespace(u, st.st_ino))
		return;
	snprintf(path, sizeof(path), "/proc/%s/mountinfo", process);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*u %*u %u:%u %*s %1023s", &major, &minor, at) != 3 ||
		    !is_one(u, makedev(major, minor)))
			continue;
		u->stay = true;
		if (own)
			add(u, "it is mounted on %s", at);
		else
			add(u, "it is mounted on %s in the mount namespace of %s (pid %s)", at,
			    who(process, comm, sizeof(comm)), process);
	}
	if (f)
		fclose(f);
}

static void fd(struct users *u, const char *dir, const char *name)
{
	char path[800], comm[32], process[32];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (!is_path_of_one(u, path) || sscanf(dir, "/proc/%31[0-9]", process) != 1)
		return;
	add(u, "%s (pid %s) has it open", who(process, comm, sizeof(comm)), process);
}

static void process(struct users *u, const char *dir, const char *name)
{
	char path[512];

	if (!isdigit((unsigned char)name[0]) || atoi(name) == getpid())
		return;
	mounts(u, name, false);
	snprintf(path, sizeof(path), "%s/%s/fd", dir, name);
	each(path, "", u, fd);
}

/*
 * Says who uses the device /dev/raftblk@minor; "" if nobody is found. @stay: not only processes
 * that have it open, and may be about to close it.
 */
const char *device_users(u32 minor, char *buf, size_t size, bool *stay)
{
	static struct users u;
	size_t n;

	u = (struct users){ .buf = buf, .size = size };
	buf[0] = '\0';
	snprintf(u.disk, sizeof(u.disk), "raftblk%u", minor);
	disk(&u);
	swaps(&u);
	each("/sys/block", "loop", &u, loop);
	mounts(&u, "self", true);
	each("/proc", "", &u, process);
	n = strlen(buf);
	if (u.more)
		snprintf(buf + n, size - n, ", and %u more", u.more);
	*stay = u.stay;
	return buf;
}
