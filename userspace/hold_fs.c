// SPDX-License-Identifier: GPL-2.0
/*
 * What "raftblk hold" knows of the file system that it has mounted. Nothing here looks into it,
 * since that may hang: the kernel's table of mounts is read, and what ext4 counts.
 */
#include <libmount/libmount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "hold.h"

#define OWN_MOUNTS	"/proc/self/mountinfo"
#define MOUNTS_OF_INIT	"/proc/1/mountinfo"

/* The options of the superblock with which a file system says that it writes no more. */
static const char *const ended[] = { "ro", "emergency_ro", "shutdown" };

static struct libmnt_fs *find_mount(const struct hold *h, struct libmnt_table *mounts, dev_t dev)
{
	struct libmnt_iter *i = mnt_new_iter(MNT_ITER_BACKWARD);
	struct libmnt_fs *fs, *found = NULL;

	while (i && !found && !mnt_table_next_fs(mounts, i, &fs))
		if (mnt_fs_get_devno(fs) == dev && !strcmp(mnt_fs_get_target(fs), h->dir))
			found = fs;
	mnt_free_iter(i);
	return found;
}

/* Calls @look with what is mounted on the directory from our device, as @table has it, or NULL. */
static void look_at_mount(const struct hold *h, const char *table,
			  void (*look)(struct libmnt_fs *fs, void *ctx), void *ctx)
{
	struct libmnt_table *mounts;
	struct stat st;

	if (!h->dir || stat(h->device, &st)) {
		look(NULL, ctx);
		return;
	}
	mounts = mnt_new_table_from_file(table);
	look(mounts ? find_mount(h, mounts, st.st_rdev) : NULL, ctx);
	mnt_unref_table(mounts);
}

static void is_there(struct libmnt_fs *fs, void *ctx)
{
	*(bool *)ctx = fs;
}

/* Mounted here, from our device? After a crash of this program it may be. */
bool hold_find_mount(struct hold *h)
{
	bool found;

	look_at_mount(h, OWN_MOUNTS, is_there, &found);
	return found;
}

/*
 * Is it mounted, but not for the rest of the machine? A mount namespace of one's own may give
 * nothing back. No, if that cannot be told.
 */
bool hold_mount_is_hidden(struct hold *h)
{
	bool found;

	if (access(MOUNTS_OF_INIT, R_OK))
		return false;
	look_at_mount(h, MOUNTS_OF_INIT, is_there, &found);
	return !found && hold_find_mount(h);
}

static void find_ended(struct libmnt_fs *fs, void *ctx)
{
	const char *options = fs ? mnt_fs_get_fs_options(fs) : NULL;
	size_t i;

	for (i = 0; options && i < ARRAY_SIZE(ended); i++)
		if (!mnt_optstr_get_option(options, ended[i], NULL, NULL))
			*(const char **)ctx = ended[i];
}

/* How many errors ext4 has found; 0 for other file systems. */
static u64 count_errors(const struct hold *h)
{
	char path[96], link[256];
	unsigned long long n = 0;
	struct stat st;
	ssize_t len;
	FILE *f;

	if (stat(h->device, &st))
		return 0;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(st.st_rdev), minor(st.st_rdev));
	len = readlink(path, link, sizeof(link) - 1);
	if (len < 0)
		return 0;
	link[len] = 0;
	snprintf(path, sizeof(path), "/sys/fs/ext4/%.32s/errors_count", strrchr(link, '/') + 1);
	f = fopen(path, "re");
	if (f && fscanf(f, "%llu", &n) != 1)
		n = 0;
	if (f)
		fclose(f);
	return n;
}

void hold_fs_begin(struct hold *h)
{
	h->watched = h->mounted && h->on_error != HOLD_IGNORE &&
		     mnt_optstr_get_option(h->mount_options ?: "", "ro", NULL, NULL);
	h->fs_errors = count_errors(h);
	h->trouble[0] = 0;
}

/* Has it failed since? Then h->trouble says so. */
bool hold_fs_failed(struct hold *h)
{
	const char *end = NULL;
	u64 errors;

	if (!h->watched)
		return false;
	look_at_mount(h, OWN_MOUNTS, find_ended, &end);
	errors = count_errors(h);
	if (end)
		snprintf(h->trouble, sizeof(h->trouble), "the file system on %s %s after errors", h->dir,
			 strcmp(end, "shutdown") ? "became read-only" : "shut down");
	else if (errors > h->fs_errors)
		snprintf(h->trouble, sizeof(h->trouble), "the file system on %s has found errors (%llu)",
			 h->dir, (unsigned long long)(errors - h->fs_errors));
	return h->trouble[0];
}
