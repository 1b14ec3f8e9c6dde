// SPDX-License-Identifier: GPL-2.0
/*
 * What raftblk has on a device, and raftblk wipe, which takes it away. Whoever wrote to the
 * beginning of a device last owns it: what is left of raftblk further on is told, since it
 * may have been overwritten by mistake, but it makes no store.
 */
#include "tool.h"

static void fill(struct found *s, const u8 *volume, const char *name, const char *node, u64 store)
{
	memcpy(s->volume, volume, RBLK_UUID_LEN);
	snprintf(s->volume_name, sizeof(s->volume_name), "%s", name);
	snprintf(s->node, sizeof(s->node), "%s", node);
	s->store = store;
}

static void find_front(const struct device *d, const struct log_reader *rd, struct found *s)
{
	u8 block[RBLK_BLOCK_SIZE];
	struct data_super ds;
	struct log_copies copies = {};
	struct log_super ls;

	if (rd->read(rd->ctx, 0, block, sizeof(block)))
		return;
	switch (rblk_log_claim(block, &ds)) {
	case 'S':
		s->kind = "log";
		s->damage = rblk_log_read_super(rd, d->bytes, &ls, &copies);
		if (!s->damage)
			fill(s, ls.volume, ls.volume_name, ls.node, ls.store);
		break;
	case 'D':
		s->kind = "data";
		s->damage = rblk_log_read_data(rd, 0, &ds, &copies);
		break;
	default:
		return;
	}
	if (!s->store)
		fill(s, ds.volume, ds.volume_name, ds.node, ds.store);
}

/* The beginning is unreadable, or is not of raftblk. */
static void find_copy(const struct device *d, const struct log_reader *rd, struct found *s)
{
	u8 block[RBLK_BLOCK_SIZE];
	struct data_super ds;
	struct log_super ls;

	s->left_over = !rd->read(rd->ctx, 0, block, sizeof(block));
	if (!rd->read(rd->ctx, rblk_log_super_offset2(d->bytes), block, sizeof(block)) &&
	    !rblk_log_super_decode(&ls, block)) {
		s->kind = "log";
		fill(s, ls.volume, ls.volume_name, ls.node, ls.store);
	} else if (!rd->read(rd->ctx, DATA_COPY_OFF, block, sizeof(block)) &&
		   !rblk_log_data_super_decode(&ds, block)) {
		s->kind = "data";
		fill(s, ds.volume, ds.volume_name, ds.node, ds.store);
	}
}

/* Finds out what raftblk has on a device; s->kind is NULL if it has nothing there. */
void store_find(struct device *d, struct found *s)
{
	struct log_reader rd;

	memset(s, 0, sizeof(*s));
	if (d->bytes < DATA_COPY_OFF + RBLK_BLOCK_SIZE)
		return;
	device_reader(d, &rd);
	find_front(d, &rd, s);
	if (!s->kind)
		find_copy(d, &rd, s);
	free(rd.scratch);
}

static int any_entry(void *ctx, const struct rblk_entry *e, const u32 *block_crc, u64 payload_pos,
		     const struct log_record *rec, const void *conf_block)
{
	return -EEXIST;
}

static bool has_no_entry(const struct log_reader *rd, const struct log_super *s,
			 const struct log_meta *m)
{
	static struct log log;
	u8 *headers = aligned_alloc(4096, LOG_INFLIGHT * LOG_HEADER_BYTES_MAX);
	struct log_report rep;
	int err;

	if (!headers)
		return false;
	rblk_log_init(&log, s, headers);
	err = rblk_log_recover(&log, rd, m, any_entry, NULL, &rep);
	free(headers);
	return !err && rep.finding == LOG_F_END;
}

/*
 * Is it the log of a store that was formatted, and then not used? A volume begins with an entry,
 * its configuration, and nothing is written to the data device before. @s: its superblock, if so.
 * @unwritten: a part of its data device was not zeroed.
 */
bool store_never_used(struct device *log, struct log_super *s, bool *unwritten)
{
	struct log_copies copies = {};
	static struct log_meta m;
	struct log_reader rd;
	bool never;

	device_reader(log, &rd);
	never = !rblk_log_read_super(&rd, log->bytes, s, &copies) &&
		!rblk_log_read_meta(&rd, s, &m, &copies) && !copies.damaged && !m.conf.index &&
		!m.floor.index && has_no_entry(&rd, s, &m);
	free(rd.scratch);
	*unwritten = m.flags & LOG_META_UNWRITTEN;
	return never;
}

/*
 * Did somebody else write to the beginning of the device since? Nothing that is in the volume
 * is there, so another signature is not of the volume.
 */
bool store_overwritten(struct device *d, const struct found *s)
{
	return s->left_over || device_signature(d) < LOG_FRONT_BYTES;
}

/* "the log of raftblk volume r0, node n1 (store 0123456789abcdef)" */
const char *store_name(const struct found *s, char *buf, size_t size)
{
	snprintf(buf, size, "%s%s of raftblk volume %s, node %s (store %016llx)",
		 s->left_over ? "a copy, behind an overwritten beginning, of the " : "the ", s->kind,
		 s->volume_name[0] ? s->volume_name : "?", s->node[0] ? s->node : "?",
		 (unsigned long long)s->store);
	return buf;
}

/* ---- raftblk wipe ---- */

struct wipe {
	const char *path;
	bool force, quiet;
};

static int wipe_device(struct device *d, const struct found *s)
{
	bool log = !strcmp(s->kind, "log");
	int err;

	err = device_zero(d, 0, min_t(u64, d->bytes, log ? LOG_FRONT_BYTES : DATA_HEADER_BYTES),
			  d->path);
	if (!err && log)
		err = device_zero(d, rblk_log_super_offset2(d->bytes), LOG_SUPER_BYTES, d->path);
	return err ? err : device_sync(d, d->path);
}

static int wipe(const struct wipe *w)
{
	struct device d = { .what = "the", .path = w->path, .fd = -1 };
	struct found s;
	char name[256];
	int err;

	err = device_open(&d, NULL, true);
	if (err)
		return err;
	store_find(&d, &s);
	if (!s.kind)
		err = fail(EXIT_ABSENT, w->path,
			   "it holds nothing of raftblk; wipefs(8) shows what else there is");
	else if (s.left_over)
		err = device_foreign(&d, NULL, false);
	if (err)
		goto close;
	store_name(&s, name, sizeof(name));
	if (!w->force)
		err = fail(EXIT_FAILED, w->path,
			   "nothing was done; it holds %s, and what only this node has is lost with it; to wipe it: raftblk wipe %s --force",
			   name, w->path);
	else
		err = wipe_device(&d, &s);
	if (!err && !w->quiet)
		printf("wiped %s: it held %s\n", w->path, name);
close:
	device_close(&d);
	return err;
}

static error_t parse(int key, char *arg, struct argp_state *state, void *ctx)
{
	struct wipe *w = ctx;

	switch (key) {
	case 'f':
		w->force = true;
		return 0;
	case 'q':
		w->quiet = true;
		return 0;
	case ARGP_KEY_ARG:
		if (w->path)
			return ARGP_ERR_UNKNOWN;
		w->path = arg;
		return 0;
	case ARGP_KEY_END:
		if (!w->path)
			argp_error(state, "DEVICE is missing");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

int cmd_wipe(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "force", 'f', NULL, 0, "do it", 1 },
		{ "quiet", 'q', NULL, 0, "print nothing but errors", 1 },
		{ 0 },
	};
	struct wipe w = {};
	struct cmdline line = {
		.volume = WANT_NO_VOLUME,
		.options = options,
		.args_doc = "DEVICE",
		.parse = parse,
		.ctx = &w,
		.doc = "Remove what makes DEVICE the log or data device of a raftblk volume, so that it is free for something else. "
		       "Nothing but raftblk's own is removed.\v"
		       "Examples:\n  raftblk wipe /dev/vdb            # says what it holds\n  raftblk wipe /dev/vdb --force\n",
	};

	parse_cmdline(&line, argc, argv);
	return wipe(&w);
}
