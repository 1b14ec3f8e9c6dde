// SPDX-License-Identifier: GPL-2.0
/*
 * raftblk format: makes the devices of this node a blank store. Everything is
 * checked before the first byte is written. The superblocks come last: a format
 * that was interrupted leaves no store, not half of one.
 *
 * With --data, the data device alone is made that of the store whose log this node has. What
 * it lacks then, which is all that was ever written, comes from the other members.
 *
 * What was never written has to read as zeroes. A device that can be zeroed in some seconds is
 * zeroed. Of a large one, the rest is left as it is, and the change map says that it is unwritten.
 */
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "tool.h"

#define DATA_MIN	(1u << 20)	/* usable */
#define ZERO_MS		10000		/* the rest is left unwritten */

struct format {
	struct conf c;
	struct device log, data;
	struct found old_log, old_data;
	struct log_super super;
	bool force, dry_run, quiet;
	bool data_only;
	const char *other_data;	/* than that of the configuration file; NULL: that one */
	bool zero, no_zero;	/* all of the data device, or nothing of it */
	bool zeroed;		/* the data device is, from an earlier format */
	u64 zeroed_bytes;	/* of the image, from its beginning */
};

enum { KEY_DATA = 0x100, KEY_ZERO, KEY_NO_ZERO };

static const struct argp_option options[] = {
	{ "force", 'f', NULL, 0, "overwrite the store that this node has of the volume (never anything else)", 1 },
	{ "data", KEY_DATA, "DEVICE", OPTION_ARG_OPTIONAL,
	  "format the data device alone, for the log that this node has; with =DEVICE, this one instead of that in the configuration file",
	  1 },
	{ "zero", KEY_ZERO, NULL, 0, "zero all of the data device, however long that takes", 1 },
	{ "no-zero", KEY_NO_ZERO, NULL, 0, "zero nothing of it; what was never written reads as zeroes all the same", 1 },
	{ "dry-run", 'n', NULL, 0, "check everything, but change nothing", 1 },
	{ "quiet", 'q', NULL, 0, "print nothing but errors", 1 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state, void *ctx)
{
	struct format *f = ctx;

	switch (key) {
	case 'f':
		f->force = true;
		return 0;
	case KEY_DATA:
		if (arg && *arg != '/')
			argp_error(state, "--data: '%s' is not an absolute path", arg);
		f->data_only = true;
		f->other_data = arg;
		return 0;
	case KEY_ZERO:
		f->zero = true;
		f->no_zero = false;
		return 0;
	case KEY_NO_ZERO:
		f->no_zero = true;
		f->zero = false;
		return 0;
	case 'n':
		f->dry_run = true;
		return 0;
	case 'q':
		f->quiet = true;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

/* ---- what the devices hold now ---- */

/* Is it the store that this node has of the volume now, as far as that can be told? */
static bool own(const struct format *f, const struct device *d, const struct found *s)
{
	return !strcmp(s->kind, d->what) && !strcmp(s->node, f->c.me->name) &&
	       !memcmp(s->volume, f->c.uuid, RBLK_UUID_LEN);
}

static int refuse(struct format *f, const struct device *d, const struct found *s)
{
	char name[256];

	store_name(s, name, sizeof(name));
	if (!own(f, d, s))
		return fail(EXIT_FAILED, f->c.volume,
			    "%s device %s holds %s, which is not the %s of this node for this volume (the uuid, the node or the kind differs); if it is not needed: raftblk wipe %s",
			    d->what, d->path, name, d->what, d->path);
	if (f->force)
		return 0;
	if (s->damage)
		return fail(EXIT_FAILED, f->c.volume,
			    "%s device %s holds a raftblk volume that %s; 'raftblk dump %s' shows more; to give it up: --force",
			    d->what, d->path,
			    s->damage == -EPROTONOSUPPORT ? "needs a newer tool" : "is damaged",
			    d->path);
	return fail(EXIT_FAILED, f->c.volume,
		    "%s device %s holds %s; to give up this node's copy of it: --force", d->what,
		    d->path, name);
}

/* What somebody else has there is told first, and never overwritten. */
static int check_held(struct format *f, struct device *d, struct found *s)
{
	u8 block[RBLK_BLOCK_SIZE];
	int err;

	if (pread(d->fd, block, sizeof(block), 0) != sizeof(block))
		return fail(EXIT_FAILED, f->c.volume,
			    "%s device %s: reading its first block failed; if it is not empty, see dmesg(1)",
			    d->what, d->path);
	store_find(d, s);
	err = device_foreign(d, f->c.volume, s->kind && !s->left_over);
	return err || !s->kind ? err : refuse(f, d, s);
}

/* ---- what they will hold ---- */

static u64 usable(const struct device *data)
{
	if (data->bytes < DATA_HEADER_BYTES + DATA_TAIL_BYTES)
		return 0;
	return (data->bytes - DATA_HEADER_BYTES - DATA_TAIL_BYTES) / RBLK_BLOCK_SIZE *
	       RBLK_BLOCK_SIZE;
}

static int check_sizes(struct format *f)
{
	struct log_super *s = &f->super;
	u64 need = 0, data = usable(&f->data), want;
	char a[32], b[32];
	int err;

	want = f->c.size ? f->c.size : DATA_MIN;
	if (data < want)
		return fail(EXIT_FAILED, f->c.volume,
			    "data device %s is too small: it has %s, and %s are needed, of which the header and the end take 1 MiB each",
			    f->data.path, human_bytes(f->data.bytes, a, sizeof(a)),
			    human_bytes(want + DATA_HEADER_BYTES + DATA_TAIL_BYTES, b, sizeof(b)));
	if (f->data.sector > f->c.block_size)
		return fail(EXIT_FAILED, f->c.volume,
			    "data device %s has sectors of %u bytes: a volume with block-size = %u cannot be written there; set block-size = 4096",
			    f->data.path, f->data.sector, f->c.block_size);
	s->block_size = f->c.block_size;
	err = rblk_log_layout(s, f->log.bytes, data, &need);
	if (err == -ENOSPC)
		return fail(EXIT_FAILED, f->c.volume,
			    "log device %s is too small: it has %s, and %s are needed; a tenth of the data device, and at least 256 MiB, is a good size",
			    f->log.path, human_bytes(f->log.bytes, a, sizeof(a)),
			    human_bytes(need, b, sizeof(b)));
	if (!err && f->c.ring_size > s->ring_bytes)
		return fail(EXIT_FAILED, f->c.volume,
			    "log device %s has room for a ring of %s, and ring-size is %s; set a smaller ring-size, or none",
			    f->log.path, human_bytes(s->ring_bytes, a, sizeof(a)),
			    human_bytes(f->c.ring_size, b, sizeof(b)));
	if (!err && f->c.ring_size)
		s->ring_bytes = f->c.ring_size;
	if (err)
		return fail(EXIT_FAILED, f->c.volume, "log device %s and data device %s cannot hold the volume: %s",
			    f->log.path, f->data.path, strerror(-err));
	return 0;
}

/*
 * A store whose ring turned out to have another size than those of the other nodes is formatted
 * once more. Its superblocks came last, so the data device was zeroed by then, unless the
 * metadata says that a part of it was left unwritten.
 */
static bool still_zeroed(struct format *f)
{
	struct log_super s;
	bool unwritten;

	return f->old_log.kind && f->old_data.kind && f->old_log.store == f->old_data.store &&
	       store_never_used(&f->log, &s, &unwritten) && s.data_bytes == f->super.data_bytes &&
	       !unwritten;
}

static int mint(struct format *f)
{
	struct log_super *s = &f->super;

	memcpy(s->volume, f->c.uuid, RBLK_UUID_LEN);
	snprintf(s->volume_name, sizeof(s->volume_name), "%s", f->c.volume);
	snprintf(s->node, sizeof(s->node), "%s", f->c.me->name);
	s->created = time(NULL);
	s->mbr = true;
	do {
		if (getrandom(&s->store, sizeof(s->store), 0) != sizeof(s->store))
			return fail(EXIT_FAILED, f->c.volume, "cannot get random numbers: %s",
				    strerror(errno));
	} while (!s->store);
	return 0;
}

/* The store that the log device holds: it has to be that of this node for this volume. */
static int take_store(struct format *f)
{
	struct log_copies c = {};
	struct log_reader rd;
	char a[32], b[32];
	int err;

	store_find(&f->log, &f->old_log);
	if (!own(f, &f->log, &f->old_log) || f->old_log.damage)
		return fail(EXIT_FAILED, f->c.volume,
			    "log device %s does not hold the log of this node for this volume, so its data device cannot be replaced; see 'raftblk dump %s'; to make a new store of both: raftblk format %s",
			    f->log.path, f->log.path, f->c.volume);
	device_reader(&f->log, &rd);
	err = rblk_log_read_super(&rd, f->log.bytes, &f->super, &c);
	free(rd.scratch);
	if (err)
		return fail(EXIT_FAILED, f->c.volume, "log device %s cannot be read: %s",
			    f->log.path, strerror(-err));
	if (usable(&f->data) >= f->super.data_bytes)
		return 0;
	return fail(EXIT_FAILED, f->c.volume,
		    "data device %s is too small: it has %s, and %s are needed, as before", f->data.path,
		    human_bytes(f->data.bytes, a, sizeof(a)),
		    human_bytes(f->super.data_bytes + DATA_HEADER_BYTES + DATA_TAIL_BYTES, b,
				sizeof(b)));
}

static void tell_loss(const struct found *s)
{
	char name[256];

	if (s->kind)
		printf("  gives up %s: what only this node has of it is lost\n",
		       store_name(s, name, sizeof(name)));
}

/* How long the data device may take to be zeroed. Thin devices stay thin. */
static u64 zero_ms(const struct format *f)
{
	if (f->no_zero)
		return 0;
	if (f->zero || f->data.thin == THIN_ZEROED)
		return U64_MAX;
	return f->data.thin == THIN_UNZEROED ? 0 : ZERO_MS;
}

static const char *tell_zeroed(const struct format *f)
{
	if (f->zeroed)
		return "zeroed already, and not used since";
	if (f->data.thin == THIN_ZEROED && !f->no_zero)
		return "which its thin pool gives room as it is written";
	if (f->zero && f->data.thin == THIN_UNZEROED)
		return "all of which is zeroed, and given room by its thin pool, since that skips block zeroing";
	if (f->zero)
		return "all of which is zeroed";
	return zero_ms(f) ? "zeroed as far as that goes in 10 s" :
			    "none of which is zeroed before it is written";
}

static void tell_plan(const struct format *f)
{
	char a[32], b[32], c[32];

	if (f->quiet)
		return;
	printf("volume %s, node %s%s\n", f->c.volume, f->c.me->name,
	       f->dry_run ? " (nothing is changed)" : "");
	if (f->data_only)
		printf("  log   %s: store %016llx, which stays as it is\n", f->log.path,
		       (unsigned long long)f->super.store);
	else
		printf("  log   %s: %s, with %s for the ring and %s for the change map\n", f->log.path,
	       human_bytes(f->log.bytes, a, sizeof(a)),
	       human_bytes(f->super.ring_bytes, b, sizeof(b)),
	       human_bytes(f->super.map_bytes, c, sizeof(c)));
	printf("  data  %s: %s usable, %s\n", f->data.path,
	       human_bytes(f->super.data_bytes, a, sizeof(a)),
	       tell_zeroed(f));
	if (!f->data_only)
		tell_loss(&f->old_log);
	tell_loss(&f->old_data);
	fflush(stdout);
}

/* ---- writing ---- */

static bool leaves_unwritten(const struct format *f)
{
	return f->zeroed_bytes < f->super.data_bytes;
}

/* Nothing was written to any region. What was not zeroed either, is unwritten. */
static u64 map_value(const struct format *f, u64 region)
{
	u64 begin = region << f->super.region_shift;
	u64 end = min_t(u64, begin + (1ull << f->super.region_shift), f->super.data_bytes);

	return begin < f->super.data_bytes && end > f->zeroed_bytes ? RBLK_MAP_UNWRITTEN : 0;
}

static int write_map(struct format *f)
{
	u32 n = rblk_log_map_regions(&f->super), i, k;
	u64 v[RBLK_MAP_PER_BLOCK];
	u8 block[RBLK_BLOCK_SIZE];
	int copy, err = 0;

	for (i = 0; i < n && !err; i++) {
		for (k = 0; k < RBLK_MAP_PER_BLOCK; k++)
			v[k] = map_value(f, (u64)i * RBLK_MAP_PER_BLOCK + k);
		rblk_log_map_encode(&f->super, i, v, block);
		for (copy = 0; copy < LOG_COPIES && !err; copy++)
			err = device_write(&f->log, rblk_log_map_offset(&f->super, i, copy), block,
					   sizeof(block), f->c.volume);
	}
	return err;
}

static int write_meta(struct format *f)
{
	static u8 buf[LOG_META_BYTES];
	struct log_meta m;
	int slot, err = 0;

	rblk_log_meta_init(&m);
	m.flags = leaves_unwritten(f) ? LOG_META_UNWRITTEN : 0;
	rblk_log_meta_encode(&m, &f->super, buf);
	for (slot = 0; slot < LOG_COPIES && !err; slot++)
		err = device_write(&f->log, rblk_log_meta_offset(slot), buf, sizeof(buf),
				   f->c.volume);
	return err;
}

static int write_supers(struct format *f)
{
	u8 buf[LOG_SUPER_BYTES];
	int copy, err = 0;

	rblk_log_super_encode(&f->super, buf);
	for (copy = 0; copy < LOG_COPIES && !err; copy++)
		err = device_write(&f->log, rblk_log_super_offset(&f->super, copy), buf,
				   sizeof(buf), f->c.volume);
	return err;
}

static int write_data_header(struct format *f)
{
	struct data_super ds = {
		.store = f->super.store, .mbr = f->super.mbr,
		/* Of a store that is new as a whole, the map says so. */
		.flags = f->data_only && leaves_unwritten(f) ? DATA_UNWRITTEN : 0,
	};
	u8 buf[RBLK_BLOCK_SIZE];
	int copy, err = 0;

	memcpy(ds.volume, f->super.volume, RBLK_UUID_LEN);
	memcpy(ds.volume_name, f->super.volume_name, RBLK_NAME_MAX);
	memcpy(ds.node, f->super.node, RBLK_NAME_MAX);
	rblk_log_data_super_encode(&ds, buf);
	for (copy = 0; copy < LOG_COPIES && !err; copy++)
		err = device_write(&f->data, rblk_log_data_offset(copy), buf, sizeof(buf),
				   f->c.volume);
	return err;
}

static int zero_image(struct format *f)
{
	const char *volume = f->c.volume;
	u64 tail = DATA_HEADER_BYTES + usable(&f->data);
	int err = 0;

	if (f->zeroed)
		f->zeroed_bytes = f->super.data_bytes;
	else
		err = device_zero_for(&f->data, DATA_HEADER_BYTES, f->super.data_bytes, zero_ms(f),
				      volume, !f->quiet, &f->zeroed_bytes);
	return err ? err : device_zero(&f->data, tail, f->data.bytes - tail, volume);
}

/* The header comes last: until then it is no data device, and the volume does not come up. */
static int write_data(struct format *f)
{
	const char *volume = f->c.volume;
	int err = device_zero(&f->data, 0, DATA_HEADER_BYTES, volume);

	if (!err)
		err = zero_image(f);
	if (!err)
		err = device_sync(&f->data, volume);
	if (!err)
		err = write_data_header(f);
	return err ? err : device_sync(&f->data, volume);
}

/* First makes sure that nothing of an earlier format is valid any more. */
static int write_all(struct format *f)
{
	const char *volume = f->c.volume;
	int err;

	err = device_zero(&f->log, 0, f->super.map_off, volume);
	if (!err)
		err = device_zero(&f->log, rblk_log_super_offset(&f->super, 1), LOG_SUPER_BYTES,
				  volume);
	if (!err)
		err = device_zero(&f->data, 0, DATA_HEADER_BYTES, volume);
	if (!err)
		err = device_sync(&f->log, volume);
	if (!err)
		err = zero_image(f);
	if (!err)
		err = device_zero(&f->log, f->super.ring_off,
				  min_t(u64, f->super.ring_bytes, LOG_RING_MIN), volume);
	if (!err)
		err = write_map(f);
	if (!err)
		err = write_meta(f);
	if (!err)
		err = write_data_header(f);
	if (!err)
		err = device_sync(&f->data, volume);
	if (!err)
		err = device_sync(&f->log, volume);
	if (!err)
		err = write_supers(f);
	return err ? err : device_sync(&f->log, volume);
}

static int read_back(struct format *f)
{
	struct log_copies c = {};
	struct log_reader rd;
	struct log_super s;
	struct log_meta m;
	int err;

	device_reader(&f->log, &rd);
	err = rblk_log_read_super(&rd, f->log.bytes, &s, &c);
	if (!err)
		err = rblk_log_read_meta(&rd, &s, &m, &c);
	free(rd.scratch);
	if (err || c.damaged || s.store != f->super.store)
		return fail(EXIT_FAILED, f->c.volume,
			    "log device %s does not return what was written to it: %s; see dmesg(1)",
			    f->log.path, strerror(err ? -err : EIO));
	return 0;
}

/* Everything that is checked before anything is written. */
static int check(struct format *f)
{
	int err = device_overlap(&f->log, &f->data, f->c.volume);

	if (!err)
		err = device_open(&f->log, f->c.volume, !f->data_only);
	if (!err)
		err = device_open(&f->data, f->c.volume, true);
	if (!err && !f->data_only)
		err = check_held(f, &f->log, &f->old_log);
	if (!err)
		err = check_held(f, &f->data, &f->old_data);
	if (!err && f->data_only)
		return take_store(f);
	if (!err)
		err = check_sizes(f);
	if (!err)
		err = mint(f);
	if (!err)
		f->zeroed = still_zeroed(f);
	return err;
}

static int carry_out(struct format *f)
{
	char zeroed[32];
	int err = f->data_only ? write_data(f) : write_all(f);

	if (!err && !f->data_only)
		err = read_back(f);
	if (err || f->quiet)
		return err;
	if (leaves_unwritten(f))
		printf("%s are zeroed; the rest is unwritten: it reads as zeroes until it is written, but only through the volume\n",
		       human_bytes(f->zeroed_bytes, zeroed, sizeof(zeroed)));
	if (f->data_only)
		printf("formatted; next: raftblk attach %s%s%s, or raftblk up %s if it is down; then the other members send what was on it\n",
		       f->c.volume, f->other_data ? " --data " : "", f->other_data ?: "",
		       f->c.volume);
	else
		printf("formatted, store %016llx; next: raftblk up %s\n",
		       (unsigned long long)f->super.store, f->c.volume);
	return 0;
}

static int format(struct format *f)
{
	int err;

	f->log = (struct device){ .what = "log", .path = f->c.me->log, .fd = -1 };
	f->data = (struct device){ .what = "data", .path = f->other_data ?: f->c.me->data,
				   .fd = -1 };
	err = check(f);
	if (!err)
		tell_plan(f);
	if (!err && !f->dry_run)
		err = carry_out(f);
	device_close(&f->log);
	device_close(&f->data);
	return err;
}

int cmd_format(int argc, char **argv)
{
	struct format f = {};
	struct cmdline line = {
		.volume = WANT_VOLUME,
		.takes_config = true,
		.options = options,
		.args_doc = "VOLUME",
		.parse = parse,
		.ctx = &f,
		.doc = "Prepare the log and data devices of this node, as /etc/raftblk/VOLUME.conf names them. "
		       "Devices that are in use, are too small or hold anything are refused, and not changed.\v"
		       "Examples:\n  raftblk format r0 --dry-run\n  raftblk format r0\n"
		       "  raftblk format r0 --force    # give up this node's copy of the volume\n"
		       "  raftblk format r0 --data     # the data device was replaced, the log is well\n"
		       "  raftblk format r0 --zero     # whoever reads the data device alone finds zeroes, too\n",
	};
	int err;

	parse_cmdline(&line, argc, argv);
	err = conf_load(&f.c, &line.common);
	if (!err)
		err = conf_need_me(&f.c);
	if (!err && f.c.me->client)
		err = fail(EXIT_CONFIG, f.c.volume,
			   "node %s is a client: it has no devices to format; start it: raftblk up %s",
			   f.c.me->name, f.c.volume);
	return err ? err : format(&f);
}
