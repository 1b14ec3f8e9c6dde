// SPDX-License-Identifier: GPL-2.0
/* Layout and superblock of the log device, header of the data device. */
#include "format.h"

#define REGION_SHIFT_MIN	16
#define REGION_SHIFT_MAX	30
#define DATA_BYTES_MAX		0x1000000000000000ULL
#define DEV_BYTES_MAX		0x4000000000000000ULL

/**
 * rblk_log_super_offset2() - where the second superblock lies
 * @dev_bytes: size of the device, at least 8 KiB
 *
 * Return: the last whole 4 KiB block of the device.
 */
u64 rblk_log_super_offset2(u64 dev_bytes)
{
	return (dev_bytes / RBLK_BLOCK_SIZE - 1) * RBLK_BLOCK_SIZE;
}

/**
 * rblk_log_super_offset() - where a superblock lies
 * @s: superblock
 * @copy: the first (0) or the second (1)
 *
 * Return: offset on the log device.
 */
u64 rblk_log_super_offset(const struct log_super *s, int copy)
{
	return copy ? rblk_log_super_offset2(s->dev_bytes) : 0;
}

/**
 * rblk_log_meta_offset() - where a copy of the metadata lies
 * @copy: the first (0) or the second (1)
 *
 * Return: offset on the log device.
 */
u64 rblk_log_meta_offset(int copy)
{
	return (u64)DISK_META_OFF * (copy + 1);
}

static u64 map_bytes(const struct log_super *s)
{
	u64 regions = DIV_ROUND_UP(s->data_bytes, 1ULL << s->region_shift);

	return DIV_ROUND_UP(regions, RBLK_MAP_PER_BLOCK) * RBLK_BLOCK_SIZE;
}

static bool volume_ok(const struct log_super *s)
{
	return (s->block_size == 512 || s->block_size == 4096) &&
	       s->region_shift >= REGION_SHIFT_MIN && s->region_shift <= REGION_SHIFT_MAX &&
	       s->data_bytes && s->data_bytes <= DATA_BYTES_MAX &&
	       !(s->data_bytes % s->block_size);
}

/**
 * rblk_log_layout() - lays out a log device
 * @s: block_size and region_shift are kept, or 4096 and 20 if they are 0; sizes and
 *     offsets are set
 * @dev_bytes: size of the log device
 * @data_bytes: size of the volume
 * @need: set to the size of the smallest device that would do; may be NULL
 *
 * Return: 0; -ENOSPC: the device is too small; -EINVAL: the sizes are absurd.
 */
int rblk_log_layout(struct log_super *s, u64 dev_bytes, u64 data_bytes, u64 *need)
{
	u64 end;

	if (!s->block_size)
		s->block_size = 4096;
	if (!s->region_shift)
		s->region_shift = 20;
	s->dev_bytes = dev_bytes;
	s->data_bytes = data_bytes;
	if (!volume_ok(s))
		return -EINVAL;
	s->map_off = DISK_MAP_OFF;
	s->map_bytes = map_bytes(s);
	s->ring_off = round_up(s->map_off + s->map_bytes, (u64)DISK_ALIGN);
	if (need)
		*need = s->ring_off + LOG_RING_MIN + LOG_SUPER_BYTES;
	if (dev_bytes < s->ring_off + LOG_RING_MIN + LOG_SUPER_BYTES)
		return -ENOSPC;
	end = rblk_log_super_offset2(dev_bytes);
	s->ring_bytes = (end - s->ring_off) / DISK_ALIGN * DISK_ALIGN;
	return 0;
}

static bool layout_ok(const struct log_super *s)
{
	u64 end;

	if (!volume_ok(s) || s->dev_bytes < DISK_MAP_OFF || s->dev_bytes > DEV_BYTES_MAX)
		return false;
	end = rblk_log_super_offset2(s->dev_bytes);
	if (s->map_off < DISK_MAP_OFF || s->map_off % RBLK_BLOCK_SIZE || s->map_off > end)
		return false;
	if (s->map_bytes != map_bytes(s) || s->map_bytes > end - s->map_off)
		return false;
	if (s->ring_off < s->map_off + s->map_bytes || s->ring_off % DISK_ALIGN ||
	    s->ring_off > end)
		return false;
	return s->ring_bytes >= LOG_RING_MIN && !(s->ring_bytes % RBLK_BLOCK_SIZE) &&
	       s->ring_bytes <= end - s->ring_off;
}

static bool identity_ok(const struct disk_head *h)
{
	return h->store && rblk_uuid_ok(h->volume, true);
}

/**
 * rblk_log_super_encode() - makes a superblock
 * @s: superblock
 * @buf: LOG_SUPER_BYTES, filled
 */
void rblk_log_super_encode(const struct log_super *s, void *buf)
{
	struct disk_super *d = buf;

	memset(buf, 0, LOG_SUPER_BYTES);
	disk_super_put(d, s);
	rblk_log_disk_seal(&d->head, DISK_MAGIC_SUPER, s->volume, s->store, sizeof(*d));
}

/**
 * rblk_log_super_decode() - reads a superblock
 * @s: set on success
 * @buf: LOG_SUPER_BYTES
 *
 * Return: 0, or one of the errors of decoders: see log.h.
 */
int rblk_log_super_decode(struct log_super *s, const void *buf)
{
	const struct disk_super *d = buf;
	struct disk_found found;
	struct log_super n = {};
	int ret = rblk_log_disk_open(&d->head, DISK_MAGIC_SUPER, sizeof(*d), &found);

	if (ret)
		return ret;
	memcpy(n.volume, d->head.volume, RBLK_UUID_LEN);
	n.store = le64_to_cpu(d->head.store);
	disk_super_get(&n, d);
	n.read_only = found.ro;
	if (!identity_ok(&d->head) || !disk_super_ok(d) || !layout_ok(&n))
		return -EINVAL;
	*s = n;
	return 0;
}

/**
 * rblk_log_data_super_encode() - makes the header of a data device
 * @s: header
 * @buf: RBLK_BLOCK_SIZE, filled
 */
void rblk_log_data_super_encode(const struct data_super *s, void *buf)
{
	struct disk_data *d = buf;

	memset(buf, 0, RBLK_BLOCK_SIZE);
	disk_data_put(d, s);
	rblk_log_disk_seal(&d->head, DISK_MAGIC_DATA, s->volume, s->store, sizeof(*d));
}

/**
 * rblk_log_data_super_decode() - reads the header of a data device
 * @s: set on success
 * @buf: RBLK_BLOCK_SIZE
 *
 * Return: 0, or one of the errors of decoders: see log.h.
 */
int rblk_log_data_super_decode(struct data_super *s, const void *buf)
{
	const struct disk_data *d = buf;
	int ret = rblk_log_disk_open(&d->head, DISK_MAGIC_DATA, sizeof(*d), NULL);

	if (ret)
		return ret;
	if (!identity_ok(&d->head) || !disk_data_ok(d))
		return -EINVAL;
	memcpy(s->volume, d->head.volume, RBLK_UUID_LEN);
	s->store = le64_to_cpu(d->head.store);
	disk_data_get(s, d);
	return 0;
}

/**
 * rblk_log_read_super() - reads the superblock of a log device, or else the second one
 * @rd: reader
 * @dev_bytes: size of the device
 * @s: set on success
 *
 * If the two name different stores or volumes, nothing here tells which one is
 * right; but the metadata belongs to only one of them.
 *
 * Return: 0; -ENOSPC: the device is smaller than it was; or what was found out
 * about the first superblock: the error of its reading or of its decoder.
 */
int rblk_log_read_super(const struct log_reader *rd, u64 dev_bytes, struct log_super *s)
{
	struct log_super n;
	int copy, ret, first = 0;

	if (dev_bytes < DISK_MAP_OFF)
		return -ENOSPC;
	for (copy = 0; copy < LOG_SUPER_COPIES; copy++) {
		ret = rd->read(rd->ctx, copy ? rblk_log_super_offset2(dev_bytes) : 0, rd->scratch,
			       LOG_SUPER_BYTES);
		if (!ret)
			ret = rblk_log_super_decode(&n, rd->scratch);
		if (!ret) {
			if (n.dev_bytes > dev_bytes)
				return -ENOSPC;
			*s = n;
			return 0;
		}
		/* The second one must not overrule what a newer version wrote. */
		if (ret == -EPROTONOSUPPORT)
			return ret;
		if (!copy)
			first = ret;
	}
	return first;
}
