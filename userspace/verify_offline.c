// SPDX-License-Identifier: GPL-2.0
/*
 * raftblk verify --offline: compares the image of this node with its own log, while the volume
 * is down here. The log keeps entries that the checkpoint covers until no other member needs
 * them. What the newest of these wrote to a sector has to be there, or what a later one wrote:
 * those may have been applied as well, and are applied once more at the next start.
 *
 * So this sees what changed of the image behind raftblk's back where it was written of late, and
 * nothing elsewhere. To compare all of it takes the other members.
 */
#include "tool.h"

#define WINDOW_BYTES	(1u << 20)
#define WINDOW_SECTORS	(WINDOW_BYTES >> RBLK_SECTOR_SHIFT)
#define READ_BYTES	(128u << 10)	/* at once */
#define SECTOR_BYTES	(1u << RBLK_SECTOR_SHIFT)

/* An entry that changes the image or a session. */
struct change {
	struct rblk_entry e;
	u64 payload_pos;
	bool sure;		/* the image has it: it took effect, and the checkpoint covers it */
};

/* A change touches this window; in the order of windows, and then of the log. */
struct touch {
	u32 window, change;
};

/* Sessions, as far as the log tells of them. */
struct chain {
	u64 epoch;
	u64 seq;		/* of the newest change in it */
	bool known;		/* @seq is */
	bool over;		/* what follows may have been refused */
};

struct offline {
	struct conf c;
	struct device log, data;
	struct log_reader log_rd, data_rd;
	struct log_super super;
	struct log_meta meta;
	struct data_super header;

	struct change *change;
	u32 nchange, change_room;
	struct touch *touch;
	u32 ntouch, touch_room;
	struct chain *chain;
	u32 nchain, chain_room;

	/* The window that is compared, sector by sector. */
	u8 image[WINDOW_BYTES];
	bool bound[WINDOW_SECTORS];	/* it is known what the sector has to be */
	bool alike[WINDOW_SECTORS];	/* ... and it is that */
	bool lacks[WINDOW_SECTORS];	/* it comes from another member */
	u8 payload[RBLK_ENTRY_BLOCKS_MAX * RBLK_BLOCK_SIZE];

	u64 compared, differing, lacking;	/* bytes */
	u64 from, to;			/* of the latest run of bytes that differ */
	struct json_object *ranges;
	bool json;
};

static void *more(void *old, u32 n, u32 *room, size_t size)
{
	void *p = old;

	if (n < *room)
		return old;
	*room = *room ? 2 * *room : 1024;
	p = realloc(old, *room * size);
	if (!p)
		exit(fail(EXIT_FAILED, NULL, "no memory"));
	return p;
}

/* ---- what the log says ---- */

/* A leader replaces the tail of a log from an index that was there before. */
static int on_entry(void *ctx, const struct rblk_entry *e, const u32 *block_crc, u64 payload_pos,
		    const struct log_record *rec, const void *conf_block)
{
	struct offline *o = ctx;

	while (o->nchange && o->change[o->nchange - 1].e.index >= e->index)
		o->nchange--;
	if (e->kind != RBLK_E_WRITE && e->kind != RBLK_E_ZEROES && e->kind != RBLK_E_OPEN &&
	    e->kind != RBLK_E_CLOSE)
		return 0;
	o->change = more(o->change, o->nchange, &o->change_room, sizeof(*o->change));
	o->change[o->nchange++] = (struct change){ .e = *e, .payload_pos = payload_pos };
	return 0;
}

static int scan(struct offline *o)
{
	static struct log log;
	u8 *headers = aligned_alloc(4096, LOG_INFLIGHT * LOG_HEADER_BYTES_MAX);
	struct log_report rep = {};
	int err;

	if (!headers)
		return -ENOMEM;
	rblk_log_init(&log, &o->super, headers);
	err = rblk_log_recover(&log, &o->log_rd, &o->meta, on_entry, o, &rep);
	free(headers);
	return err;
}

static struct chain *chain_of(struct offline *o, u64 epoch)
{
	u32 i;

	for (i = o->nchain; i > 0; i--)
		if (o->chain[i - 1].epoch == epoch)
			return &o->chain[i - 1];
	o->chain = more(o->chain, o->nchain, &o->chain_room, sizeof(*o->chain));
	o->chain[o->nchain] = (struct chain){ .epoch = epoch };
	return &o->chain[o->nchain++];
}

static bool in_order(struct offline *o, const struct rblk_entry *e)
{
	struct chain *c = chain_of(o, e->epoch);
	bool next = c->known && e->seq == c->seq + 1;

	if (c->known && e->seq <= c->seq)
		return false;
	c->over |= c->known && !next;
	c->known = true;
	c->seq = e->seq;
	return next && !c->over;
}

/*
 * Which changes certainly took effect? The sessions at the beginning of the log are not known: so
 * those that follow one of the same session, without a gap, before anything that ended it.
 */
static void judge(struct offline *o)
{
	u32 i;

	for (i = 0; i < o->nchange; i++) {
		struct change *c = &o->change[i];
		const struct rblk_entry *e = &c->e;

		switch (e->kind) {
		case RBLK_E_OPEN:
			chain_of(o, e->epoch)->over = true;
			chain_of(o, e->index)->known = true;
			break;
		case RBLK_E_CLOSE:
			chain_of(o, e->epoch)->over = true;
			break;
		default:
			c->sure = in_order(o, e) && e->index <= o->meta.state.index &&
				  e->sector + e->nsect <= o->meta.conf.sectors;
		}
	}
}

static int by_window(const void *a, const void *b)
{
	const struct touch *x = a, *y = b;

	if (x->window != y->window)
		return x->window < y->window ? -1 : 1;
	return x->change < y->change ? -1 : x->change > y->change;
}

static void list_windows(struct offline *o)
{
	u32 i, w;

	for (i = 0; i < o->nchange; i++) {
		const struct rblk_entry *e = &o->change[i].e;

		if (!e->nsect || e->sector + e->nsect > o->meta.conf.sectors)
			continue;
		for (w = (u32)(e->sector / WINDOW_SECTORS);
		     w <= (e->sector + e->nsect - 1) / WINDOW_SECTORS; w++) {
			o->touch = more(o->touch, o->ntouch, &o->touch_room, sizeof(*o->touch));
			o->touch[o->ntouch++] = (struct touch){ .window = w, .change = i };
		}
	}
	qsort(o->touch, o->ntouch, sizeof(*o->touch), by_window);
}

/* ---- the comparison ---- */

static int read_payload(struct offline *o, const struct change *c)
{
	struct log_extent ext[2];
	int n = rblk_log_extents(&o->super, c->payload_pos, c->e.nblocks * RBLK_BLOCK_SIZE, ext), i;
	u8 *to = o->payload;
	int err = 0;

	for (i = 0; i < n && !err; i++, to += ext[i - 1].len)
		err = o->log_rd.read(o->log_rd.ctx, ext[i].off, to, ext[i].len);
	return err;
}

static int read_image(struct offline *o, u32 window)
{
	u64 at = (u64)window * WINDOW_BYTES;
	u64 len = min_t(u64, WINDOW_BYTES, (o->meta.conf.sectors << RBLK_SECTOR_SHIFT) - at), done;
	int err = 0;

	for (done = 0; done < len && !err; done += READ_BYTES)
		err = o->data_rd.read(o->data_rd.ctx, DATA_HEADER_BYTES + at + done,
				      o->image + done, READ_BYTES);
	return err;
}

/* What the change map says of the place. Neither copy can be read: as if it were absent. */
static u64 map_flags(struct offline *o, u64 sector)
{
	u32 region = (u32)(sector >> (o->super.region_shift - RBLK_SECTOR_SHIFT));
	u64 v[RBLK_MAP_PER_BLOCK];
	u8 block[RBLK_BLOCK_SIZE];
	u32 n = region / RBLK_MAP_PER_BLOCK;
	int copy;

	for (copy = 0; copy < LOG_COPIES; copy++)
		if (!o->log_rd.read(o->log_rd.ctx, rblk_log_map_offset(&o->super, n, copy), block,
				    sizeof(block)) &&
		    !rblk_log_map_decode(&o->super, n, v, block))
			return v[region % RBLK_MAP_PER_BLOCK] & RBLK_MAP_FLAGS;
	return RBLK_MAP_ABSENT;
}

static void compare_change(struct offline *o, const struct change *c, u32 window)
{
	static const u8 zeroes[SECTOR_BYTES];
	u64 begin = (u64)window * WINDOW_SECTORS, s;
	u64 end = min_t(u64, begin + WINDOW_SECTORS, c->e.sector + c->e.nsect);
	u64 payload_begin = c->e.sector - c->e.sector % RBLK_SECTORS_PER_BLOCK;

	for (s = max_t(u64, begin, c->e.sector); s < end; s++) {
		const u8 *was = c->e.kind == RBLK_E_ZEROES ? zeroes :
				o->payload + ((s - payload_begin) << RBLK_SECTOR_SHIFT);
		u32 i = (u32)(s - begin);
		bool same = !memcmp(o->image + (i << RBLK_SECTOR_SHIFT), was, SECTOR_BYTES);

		o->alike[i] = same || (o->alike[i] && !c->sure);
		o->bound[i] |= c->sure;
	}
}

static void tell_range(struct offline *o)
{
	struct json_object *r;

	if (o->from == o->to)
		return;
	r = json_object_new_object();
	json_object_object_add(r, "from", json_object_new_uint64(o->from));
	json_object_object_add(r, "to", json_object_new_uint64(o->to));
	json_object_array_add(o->ranges, r);
	if (!o->json)
		printf("%s: bytes %llu-%llu: the image on %s is not what its log says\n", o->c.volume,
		       (unsigned long long)o->from, (unsigned long long)o->to, o->c.me->name);
}

static void count_sector(struct offline *o, u32 i, u64 at)
{
	if (!o->bound[i])
		return;
	if (o->lacks[i]) {
		o->lacking += SECTOR_BYTES;
		return;
	}
	o->compared += SECTOR_BYTES;
	if (o->alike[i])
		return;
	o->differing += SECTOR_BYTES;
	if (o->to != at) {
		tell_range(o);
		o->from = at;
	}
	o->to = at + SECTOR_BYTES;
}

/* Regions may be smaller than a window. */
static void heed_map(struct offline *o, u32 window)
{
	u32 step = min_t(u32, WINDOW_SECTORS, 1u << (o->super.region_shift - RBLK_SECTOR_SHIFT)), i;
	u64 sector = (u64)window * WINDOW_SECTORS, flags;

	for (i = 0; i < WINDOW_SECTORS && sector + i < o->meta.conf.sectors; i += step) {
		flags = map_flags(o, sector + i);
		if (flags & RBLK_MAP_UNWRITTEN)
			memset(o->image + (i << RBLK_SECTOR_SHIFT), 0, step << RBLK_SECTOR_SHIFT);
		memset(o->lacks + i, !!(flags & RBLK_MAP_ABSENT), step);
	}
}

static int compare_window(struct offline *o, const struct touch *t, u32 n)
{
	u64 at = (u64)t->window * WINDOW_BYTES;
	int err = read_image(o, t->window);
	u32 i;

	if (err)
		return fail(EXIT_FAILED, o->c.volume,
			    "verify: data device %s cannot be read at byte %llu: %s", o->data.path,
			    (unsigned long long)at + DATA_HEADER_BYTES, strerror(-err));
	memset(o->bound, 0, sizeof(o->bound));
	memset(o->alike, 0, sizeof(o->alike));
	heed_map(o, t->window);
	for (i = 0; i < n; i++) {
		const struct change *c = &o->change[t[i].change];

		err = c->e.kind == RBLK_E_WRITE ? read_payload(o, c) : 0;
		if (err)
			return fail(EXIT_FAILED, o->c.volume,
				    "verify: log device %s cannot be read: %s", o->log.path,
				    strerror(-err));
		compare_change(o, c, t->window);
	}
	for (i = 0; i < WINDOW_SECTORS; i++)
		count_sector(o, i, at + ((u64)i << RBLK_SECTOR_SHIFT));
	return 0;
}

static int compare(struct offline *o)
{
	u32 i, n;
	int err = 0;

	for (i = 0; i < o->ntouch && !err; i += n) {
		for (n = 1; i + n < o->ntouch; n++)
			if (o->touch[i + n].window != o->touch[i].window)
				break;
		err = compare_window(o, &o->touch[i], n);
	}
	tell_range(o);
	return err;
}

/* ---- the command ---- */

static int open_devices(struct offline *o)
{
	int err;

	o->log = (struct device){ .what = "log", .path = o->c.me->log, .fd = -1, .direct = true };
	o->data = (struct device){ .what = "data", .path = o->c.me->data, .fd = -1,
				   .direct = true };
	err = device_open(&o->log, o->c.volume, false);
	if (!err)
		err = device_open(&o->data, o->c.volume, false);
	if (!err && (device_in_use(&o->log) || device_in_use(&o->data)))
		return fail(EXIT_FAILED, o->c.volume,
			    "verify: a device is in use; to compare while the volume is up: raftblk verify %s; or first: raftblk down %s",
			    o->c.volume, o->c.volume);
	return err;
}

/* Everything but the entries of the log. */
static int read_store(struct offline *o)
{
	struct log_copies copies = {};
	const char *path = o->log.path;
	int err = rblk_log_read_super(&o->log_rd, o->log.bytes, &o->super, &copies);

	if (!err)
		err = rblk_log_read_meta(&o->log_rd, &o->super, &o->meta, &copies);
	if (!err) {
		path = o->data.path;
		err = rblk_log_read_data(&o->data_rd, o->super.store, &o->header, &copies);
	}
	if (err)
		return fail(EXIT_FAILED, o->c.volume,
			    "verify: %s does not hold what it should; see: raftblk dump %s", path,
			    path);
	if (copies.damaged)
		fail(0, o->c.volume,
		     "verify: one of two copies of a superblock, header or metadata is damaged; the next raftblk up mends it");
	if (o->header.seq < o->meta.image_seq)
		return fail(EXIT_FAILED, o->c.volume,
			    "verify: data device %s is older than log device %s, so they cannot be compared; after raftblk up %s the other members send what it lacks",
			    o->data.path, o->log.path, o->c.volume);
	return 0;
}

static int look(struct offline *o)
{
	int err = read_store(o);

	if (err)
		return err;
	if (scan(o))
		return fail(EXIT_FAILED, o->c.volume,
			    "verify: the log is damaged; see 'scan' in: raftblk dump %s", o->log.path);
	judge(o);
	list_windows(o);
	return compare(o);
}

static int tell(struct offline *o)
{
	struct json_object *r = json_object_new_object();
	char a[32], b[32];

	json_object_object_add(r, "volume", json_object_new_string(o->c.volume));
	json_object_object_add(r, "node", json_object_new_string(o->c.me->name));
	json_object_object_add(r, "compared_bytes", json_object_new_uint64(o->compared));
	json_object_object_add(r, "differing_bytes", json_object_new_uint64(o->differing));
	json_object_object_add(r, "absent_bytes", json_object_new_uint64(o->lacking));
	json_object_object_add(r, "ranges", json_object_get(o->ranges));
	if (o->json)
		print_json(r);
	json_object_put(r);
	if (o->differing)
		return fail(EXIT_FAILED, o->c.volume,
			    "verify: %s of %s that the log has differ; to mend that: raftblk up %s, then raftblk verify %s --mend",
			    human_bytes(o->differing, a, sizeof(a)),
			    human_bytes(o->compared, b, sizeof(b)), o->c.volume, o->c.volume);
	if (o->json)
		return 0;
	printf("%s: the image on %s agrees with its log, in all that the log still has of it: %s\n",
	       o->c.volume, o->c.me->name, human_bytes(o->compared, a, sizeof(a)));
	if (o->lacking)
		printf("%s: %s more were not compared: the other members are yet to send them\n",
		       o->c.volume, human_bytes(o->lacking, a, sizeof(a)));
	return 0;
}

int verify_offline(const struct common *opt)
{
	static struct offline o;
	int err = conf_load(&o.c, opt);

	if (!err)
		err = conf_need_me(&o.c);
	if (!err && o.c.me->client)
		err = fail(EXIT_CONFIG, o.c.volume, "node %s is a client: it has no image",
			   o.c.me->name);
	if (err)
		return err;
	o.json = opt->json;
	o.ranges = json_object_new_array();
	device_reader(&o.log, &o.log_rd);
	device_reader(&o.data, &o.data_rd);
	err = open_devices(&o);
	if (!err)
		err = look(&o);
	if (!err)
		err = tell(&o);
	device_close(&o.log);
	device_close(&o.data);
	return err;
}
