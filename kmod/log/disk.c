// SPDX-License-Identifier: GPL-2.0
/* What all structures on disk share: the head, its checksum, names. */
#include "format.h"

static u32 disk_crc(const struct disk_head *h, u32 bytes)
{
	u32 skip = offsetof(struct disk_head, version);

	return rblk_crc32c(0, (const u8 *)h + skip, bytes - skip);
}

/**
 * rblk_log_disk_seal() - fills the head of a structure whose other fields are final
 * @h: the structure
 * @magic: DISK_MAGIC_*
 * @volume: its uuid; NULL: all zeroes
 * @store: store id
 * @bytes: size of the structure
 */
void rblk_log_disk_seal(struct disk_head *h, u64 magic, const u8 *volume, u64 store, u32 bytes)
{
	h->magic = cpu_to_le64(magic);
	h->version = cpu_to_le32(DISK_VERSION);
	h->compat = cpu_to_le32(DISK_COMPAT);
	h->ro_compat = cpu_to_le32(DISK_RO_COMPAT);
	h->incompat = cpu_to_le32(DISK_INCOMPAT);
	h->bytes = cpu_to_le32(bytes);
	if (volume)
		memcpy(h->volume, volume, RBLK_UUID_LEN);
	else
		memset(h->volume, 0, RBLK_UUID_LEN);
	h->store = cpu_to_le64(store);
	h->crc = cpu_to_le32(disk_crc(h, bytes));
}

/**
 * rblk_log_disk_open() - is this a whole structure that we understand?
 * @h: at least @bytes bytes
 * @magic: the one it must have
 * @bytes: the size it must have
 * @found: filled when 0 is returned; NULL: unknown ro-compat features are refused
 *
 * The checksum is executed before the version: a torn structure never looks like
 * one from the future.
 *
 * Return: 0, -ENODATA (magic), -EBADMSG (checksum, size), -EPROTONOSUPPORT.
 */
int rblk_log_disk_open(const struct disk_head *h, u64 magic, u32 bytes, struct disk_found *found)
{
	u32 ro;

	if (le64_to_cpu(h->magic) != magic)
		return -ENODATA;
	if (le32_to_cpu(h->bytes) != bytes || le32_to_cpu(h->crc) != disk_crc(h, bytes))
		return -EBADMSG;
	if (le32_to_cpu(h->version) != DISK_VERSION ||
	    (le32_to_cpu(h->incompat) & ~DISK_INCOMPAT))
		return -EPROTONOSUPPORT;
	ro = le32_to_cpu(h->ro_compat) & ~DISK_RO_COMPAT;
	if (ro && !found)
		return -EPROTONOSUPPORT;
	if (found)
		found->ro = ro;
	return 0;
}

/**
 * rblk_log_disk_ours() - does a structure belong to this volume and store?
 * @h: the structure
 * @s: superblock of the log device
 *
 * Return: true if both match.
 */
bool rblk_log_disk_ours(const struct disk_head *h, const struct log_super *s)
{
	return le64_to_cpu(h->store) == s->store && !memcmp(h->volume, s->volume, RBLK_UUID_LEN);
}

/**
 * rblk_log_disk_name_ok() - is this a name that may be printed and compared?
 * @name: bytes from a disk
 * @size: of the field
 *
 * Return: true if it is printable ASCII, ended by NUL inside the field, with
 * only NULs behind.
 */
bool rblk_log_disk_name_ok(const char *name, u32 size)
{
	u32 i = 0;

	while (i < size && name[i] > ' ' && name[i] <= '~')
		i++;
	if (i == size)
		return false;
	while (i < size && !name[i])
		i++;
	return i == size;
}

/**
 * rblk_log_disk_name_put() - copies a name, NULs behind it
 * @to: field of @size bytes
 * @from: at most @size bytes are read; a longer name is cut
 * @size: of both
 */
void rblk_log_disk_name_put(char *to, const char *from, u32 size)
{
	u32 i;

	for (i = 0; i < size - 1 && from[i]; i++)
		to[i] = from[i];
	memset(to + i, 0, size - i);
}
