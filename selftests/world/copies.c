// SPDX-License-Identifier: GPL-2.0
/* What a store has twice: whether a copy is whole, and what damages one. */
#include "world.h"

const char *const copy_name[LOG_C_NR] = {
	[LOG_C_SUPER] = "super", [LOG_C_SUPER2] = "super2", [LOG_C_META] = "meta",
	[LOG_C_META2] = "meta2", [LOG_C_DATA] = "header", [LOG_C_DATA2] = "header2",
};

static struct disk *copy_disk(struct node *n, enum log_copy c)
{
	return c < LOG_C_DATA ? &n->log : &n->data;
}

static u64 copy_off(const struct node *n, enum log_copy c)
{
	int second = c % LOG_COPIES;

	if (c < LOG_C_META)
		return rblk_log_super_offset(&n->super, second);
	return c < LOG_C_DATA ? rblk_log_meta_offset(second) : rblk_log_data_offset(second);
}

/* Grows with each version of what a copy holds; 0: the copy is damaged. */
static u64 newness(struct node *n, enum log_copy c)
{
	static u8 buf[LOG_META_BYTES] __aligned(RBLK_BLOCK_SIZE);
	u32 len = c == LOG_C_META || c == LOG_C_META2 ? LOG_META_BYTES : RBLK_BLOCK_SIZE;
	static struct log_meta meta;
	struct log_super super;
	struct data_super data;

	if (!disk_look(copy_disk(n, c), copy_off(n, c), buf, len))
		return 0;
	if (c < LOG_C_META)
		return !rblk_log_super_decode(&super, buf) && super.store == n->super.store;
	if (c < LOG_C_DATA)
		return rblk_log_meta_decode(&meta, &n->super, buf) ? 0 : meta.version;
	return !rblk_log_data_super_decode(&data, buf) && data.store == n->super.store ?
	       data.seq + 1 : 0;
}

bool copy_whole(struct node *n, enum log_copy c)
{
	return newness(n, c);
}

bool copy_spare(struct node *n, enum log_copy c)
{
	return copy_whole(n, c) && newness(n, c) <= newness(n, (enum log_copy)(c ^ 1));
}

void copy_damage(struct node *n, enum log_copy c, bool unreadable)
{
	/* All of them are longer, and it is not the magic that rots: that would be another thing. */
	u64 byte = rnd_range(R_COPY, sizeof(u64), 127);

	TRACE(n->id, "damage", c, unreadable);
	if (unreadable)
		disk_unreadable(copy_disk(n, c), copy_off(n, c), DISK_BAD);
	else
		disk_flip(copy_disk(n, c), copy_off(n, c) + byte);
}

void copy_write(struct node *n, enum log_copy c)
{
	int second = c % LOG_COPIES;
	bool meta = c == LOG_C_META || c == LOG_C_META2;

	/* What rots, or cannot be read for a moment, may deceive it. */
	if (n->doomed || n->read_failed)
		return;
	WORLD_CHECK(meta ? n->slot_version[!second] &&
			   n->slot_version[second] <= n->slot_version[!second] :
			   copy_whole(n, (enum log_copy)(c ^ 1)),
		    "node %c: writes to %s, and the other one is damaged or older", 'a' + n->id,
		    copy_name[c]);
}

void copy_noted(struct node *n, enum log_copy c, u64 error)
{
	if (error) {
		WORLD_CHECK(n->injected, "node %c: cannot rewrite %s, and nothing failed",
			    'a' + n->id, copy_name[c]);
		n->unmended |= LOG_C_BIT(c);
		WORLD_MARK(COPY_UNMENDED);
	} else {
		WORLD_CHECK(copy_whole(n, c), "node %c: %s is not whole", 'a' + n->id, copy_name[c]);
		n->unmended &= ~LOG_C_BIT(c);
		WORLD_MARK(COPY_MENDED);
	}
	if (world.on.copy)
		world.on.copy(n, c, error);
}

void copy_check(struct node *n)
{
	u32 c;

	for (c = 0; c < LOG_C_NR && !n->doomed; c++)
		WORLD_CHECK(n->unmended & LOG_C_BIT(c) || copy_whole(n, (enum log_copy)c),
			    "node %c: %s was damaged, and was not rewritten", 'a' + n->id,
			    copy_name[c]);
}
