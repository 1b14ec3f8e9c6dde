// SPDX-License-Identifier: GPL-2.0
/*
 * Thin devices of the device mapper. Their pool gives them room for what is written, zeroes as
 * well, and there is no command that zeroes without that. But what was never written, or was
 * discarded, reads as zeroes, and goes on to do so, if the pool zeroes what it gives.
 */
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tool.h"

struct table {
	struct dm_ioctl head;
	char rest[2048];
};

/* The only target of a device, if it is of this type: its parameters, or NULL. */
static const char *target(int control, dev_t dev, const char *type, struct table *t)
{
	const struct dm_target_spec *spec;

	*t = (struct table){ .head = {
		.version = { DM_VERSION_MAJOR },
		.data_size = sizeof(*t),
		.data_start = offsetof(struct table, rest),
		.flags = DM_STATUS_TABLE_FLAG,
		.dev = dev,
	} };
	if (ioctl(control, DM_TABLE_STATUS, t) || t->head.flags & DM_BUFFER_FULL_FLAG ||
	    t->head.target_count != 1)
		return NULL;
	spec = (const void *)((const char *)t + t->head.data_start);
	return strcmp(spec->target_type, type) ? NULL : (const char *)(spec + 1);
}

static bool pool_zeroes(int control, const char *thin)
{
	unsigned int major, minor;
	const char *pool;
	struct table t;

	if (sscanf(thin, "%u:%u ", &major, &minor) != 2)
		return false;
	pool = target(control, makedev(major, minor), "thin-pool", &t);
	return pool && !strstr(pool, "skip_block_zeroing");
}

/* What kind of device is it? */
enum thin device_thin(const struct device *d)
{
	enum thin thin = THIN_NOT;
	const char *params;
	struct stat st;
	struct table t;
	int control;

	if (d->file || fstat(d->fd, &st))
		return THIN_NOT;
	control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (control < 0)
		return THIN_NOT;
	params = target(control, st.st_rdev, "thin", &t);
	if (params)
		thin = pool_zeroes(control, params) ? THIN_ZEROED : THIN_UNZEROED;
	close(control);
	return thin;
}

static int zero_unless_zero(struct device *d, u64 off, size_t len, const char *volume)
{
	static const u8 zeroes[1 << 20];
	static u8 buf[sizeof(zeroes)];
	ssize_t n = pread(d->fd, buf, len, off);

	if (n != (ssize_t)len)
		return fail(EXIT_FAILED, volume, "%s device %s: reading at %llu failed: %s",
			    d->what, d->path, (unsigned long long)off,
			    strerror(n < 0 ? errno : EIO));
	return memcmp(buf, zeroes, len) ? device_write(d, off, zeroes, len, volume) : 0;
}

/* Gives back to the pool what can be given back, and writes only where something is left. */
int thin_zero(struct device *d, u64 off, u64 len, const char *volume)
{
	u64 range[2] = { off, len }, n;
	int err = 0;

	/* If the pool does not take it back, it is written to. */
	if (ioctl(d->fd, BLKDISCARD, range) && errno == EIO)
		return fail(EXIT_FAILED, volume, "%s device %s: discarding at %llu failed: %s",
			    d->what, d->path, (unsigned long long)off, strerror(errno));
	for (; len && !err; off += n, len -= n) {
		n = min_t(u64, len, 1 << 20);
		err = zero_unless_zero(d, off, n, volume);
	}
	posix_fadvise(d->fd, range[0], range[1], POSIX_FADV_DONTNEED);
	return err;
}
