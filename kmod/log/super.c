// SPDX-License-Identifier: GPL-2.0
/* Layout and superblock of the log device, header of the data device. */
#include "format.h"

#define REGION_SHIFT_SMALL	17		/* of small volumes: what is pulled at once */
#define REGION_SHIFT_DEFAULT	20		/* of large volumes */
#define REGIONS_MANY		BIT_ULL(20)	/* of smaller ones, which have smaller regions */
#define DATA_BYTES_MAX		BIT_ULL(48)	/* less with small regions: see volume_ok() */
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

/**
 * rblk_log_data_offset() - where a copy of the data header lies
 * @copy: the first (0) or the second (1)
 *
 * Return: offset on the data device.
 */
u64 rblk_log_data_offset(int copy)
{
	return copy ? DATA_COPY_OFF : 0;
}

/**
 * rblk_log_map_regions() - blocks of the change map with a value for each region
 * @s: superblock
 *
 * Return: their number; they are the first ones.
 */
u32 rblk_log_map_regions(const struct log_super *s)
{
	u64 regions = ((s->data_bytes - 1) >> s->region_shift) + 1;

	return DIV_ROUND_UP((u32)regions, RBLK_MAP_PER_BLOCK);
}

/**
 * rblk_log_map_blocks() - blocks of the change map
 * @s: superblock
 *
 * Return: their number, with those that have a bit for each 4 KiB block of the volume.
 */
u32 rblk_log_map_blocks(const struct log_super *s)
{
	u64 words = (s->data_bytes - 1) / (64 * RBLK_BLOCK_SIZE) + 1;

	return rblk_log_map_regions(s) + DIV_ROUND_UP((u32)words, RBLK_MAP_PER_BLOCK);
}

/**
 * rblk_log_map_offset() - where a block of the change map lies
 * @s: superblock
 * @n: number of the block
 * @copy: the first (0) or the second (1)
 *
 * Return: offset on the log device.
 */
u64 rblk_log_map_offset(const struct log_super *s, u32 n, int copy)
{
	return s->map_off + ((u64)copy * rblk_log_map_blocks(s) + n) * RBLK_BLOCK_SIZE;
}

static u64 map_bytes(const struct log_super *s)
{
	return (u64)LOG_COPIES * rblk_log_map_blocks(s) * RBLK_BLOCK_SIZE;
}

static bool volume_ok(const struct log_super *s)
{
	return (s->block_size == 512 || s->block_size == 4096) &&
	       s->region_shift >= RBLK_REGION_SHIFT_MIN &&
	       s->region_shift <= RBLK_REGION_SHIFT_MAX &&
	       s->data_bytes && s->data_bytes <= DATA_BYTES_MAX &&
	       s->data_bytes >> min_t(u32, s->region_shift, 17) < INT_MAX &&
	       !(s->data_bytes & (s->block_size - 1));
}

/*
 * Of small regions a member that was away pulls less of what did not change, and the first write
 * to one that is unwritten has less to zero. But each takes memory and room in the log device, and
 * a checkpoint writes what changed of their map.
 */
static u32 default_region_shift(const struct log_super *s)
{
	u64 room = s->dev_bytes >= 4 * LOG_RING_MIN ? s->dev_bytes / 16 : 0;
	struct log_super like = *s;

	for (like.region_shift = REGION_SHIFT_SMALL; like.region_shift < REGION_SHIFT_DEFAULT;
	     like.region_shift++)
		if (s->data_bytes >> like.region_shift <= REGIONS_MANY &&
		    (u64)rblk_log_map_regions(&like) * LOG_COPIES * RBLK_BLOCK_SIZE <= room)
			break;
	return like.region_shift;
}

/**
 * rblk_log_layout() - lays out a log device
 * @s: block_size and region_shift are kept, or, if they are 0, 4096 and what suits the sizes;
 *     sizes and offsets are set
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
	s->dev_bytes = dev_bytes;
	s->data_bytes = data_bytes;
	if (!s->region_shift && data_bytes)
		s->region_shift = default_region_shift(s);
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
	if (s->map_bytes != map_bytes(s))
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

/*
 * A protective MBR, which has one partition of type 0xee over the whole device. There is no
 * GPT behind it, so nothing takes it for a partition table to use; but LVM, mkfs, mdadm and
 * installers see that the device is in use.
 */
static const u8 protective_mbr[DISK_MBR_BYTES] = {
	[2] = 0x02, [4] = 0xee, [5] = 0xff, [6] = 0xff, [7] = 0xff,
	[8] = 0x01,					/* from sector 1 */
	[12] = 0xff, [13] = 0xff, [14] = 0xff, [15] = 0xff,	/* to the end */
	[64] = 0x55, [65] = 0xaa,
};

static void put_mbr(void *buf, bool wanted)
{
	if (wanted)
		memcpy((u8 *)buf + DISK_MBR_OFF, protective_mbr, DISK_MBR_BYTES);
}

static bool has_mbr(const void *buf)
{
	return !memcmp((const u8 *)buf + DISK_MBR_OFF, protective_mbr, DISK_MBR_BYTES);
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
	put_mbr(buf, s->mbr);
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
	n.mbr = has_mbr(buf);
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
	put_mbr(buf, s->mbr);
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
	if (!identity_ok(&d->head) || !disk_data_ok(d) || le32_to_cpu(d->flags) & ~DATA_FLAGS)
		return -EINVAL;
	memcpy(s->volume, d->head.volume, RBLK_UUID_LEN);
	s->store = le64_to_cpu(d->head.store);
	disk_data_get(s, d);
	s->mbr = has_mbr(buf);
	return 0;
}

/* Reads a block. Some media errors are -ENODATA, which means another thing to decoders. */
static int read_block(const struct log_reader *rd, u64 off)
{
	int ret = rd->read(rd->ctx, off, rd->scratch, RBLK_BLOCK_SIZE);

	return ret == -ENODATA ? -EIO : ret;
}

/*
 * May a copy be used, after this was found out about what it is a copy of? Not if something
 * else was written over it: then the device is no longer ours, whatever is left further on.
 * Nor must it overrule what a newer version wrote.
 */
static bool copy_counts(int ret)
{
	return ret && ret != -ENODATA && ret != -EPROTONOSUPPORT;
}

static int read_super(const struct log_reader *rd, u64 off, struct log_super *s)
{
	int ret = read_block(rd, off);

	return ret ? ret : rblk_log_super_decode(s, rd->scratch);
}

/*
 * Is a second one no copy of @store's, which is whole? What a newer version wrote there is left
 * alone. Anything else that lies there is not: whoever wrote to the beginning owns the device.
 */
static bool copy_is_lost(int ret, u64 found, u64 store)
{
	return ret ? ret != -EPROTONOSUPPORT : found != store;
}

/**
 * rblk_log_read_super() - reads the superblock of a log device, or else the second one
 * @rd: reader
 * @dev_bytes: size of the device
 * @s: set on success; and if the device is smaller than it was, unless it ends before the map
 * @c: set on success: which of them is damaged
 *
 * The second one counts only if the first one is damaged or cannot be read. If the two name
 * different stores or volumes, nothing here tells which one is right; but the metadata
 * belongs to only one of them.
 *
 * Return: 0; -ENOSPC: the device is smaller than it was; or what was found out
 * about the first superblock: the error of its reading or of its decoder.
 */
int rblk_log_read_super(const struct log_reader *rd, u64 dev_bytes, struct log_super *s,
			struct log_copies *c)
{
	struct log_super n, copy = {};
	u32 damaged = 0;
	int ret, second;

	if (dev_bytes < DISK_MAP_OFF)
		return -ENOSPC;
	ret = read_super(rd, 0, &n);
	if (copy_counts(ret)) {
		second = read_super(rd, rblk_log_super_offset2(dev_bytes), &n);
		if (!second || second == -EPROTONOSUPPORT)
			ret = second;
		damaged = LOG_C_BIT(LOG_C_SUPER);
	}
	if (ret)
		return ret;
	if (n.dev_bytes > dev_bytes) {
		*s = n;
		return -ENOSPC;
	}
	if (!damaged) {
		second = read_super(rd, rblk_log_super_offset(&n, 1), &copy);
		if (copy_is_lost(second, copy.store, n.store))
			damaged = LOG_C_BIT(LOG_C_SUPER2);
	}
	*s = n;
	c->damaged |= damaged;
	return 0;
}

static int read_data(const struct log_reader *rd, int copy, struct data_super *s)
{
	int ret = read_block(rd, rblk_log_data_offset(copy));

	return ret ? ret : rblk_log_data_super_decode(s, rd->scratch);
}

/**
 * rblk_log_read_data() - reads the header of a data device, or else its copy
 * @rd: reader
 * @store: store that a copy has to be of; 0: any
 * @s: set on success
 * @c: set on success: which of them is damaged
 *
 * Return: 0, or what was found out about the header: the error of its reading or of its
 * decoder.
 */
int rblk_log_read_data(const struct log_reader *rd, u64 store, struct data_super *s,
		       struct log_copies *c)
{
	struct data_super n, copy = {};
	int ret = read_data(rd, 0, &n), second = read_data(rd, 1, &copy);

	if (copy_counts(ret) && !second && (!store || copy.store == store)) {
		*s = copy;
		c->damaged |= LOG_C_BIT(LOG_C_DATA);
		return 0;
	}
	if (ret)
		return ret;
	if (copy_is_lost(second, copy.store, n.store))
		c->damaged |= LOG_C_BIT(LOG_C_DATA2);
	*s = n;
	return 0;
}

static void claim_name(char *to, const u8 *from)
{
	u32 i;

	memset(to, 0, RBLK_NAME_MAX);
	for (i = 0; i < RBLK_NAME_MAX - 1 && from[i] > ' ' && from[i] < 0x7f; i++)
		to[i] = (char)from[i];
}

/**
 * rblk_log_claim() - what a block claims to be, whether it is whole or not
 * @block: the first of a device, RBLK_BLOCK_SIZE
 * @s: filled with volume, names and store as they are there
 *
 * Nothing is verified. This is for those who ask whether anything may be lost.
 *
 * Return: the letter of its magic if that is a superblock's or a data header's, else 0.
 */
char rblk_log_claim(const void *block, struct data_super *s)
{
	const struct disk_super *d = block;
	u64 magic = le64_to_cpu(d->head.magic);

	static_assert(offsetof(struct disk_super, volume_name) ==
		      offsetof(struct disk_data, volume_name));
	static_assert(offsetof(struct disk_super, node) == offsetof(struct disk_data, node));
	memset(s, 0, sizeof(*s));
	if (magic != DISK_MAGIC_SUPER && magic != DISK_MAGIC_DATA)
		return 0;
	memcpy(s->volume, d->head.volume, RBLK_UUID_LEN);
	s->store = le64_to_cpu(d->head.store);
	claim_name(s->volume_name, (const u8 *)d->volume_name);
	claim_name(s->node, (const u8 *)d->node);
	return magic == DISK_MAGIC_SUPER ? 'S' : 'D';
}
