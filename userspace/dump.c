// SPDX-License-Identifier: GPL-2.0
/*
 * raftblk dump: what is on a log or data device, offline. The log is scanned in the same
 * way as when a volume is started. Nothing is written, so a device in use can be examined,
 * too, although its newest records may be half written then.
 */
#include <time.h>
#include <unistd.h>

#include "fieldtab.h"
#include "table.h"

#define LIVE_SCANS	10
#define LIVE_WAIT_US	100000

struct args {
	const char *device;
	bool entries, udev;
};

struct dump {
	struct args a;
	bool json;
	struct device dev;
	struct log_super super;
	struct log_meta meta;
	struct log log;
	struct json_object *o, *list;
	u64 pos;			/* position of the record whose entries are being listed */
	u64 kinds[RBLK_E_KIND_NR];
};

static const char *const kind_names[RBLK_E_KIND_NR] = {
	[RBLK_E_NOOP] = "noop",
	[RBLK_E_CONF] = "conf",
	[RBLK_E_WRITE] = "write",
	[RBLK_E_ZEROES] = "zeroes",
	[RBLK_E_OPEN] = "open",
	[RBLK_E_CLOSE] = "close",
	[RBLK_E_VERIFY] = "verify",
};

/* ---- the JSON, from which the output for people is made as well ---- */

static void add_str(struct json_object *o, const char *key, const char *v)
{
	json_object_object_add(o, key, json_object_new_string(v));
}

static void add_u64(struct json_object *o, const char *key, u64 v)
{
	json_object_object_add(o, key, json_object_new_uint64(v));
}

static void add_hex(struct json_object *o, const char *key, u64 v)
{
	char text[17];

	snprintf(text, sizeof(text), "%016llx", (unsigned long long)v);
	add_str(o, key, text);
}

static struct json_object *value_json(const struct field *f, const u8 *at)
{
	u64 v = field_is_number(f) ? field_get(f, at) : 0;
	time_t when = (time_t)v;
	char text[37];

	switch (f->form) {
	case FORM_id:
		snprintf(text, sizeof(text), "%016llx", (unsigned long long)v);
		return json_object_new_string(text);
	case FORM_crc:
		snprintf(text, sizeof(text), "%08llx", (unsigned long long)v);
		return json_object_new_string(text);
	case FORM_time:
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime(&when));
		return json_object_new_string(text);
	case FORM_uuid:
		uuid_unparse_lower(at, text);
		return json_object_new_string(text);
	case FORM_name:
	case FORM_addr:
		return json_object_new_string((const char *)at);
	default:
		return json_object_new_uint64(v);
	}
}

static bool unused(const u8 *at, u32 bytes)
{
	return !at[0] && !memcmp(at, at + 1, bytes - 1);
}

static struct json_object *struct_json(const struct fieldtab *t, const u8 *at);

/* The structures of a table that are in use. */
static struct json_object *table_json(const struct field *f, const u8 *at)
{
	struct json_object *list = json_object_new_array();
	u32 i;

	for (i = 0; i < f->n; i++, at += f->bytes)
		if (!unused(at, f->bytes))
			json_object_array_add(list, struct_json(f->of, at));
	return list;
}

/* A structure as it lies on disk, with the names that disk-format.rst has for its fields. */
static struct json_object *struct_json(const struct fieldtab *t, const u8 *at)
{
	struct json_object *o = json_object_new_object(), *v;
	const struct field *f;

	for (f = t->field; f < t->field + t->n; f++) {
		v = NULL;
		if (f->row == ROW_FIELD || f->row == ROW_CODED)
			v = value_json(f, at + f->off);
		else if (f->row == ROW_NESTED && !unused(at + f->off, f->bytes))
			v = struct_json(f->of, at + f->off);
		else if (f->row == ROW_TABLE)
			v = table_json(f, at + f->off);
		if (v)
			json_object_object_add(o, f->name, v);
	}
	return o;
}

static struct json_object *raw_json(const char *name, const void *at)
{
	return struct_json(fieldtab_of(name), at);
}

static const char *why(int err)
{
	switch (err) {
	case -ENODATA:
		return "it is not a raftblk device";
	case -EBADMSG:
		return "damaged: the checksum is wrong";
	case -EPROTONOSUPPORT:
		return "it was made by a newer version, or has features that this tool does not know";
	case -EINVAL:
		return "the checksum is right, but the content is invalid or belongs to another store";
	case -EUCLEAN:
		return "both copies are damaged";
	}
	return strerror(-err);
}

static struct json_object *bad_json(int err)
{
	struct json_object *o = json_object_new_object();

	add_str(o, "error", why(err));
	return o;
}

/* ---- reading ---- */

static int read_at(struct dump *d, const struct log_reader *rd, u64 off, void *buf, u32 len)
{
	return off + len > d->dev.bytes ? -ENODATA : rd->read(rd->ctx, off, buf, len);
}

static void dump_supers(struct dump *d, const struct log_reader *rd)
{
	struct json_object *list = json_object_new_array();
	u64 off[LOG_COPIES] = { rblk_log_super_offset(&d->super, 0),
				      rblk_log_super_offset2(d->dev.bytes) };
	u8 buf[LOG_SUPER_BYTES];
	struct log_super s;
	int i, err;

	for (i = 0; i < LOG_COPIES; i++) {
		err = read_at(d, rd, off[i], buf, sizeof(buf));
		if (!err)
			err = rblk_log_super_decode(&s, buf);
		json_object_array_add(list, err ? bad_json(err) : raw_json("disk_super", buf));
	}
	json_object_object_add(d->o, "superblocks", list);
}

static void dump_metas(struct dump *d, const struct log_reader *rd)
{
	struct json_object *list = json_object_new_array();
	u8 *buf = malloc(LOG_META_BYTES);
	struct log_meta m;
	int i, err;

	for (i = 0; i < LOG_COPIES; i++) {
		err = read_at(d, rd, rblk_log_meta_offset(i), buf, LOG_META_BYTES);
		if (!err)
			err = rblk_log_meta_decode(&m, &d->super, buf);
		json_object_array_add(list, err ? bad_json(err) : raw_json("disk_meta", buf));
	}
	json_object_object_add(d->o, "metadata", list);
	free(buf);
}

static int on_entry(void *ctx, const struct rblk_entry *e, const u32 *block_crc, u64 payload_pos,
		    const struct log_record *rec, const void *conf_block)
{
	struct dump *d = ctx;
	struct rblk_conf conf;
	struct json_object *o;

	if (e->kind < RBLK_E_KIND_NR)
		d->kinds[e->kind]++;
	if (!d->a.entries)
		return 0;
	o = json_object_new_object();
	add_u64(o, "index", e->index);
	add_u64(o, "term", e->term);
	add_str(o, "kind",
		e->kind < RBLK_E_KIND_NR && kind_names[e->kind] ? kind_names[e->kind] : "?");
	if (e->kind == RBLK_E_WRITE || e->kind == RBLK_E_ZEROES) {
		add_u64(o, "sector", e->sector);
		add_u64(o, "sectors", e->nsect);
	}
	if (e->kind >= RBLK_E_WRITE) {
		add_u64(o, "epoch", e->epoch);
		add_u64(o, "seq", e->seq);
	}
	if (e->store)
		add_hex(o, "store", e->store);
	add_u64(o, "record", rec->seq);
	add_u64(o, "record_pos", rec->pos);
	add_u64(o, "generation", rec->generation);
	if (e->nblocks) {
		add_u64(o, "blocks", e->nblocks);
		add_u64(o, "payload_pos", payload_pos);
	}
	if (conf_block && !rblk_log_conf_decode(&conf, conf_block))
		json_object_object_add(o, "conf", raw_json("disk_conf_block", conf_block));
	json_object_array_add(d->list, o);
	return 0;
}

static void dump_report(struct dump *d, const struct log_report *rep, int err)
{
	struct json_object *o = json_object_new_object(), *kinds = json_object_new_object();
	int i;

	add_str(o, "ended", rblk_log_finding_name(rep->finding));
	if (err)
		add_str(o, "error", err == -EBADMSG ?
			"durable data is lost from there on" : strerror(-err));
	add_u64(o, "records", rep->records);
	add_u64(o, "entries", rep->entries);
	add_u64(o, "bytes", rep->bytes);
	add_u64(o, "end_pos", rep->end_pos);
	add_u64(o, "end_seq", rep->end_seq);
	add_u64(o, "cut_records", rep->cut_records);
	add_u64(o, "unreadable_blocks", rep->unreadable);
	if (rep->finding == LOG_F_ROT || rep->finding == LOG_F_ROT_UNKNOWN) {
		add_u64(o, "lost_first", rep->rot.first);
		/* U64_MAX: nothing tells. */
		if (rep->rot.last != U64_MAX)
			add_u64(o, "lost_last", rep->rot.last);
	}
	for (i = 0; i < RBLK_E_KIND_NR; i++)
		if (d->kinds[i] && kind_names[i])
			add_u64(kinds, kind_names[i], d->kinds[i]);
	json_object_object_add(o, "kinds", kinds);
	json_object_object_add(d->o, "scan", o);
}

static int scan_once(struct dump *d, const struct log_reader *rd, struct log_report *rep)
{
	u8 *headers = aligned_alloc(4096, LOG_INFLIGHT * LOG_HEADER_BYTES_MAX);
	int err;

	json_object_put(d->list);
	d->list = json_object_new_array();
	memset(d->kinds, 0, sizeof(d->kinds));
	rblk_log_init(&d->log, &d->super, headers);
	err = rblk_log_recover(&d->log, rd, &d->meta, on_entry, d, rep);
	free(headers);
	return err;
}

/*
 * A volume that is up writes while its log is read: what was not there a moment ago is proved by
 * what is written meanwhile further on. That is at another place with each scan; damage stays
 * where it is. @live is set if none stayed.
 */
static int scan_live(struct dump *d, const struct log_reader *rd, struct log_report *rep, bool *live)
{
	int err = scan_once(d, rd, rep), tries = 0;
	struct log_copies copies = {};
	u64 end;

	*live = false;
	while (err == -EBADMSG && tries++ < LIVE_SCANS && device_in_use(&d->dev)) {
		end = rep->end_pos;
		usleep(LIVE_WAIT_US);
		err = rblk_log_read_meta(rd, &d->super, &d->meta, &copies);
		if (!err)
			err = scan_once(d, rd, rep);
		if (err == -EBADMSG && rep->end_pos == end)
			return err;
		*live = err == -EBADMSG;
	}
	return *live ? 0 : err;
}

static int scan(struct dump *d, const struct log_reader *rd)
{
	struct log_report rep = {};
	bool live;
	int err = scan_live(d, rd, &rep, &live);

	if (live)
		rep.finding = LOG_F_END;
	dump_report(d, &rep, err);
	if (d->a.entries)
		json_object_object_add(d->o, "entries", d->list);
	else
		json_object_put(d->list);
	return err;
}

/* ---- printing for people ---- */

/* Objects within @o: "object.key". */
static void print_values(const char *prefix, struct json_object *o)
{
	char name[64];

	json_object_object_foreach(o, key, v) {
		snprintf(name, sizeof(name), "%s%s%s", prefix, *prefix ? "." : "", key);
		if (json_object_is_type(v, json_type_object))
			print_values(name, v);
		else if (json_object_is_type(v, json_type_array))
			printf("  %-16s %s\n", name,
			       json_object_to_json_string_ext(v, JSON_C_TO_STRING_SPACED |
							      JSON_C_TO_STRING_NOSLASHESCAPE));
		else
			printf("  %-16s %s\n", name, json_object_get_string(v));
	}
}

static void print_pairs(const char *title, struct json_object *o)
{
	printf("%s%s%s\n", paint(BOLD, stdout), title, paint(PLAIN, stdout));
	print_values("", o);
}

static const struct table_column columns[] = {
	{ "INDEX", "of the entry", true },
	{ "TERM", "in which it was proposed", true },
	{ "KIND", "noop, conf, write, zeroes, open or close" },
	{ "SECTOR", "where it writes", true },
	{ "SECTORS", "how many it writes", true },
	{ "EPOCH", "of the session that asked for it", true },
	{ "SEQ", "its number within the session; of an open, what it is known by", true },
	{ "STORE", "the one that a session is opened or closed for" },
	{ "RECORD", "the log record that holds it", true },
	{ "GENERATION", "the start of the volume on this node that wrote the record", true },
	{ 0 },
};

static int print_entries(struct table *t, struct json_object *list)
{
	int err = table_begin(t);
	size_t i;

	for (i = 0; !err && i < json_object_array_length(list); i++) {
		struct json_object *e = json_object_array_get_idx(list, i);
		const char *const values[] = {
			jstr(e, "index"), jstr(e, "term"), jstr(e, "kind"), jstr(e, "sector"),
			jstr(e, "sectors"), jstr(e, "epoch"), jstr(e, "seq"), jstr(e, "store"),
			jstr(e, "record"), jstr(e, "generation"),
		};

		table_row(t, values);
	}
	if (!err)
		table_end(t);
	return err;
}

static void print_devices(struct json_object *o)
{
	static const char *const lists[] = { "superblocks", "metadata", "headers" };
	static const char *const titles[] = { "superblock", "metadata copy", "data header" };
	struct json_object *list;
	char title[32];
	size_t i, k;

	for (k = 0; k < ARRAY_SIZE(lists); k++) {
		list = js(o, lists[k]);
		for (i = 0; list && i < json_object_array_length(list); i++) {
			snprintf(title, sizeof(title), "%s %zu", titles[k], i);
			print_pairs(title, json_object_array_get_idx(list, i));
		}
	}
	if (js(o, "data"))
		print_pairs("data device", js(o, "data"));
	if (js(o, "scan"))
		print_pairs("scan of the log", js(o, "scan"));
}

/* Whoever chooses columns gets the table alone. */
static int print_dump(struct json_object *o, struct table *t)
{
	struct json_object *entries = js(o, "entries");

	if (!table_is_asked_for(t))
		print_devices(o);
	return entries ? print_entries(t, entries) : 0;
}

/* ---- the command ---- */

static int dump_log(struct dump *d, const struct log_reader *rd)
{
	u8 buf[LOG_SUPER_BYTES];
	struct log_copies copies = {};
	int err;

	dump_supers(d, rd);
	/* The copy that a start would use. */
	rblk_log_super_encode(&d->super, buf);
	json_object_object_add(d->o, "superblock", raw_json("disk_super", buf));
	dump_metas(d, rd);
	err = rblk_log_read_meta(rd, &d->super, &d->meta, &copies);
	if (err)
		return fail(EXIT_FAILED, d->dev.path, "its log cannot be scanned: %s", why(err));
	err = scan(d, rd);
	if (err)
		return fail(EXIT_FAILED, d->dev.path,
			    "the log is damaged: %s; see 'scan' in the output",
			    err == -EBADMSG ? "durable data is lost" :
					      strerror(-err));
	return 0;
}

static int dump_data(struct dump *d, const struct log_reader *rd)
{
	struct json_object *list = json_object_new_array(), *o;
	u8 buf[RBLK_BLOCK_SIZE];
	struct log_copies copies = {};
	struct data_super s;
	int i, err;

	for (i = 0; i < LOG_COPIES; i++) {
		err = read_at(d, rd, rblk_log_data_offset(i), buf, sizeof(buf));
		if (!err)
			err = rblk_log_data_super_decode(&s, buf);
		json_object_array_add(list, err ? bad_json(err) : raw_json("disk_data", buf));
	}
	err = d->dev.bytes < DATA_HEADER_BYTES ? -ENODATA :
	      rblk_log_read_data(rd, 0, &s, &copies);
	if (err) {
		json_object_put(list);
		return err;
	}
	json_object_object_add(d->o, "headers", list);
	/* The one that a start would use. */
	rblk_log_data_super_encode(&s, buf);
	o = raw_json("disk_data", buf);
	add_u64(o, "image_offset", DATA_HEADER_BYTES);
	json_object_object_add(d->o, "data", o);
	return 0;
}

static int dump(struct dump *d)
{
	struct log_copies copies = {};
	struct log_reader rd;
	int err, ret;

	device_reader(&d->dev, &rd);
	err = d->dev.bytes < 2 * LOG_SUPER_BYTES ? -ENODATA :
	      rblk_log_read_super(&rd, d->dev.bytes, &d->super, &copies);
	if (!err) {
		ret = dump_log(d, &rd);
		goto free;
	}
	ret = dump_data(d, &rd);
	if (ret && err == -ENODATA)
		err = ret;
	if (ret)
		ret = fail(err == -ENODATA ? EXIT_ABSENT : EXIT_FAILED, d->dev.path, "%s%s",
			   why(err), err == -ENODATA ?
			   "; 'raftblk config' shows the devices of a volume" : "");
free:
	free(rd.scratch);
	return ret;
}

/* For udev. It empties the other properties: they would describe the content of the volume. */
static void print_udev(const char *what, const u8 *uuid, const char *volume)
{
	char text[37];

	uuid_unparse_lower(uuid, text);
	printf("ID_FS_TYPE=raftblk_%s\nID_FS_USAGE=other\nID_FS_VERSION=\nID_FS_UUID=\n"
	       "ID_FS_UUID_ENC=\nID_FS_LABEL=\nID_FS_LABEL_ENC=\nID_PART_TABLE_TYPE=\n"
	       "ID_PART_TABLE_UUID=\nRAFTBLK_UUID=%s\nRAFTBLK_VOLUME=%s\n", what, text, volume);
}

/*
 * It is not an error if the device is not one of raftblk, since udev asks about
 * every device.
 */
static int dump_udev(struct dump *d)
{
	struct found s;

	store_find(&d->dev, &s);
	if (s.kind && !s.damage && !store_overwritten(&d->dev, &s))
		print_udev(s.kind, s.volume, s.volume_name);
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state, void *ctx)
{
	struct args *a = ctx;

	switch (key) {
	case 'e':
		a->entries = true;
		return 0;
	case 'u':
		a->udev = true;
		return 0;
	case ARGP_KEY_ARG:
		if (a->device)
			return ARGP_ERR_UNKNOWN;
		a->device = arg;
		return 0;
	case ARGP_KEY_END:
		if (!a->device)
			argp_error(state, "DEVICE is missing");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

int cmd_dump(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "entries", 'e', NULL, 0, "list every entry of the log", 1 },
		{ "udev", 'u', NULL, 0,
		  "print what it is, as properties for udev(7), or nothing if it is not a raftblk device", 1 },
		{ 0 },
	};
	static struct dump d;
	struct table table = { .columns = columns };
	struct cmdline line = {
		.table = &table,
		.volume = WANT_NO_VOLUME,
		.takes_json = true,
		.options = options,
		.args_doc = "DEVICE",
		.parse = parse,
		.ctx = &d.a,
		.doc = "Show what is on a log or data device, or an image of one: superblocks, metadata, "
		       "and how a scan of the log ends. Nothing is changed.\v"
		       "Examples:\n  raftblk dump /dev/vdb\n  raftblk dump /dev/vdb --entries --json | jq .scan\n"
		       "  raftblk dump /dev/vdb --noheadings -o index,kind\n",
	};
	int err;

	parse_cmdline(&line, argc, argv);
	d.a.entries |= table_is_asked_for(&table);
	d.dev = (struct device){ .what = "the", .path = d.a.device, .fd = -1, .direct = !d.a.udev };
	err = device_open(&d.dev, NULL, false);
	if (err)
		return err;
	if (d.a.udev) {
		err = dump_udev(&d);
		device_close(&d.dev);
		return err;
	}
	d.o = json_object_new_object();
	err = dump(&d);
	device_close(&d.dev);
	if (json_object_object_length(d.o)) {
		if (line.common.json)
			print_json(d.o);
		else
			err = print_dump(d.o, &table) ?: err;
	}
	json_object_put(d.o);
	return err;
}
