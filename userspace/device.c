// SPDX-License-Identifier: GPL-2.0
/*
 * The backing devices of a volume: opens them exclusively, finds out what they
 * hold, and zeroes them. Image files work, too.
 */
#include <blkid/blkid.h>
#include <fcntl.h>
#include <linux/blkzoned.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tool.h"

#define ZERO_STEP	(64u << 20)

static int open_file(struct device *d, const struct stat *st, const char *volume)
{
	d->file = true;
	d->bytes = st->st_size;
	d->sector = 512;
	if (flock(d->fd, LOCK_EX | LOCK_NB))
		return fail(EXIT_FAILED, volume,
			    "%s image %s is in use: %s; end the program that has it locked", d->what, d->path,
			    strerror(errno));
	return 0;
}

static int open_block(struct device *d, const char *volume)
{
	int sector = 512;

	if (ioctl(d->fd, BLKGETSIZE64, &d->bytes) || ioctl(d->fd, BLKSSZGET, &sector))
		return fail(EXIT_FAILED, volume, "%s device %s: its size cannot be determined: %s",
			    d->what, d->path, strerror(errno));
	d->sector = sector;
	return 0;
}

/* Such a device lets its sectors be written one after the other only. */
static bool zoned(const struct device *d)
{
	u32 zones;

	return !d->file && !ioctl(d->fd, BLKGETNRZONES, &zones) && zones;
}

static int open_failed(const struct device *d, const char *volume, bool write)
{
	switch (errno) {
	case ENOENT:
	case ENXIO:
		return fail(EXIT_ABSENT, volume, "%s device %s: %s; see lsblk(8)", d->what,
			    d->path, strerror(errno));
	case EBUSY:
		return fail(EXIT_FAILED, volume,
			    "%s device %s is in use: mounted, or part of a volume group, an array, swap, or a raftblk volume that is up; see lsblk(8) for what holds it",
			    d->what, d->path);
	case EACCES:
	case EPERM:
		return fail(EXIT_FAILED, volume, "%s device %s cannot be opened: %s; %s", d->what,
			    d->path, strerror(errno), permission_step());
	case EROFS:
		return fail(EXIT_FAILED, volume, "%s device %s is read-only; see blockdev(8)",
			    d->what, d->path);
	default:
		return fail(EXIT_FAILED, volume, "%s device %s cannot be opened: %s", d->what,
			    d->path, strerror(errno));
	}
}

/* Finds the number of a device, by which the kernel opens it. */
int device_number(const char *what, const char *path, const char *volume, u32 *number)
{
	struct device d = { .what = what, .path = path };
	struct stat st;

	if (stat(path, &st))
		return open_failed(&d, volume, false);
	if (!S_ISBLK(st.st_mode))
		return fail(EXIT_FAILED, volume, "%s device %s is not a block device", what, path);
	*number = st.st_rdev;
	return 0;
}

/* Opens a device: exclusively to write to it, but only to read even if a volume has it. */
int device_open(struct device *d, const char *volume, bool write)
{
	struct stat st;
	int err;

	d->fd = -1;
	if (stat(d->path, &st))
		return open_failed(d, volume, write);
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		return fail(EXIT_FAILED, volume,
			    "%s device %s is neither a block device nor an image file", d->what,
			    d->path);
	d->fd = open(d->path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC |
			      (write && S_ISBLK(st.st_mode) ? O_EXCL : 0) |
			      (d->direct && S_ISBLK(st.st_mode) ? O_DIRECT : 0));
	if (d->fd < 0)
		return open_failed(d, volume, write);
	err = 0;
	if (S_ISBLK(st.st_mode))
		err = open_block(d, volume);
	else if (write)
		err = open_file(d, &st, volume);
	else
		d->bytes = st.st_size;
	d->file = S_ISREG(st.st_mode);
	if (!err && write && zoned(d))
		err = fail(EXIT_FAILED, volume,
			   "%s device %s is zoned, which raftblk cannot write to; use another device",
			   d->what, d->path);
	if (!err && write)
		d->thin = device_thin(d);
	if (err)
		device_close(d);
	return err;
}

void device_close(struct device *d)
{
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}

/* Does a volume, or anything else, have the device? */
bool device_in_use(const struct device *d)
{
	int fd;

	if (d->file)
		return false;
	fd = open(d->path, O_RDONLY | O_CLOEXEC | O_EXCL);
	if (fd < 0)
		return errno == EBUSY;
	close(fd);
	return false;
}

static const char *probed(blkid_probe pr, const char *name)
{
	const char *value = NULL;

	blkid_probe_lookup_value(pr, name, &value, NULL);
	return value;
}

static int signature(const struct device *d, const char *volume, blkid_probe pr)
{
	const char *type = probed(pr, "TYPE"), *table = probed(pr, "PTTYPE");
	const char *label = probed(pr, "LABEL");

	if (!type && table)
		return fail(EXIT_FAILED, volume,
			    "%s device %s holds a partition table (%s); if nothing on it is needed: wipefs -a %s",
			    d->what, d->path, table, d->path);
	return fail(EXIT_FAILED, volume,
		    "%s device %s holds %s%s%s%s; if it is not needed: wipefs -a %s", d->what,
		    d->path, type ? type : "something", label ? " labelled '" : "",
		    label ? label : "", label ? "'" : "", d->path);
}

/* Returns what blkid_do_safeprobe() does: 0 if something was found. */
static int probe(const struct device *d, blkid_probe *pr)
{
	*pr = blkid_new_probe();
	if (!*pr || blkid_probe_set_device(*pr, d->fd, 0, 0))
		return -1;
	blkid_probe_enable_superblocks(*pr, 1);
	blkid_probe_set_superblocks_flags(*pr, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL |
					  BLKID_SUBLKS_MAGIC);
	blkid_probe_enable_partitions(*pr, 1);
	return blkid_do_safeprobe(*pr);
}

/* The protective MBR of a store. */
static bool only_mbr(blkid_probe pr)
{
	const char *table = probed(pr, "PTTYPE");

	return table && !strcmp(table, "PMBR") && !probed(pr, "TYPE");
}

/*
 * Fails if a device holds anything that blkid knows, but for the MBR of a store if it is one
 * of ours.
 */
int device_foreign(struct device *d, const char *volume, bool ours)
{
	blkid_probe pr;
	int found = probe(d, &pr), ret = 0;

	if (found == 0 && !(ours && only_mbr(pr)))
		ret = signature(d, volume, pr);
	else if (found == -2)
		ret = fail(EXIT_FAILED, volume,
			   "%s device %s holds several signatures at once; see wipefs(8)", d->what,
			   d->path);
	else if (found < 0)
		ret = fail(EXIT_FAILED, volume, "%s device %s cannot be examined: %s; see dmesg(1)",
			   d->what, d->path, strerror(errno));
	blkid_free_probe(pr);
	return ret;
}

/* Returns where the signature of a file system, an array or the like is, or U64_MAX. */
u64 device_signature(struct device *d)
{
	const char *at = NULL;
	blkid_probe pr;
	u64 off;

	if (!probe(d, &pr))
		at = probed(pr, "SBMAGIC_OFFSET");
	off = at ? strtoull(at, NULL, 10) : U64_MAX;
	blkid_free_probe(pr);
	return off;
}

/* Finds the directory of a device in sysfs; that of a partition is within that of its disk. */
static bool sysfs_dir(const struct stat *st, char *path)
{
	char link[64];

	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(st->st_rdev),
		 minor(st->st_rdev));
	return realpath(link, path);
}

static bool within(const char *a, const char *b)
{
	size_t n = strlen(a);

	return !strncmp(a, b, n) && (b[n] == '/' || !b[n]);
}

/* To be called before they are opened, else the second one would just be found busy. */
int device_overlap(const struct device *a, const struct device *b, const char *volume)
{
	char dir_a[PATH_MAX], dir_b[PATH_MAX];
	struct stat sa, sb;
	bool same;

	/* If one of them does not exist, the error of opening it is better. */
	if (stat(a->path, &sa) || stat(b->path, &sb))
		return 0;
	if (!S_ISBLK(sa.st_mode) || !S_ISBLK(sb.st_mode))
		same = sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
	else
		same = sa.st_rdev == sb.st_rdev ||
		       (sysfs_dir(&sa, dir_a) && sysfs_dir(&sb, dir_b) &&
			(within(dir_a, dir_b) || within(dir_b, dir_a)));
	if (!same)
		return 0;
	return fail(EXIT_FAILED, volume,
		    "%s device %s and %s device %s are the same, or one is part of the other; each needs its own",
		    a->what, a->path, b->what, b->path);
}

int device_write(struct device *d, u64 off, const void *buf, size_t len, const char *volume)
{
	ssize_t n;

	while (len) {
		n = pwrite(d->fd, buf, len, off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail(EXIT_FAILED, volume, "%s device %s: writing at %llu failed: %s",
				    d->what, d->path, (unsigned long long)off, strerror(errno));
		buf = (const u8 *)buf + n;
		off += n;
		len -= n;
	}
	return 0;
}

int device_sync(struct device *d, const char *volume)
{
	if (!fsync(d->fd))
		return 0;
	return fail(EXIT_FAILED, volume, "%s device %s: flushing failed: %s", d->what, d->path,
		    strerror(errno));
}

static int zero_by_hand(struct device *d, u64 off, u64 len, const char *volume)
{
	static const u8 zeroes[1 << 20];
	int err = 0;

	while (len && !err) {
		size_t n = min_t(u64, len, sizeof(zeroes));

		err = device_write(d, off, zeroes, n, volume);
		off += n;
		len -= n;
	}
	return err;
}

/* The kernel picks the fastest way that reads as zeroes; files become sparse. */
static int zero_step(struct device *d, u64 off, u64 len, const char *volume)
{
	u64 range[2] = { off, len };

	if (d->thin == THIN_ZEROED)
		return thin_zero(d, off, len, volume);
	if (d->file) {
		if (!fallocate(d->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, len))
			return 0;
	} else if (!ioctl(d->fd, BLKZEROOUT, range)) {
		return 0;
	}
	if (errno == EIO || errno == ENOSPC)
		return fail(EXIT_FAILED, volume, "%s device %s: zeroing at %llu failed: %s",
			    d->what, d->path, (unsigned long long)off, strerror(errno));
	return zero_by_hand(d, off, len, volume);
}

/*
 * Zeroes no longer than @ms, U64_MAX for as long as it takes, and says on a terminal how far it is.
 * @done is set to the bytes that are zeroed.
 */
int device_zero_for(struct device *d, u64 off, u64 len, u64 ms, const char *volume, bool progress,
		    u64 *done)
{
	bool tell = progress && isatty(STDERR_FILENO);
	u64 began = now_ms();
	int err = 0;

	for (*done = 0; *done < len && !err && now_ms() - began < ms; ) {
		u64 n = min_t(u64, len - *done, ZERO_STEP);

		err = zero_step(d, off + *done, n, volume);
		*done += n;
		if (tell)
			fprintf(stderr, "\rzeroing %s: %3u %%", d->path,
				(unsigned int)(*done * 100 / len));
	}
	if (tell)
		fputc('\n', stderr);
	return err;
}

int device_zero(struct device *d, u64 off, u64 len, const char *volume)
{
	u64 done;

	return device_zero_for(d, off, len, U64_MAX, volume, false, &done);
}

static int read_device(void *ctx, u64 off, void *buf, u32 len)
{
	static u8 aligned[LOG_SCRATCH_BYTES] __aligned(4096);
	struct device *d = ctx;
	ssize_t n;

	while (len) {
		n = pread(d->fd, d->direct ? aligned : buf, len, off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		if (d->direct)
			memcpy(buf, aligned, n);
		buf = (u8 *)buf + n;
		off += n;
		len -= n;
	}
	return 0;
}

void device_reader(struct device *d, struct log_reader *rd)
{
	memset(rd, 0, sizeof(*rd));
	rd->read = read_device;
	rd->ctx = d;
	rd->scratch = aligned_alloc(4096, LOG_SCRATCH_BYTES);
	if (!rd->scratch)
		exit(fail(EXIT_FAILED, NULL, "no memory"));
}
