// SPDX-License-Identifier: GPL-2.0
/* The head that every structure on disk begins with. */
#include "format.h"

static u32 disk_crc(const struct disk_head *h, u32 bytes)
{
	u32 skip = offsetof(struct disk_head, version);

	return rblk_crc32c(0, (const u8 *)h + skip, bytes - skip);
}

/*
 * Fills the head of a structure of @bytes bytes, all others of which are final.
 * Without @volume (a configuration is the same on all members) its place is zeroes.
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

/*
 * Is this a whole structure, of this magic and size, that we understand? Returns
 * 0, -ENODATA (wrong magic), -EBADMSG (wrong checksum or size) or
 * -EPROTONOSUPPORT. The checksum is judged before the version, so that a torn
 * structure never looks like one from the future.
 *
 * Unknown ro-compat features are refused if @found is NULL, else reported in it.
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

/* Does the structure belong to the volume and store of the superblock @s? */
bool rblk_log_disk_ours(const struct disk_head *h, const struct log_super *s)
{
	return le64_to_cpu(h->store) == s->store && !memcmp(h->volume, s->volume, RBLK_UUID_LEN);
}
