// SPDX-License-Identifier: GPL-2.0
/*
 * Recovery follows the chain of records from the floor, and judges the first place P
 * where it breaks. What decides is not what that place looks like, but what is known
 * about it from elsewhere:
 *
 *  - S is the number that a record at P has, if there is one. It is exact from
 *    start_pos on, and the least possible one before.
 *  - It was durable if S <= the watermark of the metadata; or P < start_pos; or S <= the
 *    watermark of a record of the current generation ahead; or such a record carries the
 *    identity of a record at P; or a record ahead proves, by a later generation or a
 *    later lap, that the metadata is older than the ring.
 *
 * "Ahead" reaches as far as a record can lie that was submitted before S became durable
 * or just after. Records there of an earlier lap, or with a number below S, are stale and
 * no evidence. Neither is a block that cannot be read.
 *
 *  at P                               | durable, id | durable, no id | not durable
 *  -----------------------------------+-------------+----------------+------------
 *  whole record in chain              | OK          | OK             | OK
 *  header in chain, payload bad       | ROT (self)  |                | TORN
 *  header in chain, payload unreadable| ROT (self)  |                | UNREADABLE
 *  our header, checksum bad           | ROT         | ROT_UNKNOWN    | TORN
 *  nothing, foreign, stale            | ROT         | ROT_UNKNOWN    | END, or TORN with
 *                                     |             |                | newer records ahead
 *  unreadable                         | ROT         | ROT_UNKNOWN    | UNREADABLE
 *  sound header of this generation    | ROT         | ROT_UNKNOWN    | ROT_UNKNOWN
 *  and place that breaks the chain    |             |                |
 *
 * If the metadata says that no entry was in what was durable from there on, it was a
 * closing record that is bad, and the finding is TORN.
 *
 * With OK the scan goes on. END and TORN end the log there, and it may be appended to;
 * TORN moves the numbers of the next records far ahead. With the others, it may be once it
 * is cut by rblk_log_cut(): see survey().
 *
 * One case cannot be told apart: a record that was durable, while no later header or
 * metadata with its watermark is, and that rots then, looks torn.
 */
#include "format.h"

/* How far a record that must know whether the bad one was durable can lie behind it. */
#define LOG_SEARCH_BYTES	(2ULL * LOG_INFLIGHT * LOG_RECORD_BYTES_MAX)

enum place {		/* what is at the bad place */
	P_NOTHING,	/* nothing of this store, or something stale */
	P_TORN,		/* a header with a wrong checksum, or one with damaged payload */
	P_UNREADABLE,	/* header or payload cannot be read */
	P_BROKEN,	/* a sound header of this place and generation that is not in chain */
	P_GOOD,		/* a whole record in chain */
};

struct scan {
	struct log *l;
	const struct log_reader *rd;
	const struct log_meta *m;
	struct log_report *rep;
	u64 pos, limit;
	u64 prev_seq, prev_generation;
	u64 last_term;		/* term of the newest entry */
	bool at_floor;		/* no record was accepted yet */
	u64 wpos;		/* the range of the ring that the scratch buffer holds */
	u32 wlen;
	bool own;		/* the header at the bad place is sound: rep->rot is its identity */
	bool vague;		/* reading it failed, which says nothing about what is there */
};

struct evidence {
	bool durable;		/* the record at the bad place was durable */
	bool known;		/* rep->rot says what it was */
	bool empty;		/* nothing that was durable from there on held an entry */
	bool outdated;		/* the ring went on without this metadata */
	u64 found;		/* records ahead that are not stale */
	u64 next_first;		/* first index of the nearest of them with entries; 0: none */
	struct rblk_id newest;	/* entry that a record ahead has, or vouches for */
	bool blind;		/* there is none, or behind the newest lies what cannot be read */
};

static bool media_error(int ret)
{
	return ret == -EIO || ret == -ENODATA || ret == -EILSEQ || ret == -EREMOTEIO;
}

static int read_at(struct scan *sc, u64 pos, u32 len)
{
	struct log_extent ext[2];
	int i, n, ret = 0;
	u32 done = 0;

	n = rblk_log_extents(&sc->l->super, pos, len, ext);
	sc->wlen = 0;
	for (i = 0; i < n && !ret; i++) {
		ret = sc->rd->read(sc->rd->ctx, ext[i].off, sc->rd->scratch + done, ext[i].len);
		done += ext[i].len;
	}
	if (!ret) {
		sc->wpos = pos;
		sc->wlen = len;
	}
	return ret;
}

/*
 * Makes @need bytes at @pos available, and reads ahead if @want is larger. A bad sector
 * further on must not hide what can be read here: then only @need is read. Within a scan,
 * @pos never goes back.
 */
static int window(struct scan *sc, u64 pos, u32 need, u64 want, const u8 **p)
{
	int ret = 0;

	if (pos + need > sc->wpos + sc->wlen) {
		want = min_t(u64, want, LOG_SCRATCH_BYTES);
		want = min_t(u64, want, sc->limit - pos);
		want = max_t(u64, want, need);
		ret = read_at(sc, pos, (u32)want);
		if (media_error(ret) && want > need)
			ret = read_at(sc, pos, need);
	}
	if (!ret)
		*p = sc->rd->scratch + (pos - sc->wpos);
	return ret;
}

static u64 expected_seq(const struct scan *sc)
{
	u64 seq = sc->prev_seq + 1;

	if (sc->pos == sc->m->start_pos)
		seq = sc->m->start_seq;
	else if (sc->at_floor)
		seq = sc->m->floor_seq;
	return seq;
}

static bool in_chain(const struct scan *sc, const struct log_header *h)
{
	u64 seq = expected_seq(sc);

	if (h->pos != sc->pos || h->chain != sc->l->chain || h->floor_pos > sc->m->floor_pos)
		return false;
	if (!sc->at_floor && h->prev_seq != sc->prev_seq)
		return false;
	if (sc->pos >= sc->m->start_pos)
		return h->generation == sc->m->start_generation && h->seq == seq;
	/* Numbers only jump, which is ahead, where a generation began after a cut. */
	if (h->generation < sc->prev_generation || h->generation >= sc->m->start_generation)
		return false;
	return h->seq == seq || (!sc->at_floor && h->generation > sc->prev_generation);
}

/* Was this record header, even if it is not whole, written at this place? */
static bool header_traces(const struct scan *sc, const u8 *p)
{
	const struct disk_record *d = (const void *)p;

	return rblk_log_disk_ours(&d->head, &sc->l->super) && le64_to_cpu(d->pos) == sc->pos;
}

/* What is the header at sc->pos? @h is set only if it is P_GOOD. */
static enum place classify(struct scan *sc, const u8 *p, struct log_header *h)
{
	int ret = rblk_log_header_decode(&sc->l->super, p, h);

	if (ret == -EBADMSG && header_traces(sc, p))
		return P_TORN;
	if (ret == -EINVAL && header_traces(sc, p))
		return P_BROKEN;
	if (ret)
		return P_NOTHING;	/* search_block() sees a newer version */
	if (in_chain(sc, h))
		return rblk_log_header_check(p, h) || h->first > sc->l->last_index + 1 ? P_BROKEN :
										    P_GOOD;
	return h->pos == sc->pos && h->generation == sc->m->start_generation ? P_BROKEN :
									       P_NOTHING;
}

static bool payload_ok(const u8 *p, const struct log_header *h)
{
	const struct disk_record *d = (const void *)p;
	u32 i;

	for (i = 0; i < h->payload_blocks; i++) {
		const u8 *block = p + LOG_HEADER_BYTES_MAX + (size_t)i * RBLK_BLOCK_SIZE;

		if (rblk_crc32c(0, block, RBLK_BLOCK_SIZE) != le32_to_cpu(d->block_crc[i]))
			return false;
	}
	return true;
}

static bool may_skip(const struct scan *sc, const u8 *p, const struct log_header *h)
{
	struct rblk_entry e;
	u32 i;

	if (h->seq > sc->m->watermark || h->first + h->nentries - 1 > sc->rd->skip_index)
		return false;
	for (i = 0; i < h->nentries; i++) {
		rblk_log_header_entry(p, h, i, &e);
		if (e.kind == RBLK_E_CONF)
			return false;
	}
	return true;
}

/* Is it still the header that was decoded as @h? */
static bool unchanged(const struct scan *sc, const u8 *p, const struct log_header *h)
{
	struct log_header now;

	return !rblk_log_header_decode(&sc->l->super, p, &now) && now.crc == h->crc;
}

/*
 * Looks at the record at sc->pos. Returns 0 and sets @place; *@p is its header, and its
 * payload follows, unless it is of no use. Or returns an error of the reader.
 */
static int look(struct scan *sc, const u8 **p, struct log_header *h, enum place *place)
{
	bool headers_only = sc->l->last_index < sc->rd->skip_index;
	u64 end;
	int ret;

	ret = window(sc, sc->pos, RBLK_BLOCK_SIZE, headers_only ? 0 : LOG_SCRATCH_BYTES, p);
	if (ret)
		goto out;
	*place = classify(sc, *p, h);
	if (*place != P_GOOD)
		return 0;
	rblk_log_header_self(*p, h, &sc->rep->rot);
	if (may_skip(sc, *p, h))
		return 0;
	end = sc->wpos + sc->wlen;
	sc->own = true;
	ret = window(sc, sc->pos, sc->rep->rot.bytes, LOG_SCRATCH_BYTES, p);
	if (ret)
		goto out;
	/* If it was read once more, what was checked must be what is used. */
	if ((sc->wpos + sc->wlen != end && !unchanged(sc, *p, h)) || !payload_ok(*p, h))
		*place = P_TORN;
	return 0;
out:
	if (!media_error(ret))
		return ret;
	*place = P_UNREADABLE;
	/* A medium that is damaged says so. This may be a path, and pass. */
	sc->vague = ret == -EIO;
	return 0;
}

static void newer(struct rblk_id *newest, u64 term, u64 index)
{
	if (term < newest->term || (term == newest->term && index <= newest->index))
		return;
	newest->term = term;
	newest->index = index;
}

/* The entries that a header ahead names: its own, and those that it says were durable. */
static void note_entries(struct evidence *ev, const u8 *p, const struct log_header *h)
{
	const struct disk_record *d = (const void *)p;
	struct log_record_id id;
	u32 i;

	rblk_log_header_self(p, h, &id);
	newer(&ev->newest, id.term, id.last);
	for (i = 0; i < h->nids; i++) {
		disk_record_id_get(&id, &d->id[i]);
		newer(&ev->newest, id.term, id.last);
	}
}

/* What does a header of this store prove that was found at @pos, ahead of the bad place? */
static void weigh(struct scan *sc, u64 pos, const u8 *p, const struct log_header *h,
		  struct evidence *ev)
{
	const struct disk_record *d = (const void *)p;
	u64 seq = expected_seq(sc);
	struct log_record_id id;
	u32 i;

	if (h->pos < pos || rblk_mod_u64(h->pos - pos, sc->l->super.ring_bytes))
		return;
	/* A later lap or generation: the ring went on without this metadata. */
	if (h->pos != pos || h->generation > sc->m->start_generation) {
		ev->durable = true;
		ev->outdated = true;
	} else if (h->seq <= seq) {
		return;
	} else if (pos >= sc->m->start_pos && h->generation < sc->m->start_generation) {
		return;
	}
	ev->found++;
	ev->blind = false;
	note_entries(ev, p, h);
	if (h->seq > sc->rep->highest_seq)
		sc->rep->highest_seq = h->seq;
	if (!ev->next_first)
		ev->next_first = h->first;
	if (h->watermark >= seq)
		ev->durable = true;
	for (i = 0; i < h->nids && !ev->known; i++) {
		disk_record_id_get(&id, &d->id[i]);
		if (id.pos != sc->pos || id.seq < seq || id.seq > h->watermark)
			continue;
		ev->known = true;
		sc->rep->rot = id;
	}
}

static int search_block(struct scan *sc, u64 pos, u64 end, struct evidence *ev)
{
	struct log_header h;
	const u8 *p;
	int ret = window(sc, pos, RBLK_BLOCK_SIZE, end - pos, &p);

	if (media_error(ret)) {
		sc->rep->unreadable++;
		ev->blind = true;
		return 0;
	}
	if (ret)
		return ret;
	ret = rblk_log_header_decode(&sc->l->super, p, &h);
	if (!ret)
		weigh(sc, pos, p, &h, ev);
	if (ret == -EPROTONOSUPPORT &&
	    le64_to_cpu(((const struct disk_record *)p)->pos) >= pos)
		return ret;
	return 0;
}

/* Looks for headers from @pos to @end. */
static int search(struct scan *sc, u64 pos, u64 end, struct evidence *ev)
{
	int ret = 0;

	for (; !ret && pos < end; pos += RBLK_BLOCK_SIZE)
		ret = search_block(sc, pos, end, ev);
	return ret;
}

/*
 * Do all entries that the metadata knows to have been durable come before the bad place?
 * Then what was there are closing records. An entry is told from another one of the same
 * index by its term. Whatever lies ahead and is not stale was written after this metadata.
 */
static bool nothing_lost(const struct scan *sc, const struct evidence *ev)
{
	const struct rblk_id *id = &sc->m->durable;

	return id->index && id->index == sc->l->last_index && id->term == sc->last_term &&
	       !ev->found;
}

/* The table at the top of this file. */
static enum log_finding decide(enum place place, const struct evidence *ev)
{
	if (ev->empty)
		return LOG_F_TORN;
	if (ev->durable)
		return ev->known ? LOG_F_ROT : LOG_F_ROT_UNKNOWN;
	switch (place) {
	case P_UNREADABLE:
		return LOG_F_UNREADABLE;
	case P_BROKEN:
		return LOG_F_ROT_UNKNOWN;
	case P_TORN:
		return LOG_F_TORN;
	default:
		return ev->found ? LOG_F_TORN : LOG_F_END;
	}
}

/*
 * Something is lost that was durable, or that may have been. What is the newest entry that this
 * store may have acknowledged? All that the rest of the ring names counts. If nothing there is
 * the last word, the records that would be may be lost with the others: then only a term that is
 * newer than that of any acknowledgment is certain to lie behind them.
 */
static int survey(struct scan *sc, u64 from, struct evidence *ev)
{
	struct log_report *rep = sc->rep;
	int ret;

	newer(&ev->newest, sc->m->durable.term, sc->m->durable.index);
	newer(&ev->newest, sc->last_term, sc->l->last_index);
	if (ev->known)
		newer(&ev->newest, rep->rot.term, rep->rot.last);
	ev->known = true;
	ret = search(sc, from, sc->limit, ev);
	if (ret || ev->outdated || sc->vague)
		return ret;
	rep->owed = ev->newest;
	if (ev->blind)
		newer(&rep->owed, max_t(u64, sc->m->raft.term, 1), DISK_COUNT_MAX - 1);
	return 0;
}

static int judge(struct scan *sc, enum place place)
{
	u64 end = sc->pos + min_t(u64, LOG_SEARCH_BYTES, sc->limit - sc->pos);
	struct log_report *rep = sc->rep;
	struct evidence ev = {
		.known = sc->own, .blind = true,
		.durable = sc->m->watermark >= expected_seq(sc) || sc->pos < sc->m->start_pos,
	};
	int ret;

	ret = search(sc, sc->pos, end, &ev);
	if (ret)
		return ret;
	ev.empty = ev.durable && nothing_lost(sc, &ev);
	rep->finding = decide(place, &ev);
	switch (rep->finding) {
	case LOG_F_TORN:
		rep->cut_records = ev.found;
		fallthrough;
	case LOG_F_END:
		memset(&rep->rot, 0, sizeof(rep->rot));
		return 0;
	case LOG_F_ROT:
		break;
	default:
		/* The header of payload that cannot be read says what is missing. */
		if (sc->own)
			break;
		memset(&rep->rot, 0, sizeof(rep->rot));
		rep->rot.seq = expected_seq(sc);
		rep->rot.pos = sc->pos;
		rep->rot.first = sc->l->last_index + 1;
		rep->rot.last = ev.next_first - 1;	/* U64_MAX: there is none */
	}
	return survey(sc, end, &ev) ?: -EBADMSG;
}

static int hand_over(struct scan *sc, const u8 *p, const struct log_header *h,
		     rblk_log_entry_fn fn, void *ctx)
{
	const struct disk_record *d = (const void *)p;
	u32 crc[RBLK_ENTRY_BLOCKS_MAX];
	struct log_record rec = {
		.header_bytes = LOG_HEADER_BYTES_MAX,
		.payload_blocks = h->payload_blocks,
		.pos = h->pos,
		.seq = h->seq,
		.generation = h->generation,
		.first = h->first,
		.id = sc->rep->rot,
		.closing = !!(h->flags & DISK_R_CLOSING),
	};
	u32 i, k, block = 0;
	struct rblk_entry e;
	const void *conf;
	int ret = 0;

	for (i = 0; i < h->nentries && !ret; i++) {
		u32 off = LOG_HEADER_BYTES_MAX + block * RBLK_BLOCK_SIZE;

		rblk_log_header_entry(p, h, i, &e);
		for (k = 0; k < e.nblocks; k++)
			crc[k] = le32_to_cpu(d->block_crc[block + k]);
		conf = e.kind == RBLK_E_CONF ? p + off : NULL;
		if (fn)
			ret = fn(ctx, &e, crc, h->pos + off, &rec, conf);
		block += e.nblocks;
	}
	sc->rep->entries += i;
	return ret;
}

/* A whole record in chain: the next one is compared with this one. */
static void accept(struct scan *sc, const struct log_header *h)
{
	const struct log_record_id *id = &sc->rep->rot;
	struct log *l = sc->l;

	if (h->nentries) {
		rblk_log_mark_add(l, h->first, h->pos, h->seq, l->chain);
		l->last_index = id->last;
		sc->last_term = id->term;
	}
	/* The next header carries the newest identities again: no other may have them. */
	if (l->ndurable == LOG_INFLIGHT) {
		memmove(l->durable_ids, l->durable_ids + 1,
			(LOG_INFLIGHT - 1) * sizeof(l->durable_ids[0]));
		l->ndurable--;
	}
	l->durable_ids[l->ndurable++] = *id;
	l->chain = h->crc;
	sc->pos += id->bytes;
	sc->prev_seq = h->seq;
	sc->prev_generation = h->generation;
	sc->at_floor = false;
	sc->rep->records++;
	sc->rep->bytes += id->bytes;
}

static void scan_init(struct scan *sc)
{
	const struct log_meta *m = sc->m;
	struct log *l = sc->l;

	memset(sc->rep, 0, sizeof(*sc->rep));
	sc->pos = m->floor_pos;
	sc->limit = m->floor_pos + l->super.ring_bytes;
	sc->at_floor = true;
	l->floor_pos = m->floor_pos;
	l->floor_seq = m->floor_seq;
	l->floor_index = m->floor.index;
	l->chain = m->floor_chain;
	l->last_index = m->floor.index;
	sc->last_term = m->floor.term;
}

static int scan_ring(struct scan *sc, rblk_log_entry_fn fn, void *ctx)
{
	enum place place = P_NOTHING;
	struct log_header h;
	const u8 *p = NULL;
	int ret;

	while (sc->pos + LOG_HEADER_BYTES_MAX <= sc->limit) {
		sc->own = false;
		ret = look(sc, &p, &h, &place);
		if (ret)
			return ret;
		if (place != P_GOOD)
			return judge(sc, place);
		ret = hand_over(sc, p, &h, fn, ctx);
		if (ret)
			return ret;
		accept(sc, &h);
	}
	/* Full to the last block: after one lap nothing can follow. */
	sc->rep->finding = LOG_F_END;
	memset(&sc->rep->rot, 0, sizeof(sc->rep->rot));
	return 0;
}

/**
 * rblk_log_recover() - finds out what the ring holds
 * @l: log, after rblk_log_init(); afterwards it is ready for rblk_log_start()
 * @rd: reader
 * @m: newest metadata
 * @fn: is called for every entry; may be NULL
 * @ctx: for @fn
 * @rep: filled, also on failure
 *
 * The ring is scanned from the floor on. Everything that is found counts as durable.
 * Some of it may have been read from the volatile cache of the device, which must be
 * flushed before anything is based on it.
 *
 * Return: 0; -EBADMSG: something that was durable is damaged or cannot be read, see
 * @rep, and the log cannot be appended to; -EPROTONOSUPPORT: there are records of a newer
 * version; or the error of the reader or of @fn.
 */
int rblk_log_recover(struct log *l, const struct log_reader *rd, const struct log_meta *m,
		     rblk_log_entry_fn fn, void *ctx, struct log_report *rep)
{
	struct scan sc = { .l = l, .rd = rd, .m = m, .rep = rep };
	int ret;

	scan_init(&sc);
	ret = scan_ring(&sc, fn, ctx);
	rep->end_pos = sc.pos;
	rep->end_seq = expected_seq(&sc);
	l->head_pos = sc.pos;
	l->last_seq = sc.prev_seq;
	l->next_seq = rep->end_seq;
	if (rep->finding == LOG_F_TORN)
		l->next_seq = max_t(u64, rep->highest_seq, rep->end_seq) + LOG_SEQ_JUMP;
	l->durable_seq = sc.prev_seq;
	l->durable_index = l->last_index;
	l->durable_term = sc.last_term;
	l->failed = ret != 0;
	return ret;
}

/**
 * rblk_log_finding_name() - what a finding is called in reports
 * @v: finding, or anything
 *
 * Return: a word, never NULL.
 */
const char *rblk_log_finding_name(enum log_finding v)
{
	static const char * const name[LOG_F_NR] = {
		[LOG_F_OK] = "ok",
		[LOG_F_END] = "end",
		[LOG_F_TORN] = "torn",
		[LOG_F_ROT] = "rot",
		[LOG_F_ROT_UNKNOWN] = "rot-unknown",
		[LOG_F_UNREADABLE] = "unreadable",
	};

	return (u32)v < LOG_F_NR ? name[v] : "?";
}
