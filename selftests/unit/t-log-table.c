// SPDX-License-Identifier: GPL-2.0
/* Every row of the decision table in kmod/log/recover.c. */
#include "log-lib.h"

/* ---- what is done to record 5, with how much known of it ---- */

enum damage { D_NONE, D_HEADER, D_PAYLOAD, D_BLANK, D_FOREIGN, D_UNREAD, D_UNREAD_PAYLOAD,
	      D_NEW_STORE };
enum context {
	C_LAST,			/* nothing later */
	C_CLOSED,		/* a closing record with its identity */
	C_FOLLOWED,		/* later records, durable after it */
	C_NO_IDENTITY,		/* those, but the header with its identity is gone */
	C_META,			/* nothing later but metadata with the watermark */
	C_IN_FLIGHT,		/* later records, submitted while it was being written */
	C_RESTARTED,		/* nothing later; a generation began behind it */
};

static const char * const damage_name[] = { "none", "header", "payload", "blank", "foreign",
					     "unreadable", "unreadable payload", "new store" };

static void harm(enum damage what, u64 pos)
{
	struct disk_record *d = (void *)t_at(pos);

	switch (what) {
	case D_NONE:
		break;
	case D_HEADER:
		rot(pos);
		break;
	case D_PAYLOAD:
		rot(pos + RBLK_BLOCK_SIZE);
		break;
	case D_BLANK:
		wipe(pos);
		break;
	case D_FOREIGN:
		d->head.volume[3] ^= 1;
		seal_again(d);
		break;
	case D_NEW_STORE:
		d->head.store = cpu_to_le64(77);
		seal_again(d);
		break;
	case D_UNREAD:
		unreadable(pos);
		break;
	case D_UNREAD_PAYLOAD:
		unreadable(pos + 2 * RBLK_BLOCK_SIZE);
		break;
	}
}

static void make(enum context c)
{
	struct log_record *r;

	fill(4);
	switch (c) {
	case C_CLOSED:
		ids[5] = t_append(5, 1, 2);
		r = rblk_log_close_record(&t_log);
		CHECK(r);
		t_land(r);
		rblk_log_done(&t_log, r, 0);
		break;
	case C_FOLLOWED:
	case C_NO_IDENTITY:
		ids[5] = t_append(5, 1, 2);
		ids[6] = t_append(6, 1, 2);
		ids[7] = t_append(7, 1, 2);
		if (c == C_NO_IDENTITY)
			rot(ids[6].pos);
		break;
	case C_META:
		ids[5] = t_append(5, 1, 2);
		t_meta.watermark = t_log.durable_seq;
		t_write_meta();
		break;
	case C_IN_FLIGHT: {
		struct log_record *a = t_submit(5, 1, 2), *b = t_submit(6, 1, 2);

		ids[5] = a->id;
		ids[6] = b->id;
		t_land(a);
		t_land(b);
		break;
	}
	case C_RESTARTED:
		ids[5] = t_append(5, 1, 2);
		t_open();
		break;
	default:
		ids[5] = t_append(5, 1, 2);
	}
}

struct row {
	enum damage damage;
	enum context context;
	enum log_finding finding;
	u64 last;		/* newest index found */
	u64 lost;		/* last index in doubt, for rot */
};

static const struct row rows[] = {
	/* good */
	{ D_NONE, C_LAST, LOG_F_END, 5, 0 },
	{ D_NONE, C_CLOSED, LOG_F_END, 5, 0 },
	{ D_NONE, C_FOLLOWED, LOG_F_END, 7, 0 },
	{ D_NONE, C_IN_FLIGHT, LOG_F_END, 6, 0 },
	{ D_NONE, C_RESTARTED, LOG_F_END, 5, 0 },

	/* header in chain, payload bad */
	{ D_PAYLOAD, C_LAST, LOG_F_TORN, 4, 0 },
	{ D_PAYLOAD, C_IN_FLIGHT, LOG_F_TORN, 4, 0 },
	{ D_PAYLOAD, C_CLOSED, LOG_F_ROT, 4, 5 },
	{ D_PAYLOAD, C_FOLLOWED, LOG_F_ROT, 4, 5 },
	{ D_PAYLOAD, C_NO_IDENTITY, LOG_F_ROT, 4, 5 },
	{ D_PAYLOAD, C_META, LOG_F_ROT, 4, 5 },
	{ D_PAYLOAD, C_RESTARTED, LOG_F_ROT, 4, 5 },

	/* header in chain, payload unreadable */
	{ D_UNREAD_PAYLOAD, C_LAST, LOG_F_UNREADABLE, 4, 5 },
	{ D_UNREAD_PAYLOAD, C_IN_FLIGHT, LOG_F_UNREADABLE, 4, 5 },
	{ D_UNREAD_PAYLOAD, C_FOLLOWED, LOG_F_ROT, 4, 5 },
	{ D_UNREAD_PAYLOAD, C_META, LOG_F_ROT, 4, 5 },

	/* our header, checksum bad */
	{ D_HEADER, C_LAST, LOG_F_TORN, 4, 0 },
	{ D_HEADER, C_IN_FLIGHT, LOG_F_TORN, 4, 0 },
	{ D_HEADER, C_CLOSED, LOG_F_ROT, 4, 5 },
	{ D_HEADER, C_FOLLOWED, LOG_F_ROT, 4, 5 },
	{ D_HEADER, C_NO_IDENTITY, LOG_F_ROT_UNKNOWN, 4, 6 },
	{ D_HEADER, C_META, LOG_F_ROT_UNKNOWN, 4, -1 },
	{ D_HEADER, C_RESTARTED, LOG_F_ROT_UNKNOWN, 4, -1 },

	/* nothing of ours */
	{ D_BLANK, C_LAST, LOG_F_END, 4, 0 },
	{ D_BLANK, C_IN_FLIGHT, LOG_F_TORN, 4, 0 },
	{ D_BLANK, C_CLOSED, LOG_F_ROT, 4, 5 },
	{ D_BLANK, C_FOLLOWED, LOG_F_ROT, 4, 5 },
	{ D_BLANK, C_NO_IDENTITY, LOG_F_ROT_UNKNOWN, 4, 6 },
	{ D_BLANK, C_META, LOG_F_ROT_UNKNOWN, 4, -1 },
	{ D_BLANK, C_RESTARTED, LOG_F_ROT_UNKNOWN, 4, -1 },
	{ D_FOREIGN, C_LAST, LOG_F_END, 4, 0 },
	{ D_FOREIGN, C_FOLLOWED, LOG_F_ROT, 4, 5 },
	{ D_NEW_STORE, C_LAST, LOG_F_END, 4, 0 },
	{ D_NEW_STORE, C_IN_FLIGHT, LOG_F_TORN, 4, 0 },

	/* unreadable */
	{ D_UNREAD, C_LAST, LOG_F_UNREADABLE, 4, -1 },
	{ D_UNREAD, C_IN_FLIGHT, LOG_F_UNREADABLE, 4, 5 },
	{ D_UNREAD, C_CLOSED, LOG_F_ROT, 4, 5 },
	{ D_UNREAD, C_FOLLOWED, LOG_F_ROT, 4, 5 },
	{ D_UNREAD, C_NO_IDENTITY, LOG_F_ROT_UNKNOWN, 4, 6 },
	{ D_UNREAD, C_META, LOG_F_ROT_UNKNOWN, 4, -1 },
};

static void table(void)
{
	u32 i, k;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *w = &rows[i];
		bool stop = w->finding > LOG_F_TORN;
		int rc;

		make(w->context);
		harm(w->damage, ids[5].pos);
		rc = t_recover();
		if (t_rep.finding != w->finding || t_last != w->last)
			printf("# row %u: %s, context %d: %s, last %llu\n", i,
			       damage_name[w->damage], w->context,
			       rblk_log_finding_name(t_rep.finding), (unsigned long long)t_last);
		CHECK_EQ(t_rep.finding, w->finding);
		CHECK_EQ(rc, stop ? -EBADMSG : 0);
		CHECK_EQ(t_last, w->last);
		CHECK_EQ(t_log.failed, stop);
		for (k = 1; k <= w->last; k++)
			CHECK(t_has(k, 1, 2));
		if (!stop)
			continue;
		CHECK_EQ(t_rep.rot.seq, ids[5].seq);
		CHECK_EQ(t_rep.rot.pos, ids[5].pos);
		CHECK_EQ(t_rep.rot.first, 5);
		CHECK_EQ(t_rep.rot.last, w->lost);
		if (w->finding == LOG_F_ROT) {
			CHECK_EQ(t_rep.rot.csum, ids[5].csum);
			CHECK_EQ(t_rep.rot.chain, ids[5].chain);
			CHECK_EQ(t_rep.rot.term, 1);
			CHECK_EQ(t_rep.rot.bytes, ids[5].bytes);
		}
	}
}

static const struct tap_case cases[] = {
	{ "table", table },
};
TAP_MAIN(cases)
