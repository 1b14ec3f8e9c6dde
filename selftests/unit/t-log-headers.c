// SPDX-License-Identifier: GPL-2.0
/* Record headers whose checksum is right, and that are refused or passed over all the same. */
#include "log-lib.h"

static struct disk_record *d;		/* of the newest record */

static int decode(void)
{
	struct log_header h;
	int rc;

	seal_again(d);
	rc = rblk_log_header_decode(&t_super, d, &h);
	return rc ? rc : rblk_log_header_check(d, &h);
}

static void two_entries(void)
{
	struct log_record *r;

	fill(2);
	CHECK_EQ(t_add(3, 2, 1), 0);
	CHECK_EQ(t_add(4, 3, 1), 0);
	r = rblk_log_submit(&t_log);
	t_land(r);
	d = (void *)t_at(r->pos);
	CHECK_EQ(decode(), 0);
}

/* Another term of the first entry, and the sum that belongs to it. */
static void set_term(u64 term)
{
	struct rblk_entry e = { .index = 3 };
	u32 crc = le32_to_cpu(d->block_crc[0]);

	disk_entry_get(&e, &d->entry[0]);
	e.term = term;
	e.csum = rblk_entry_csum(&e, &crc);
	disk_entry_put(&d->entry[0], &e);
}

static void terms_fall(void)
{
	two_entries();
	set_term(4);
	CHECK_EQ(decode(), -EINVAL);
	set_term(3);
	CHECK_EQ(decode(), 0);
}

static void first_index(void)
{
	struct log_header h;

	two_entries();
	d->first = 0;
	seal_again(d);
	CHECK_EQ(rblk_log_header_decode(&t_super, d, &h), -EINVAL);
}

/* A newer version's record of another store is one of another store. */
static void newer_and_foreign(void)
{
	two_entries();
	d->head.incompat = cpu_to_le32(1);
	CHECK_EQ(decode(), -EPROTONOSUPPORT);
	d->head.store = cpu_to_le64(t_super.store + 1);
	CHECK_EQ(decode(), -ESTALE);
}

/* Without entries it is a closing record, and has nothing else either. */
static void closing(void)
{
	fill(2);
	d = (void *)rblk_log_close_record(&t_log)->header;
	CHECK_EQ(decode(), 0);
	d->first = cpu_to_le64(3);
	CHECK_EQ(decode(), -EINVAL);
	d->first = 0;
	d->payload_blocks = cpu_to_le32(1);
	CHECK_EQ(decode(), -EINVAL);
	d->payload_blocks = 0;
	d->flags = 0;
	CHECK_EQ(decode(), -EINVAL);
}

static const struct tap_case cases[] = {
	{ "terms_fall", terms_fall },
	{ "first_index", first_index },
	{ "newer_and_foreign", newer_and_foreign },
	{ "closing", closing },
};
TAP_MAIN(cases)
