// SPDX-License-Identifier: GPL-2.0
/* raftblk verify: have the copies of the image compared, a part at a time. */
#include <libmnl/libmnl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "status.h"
#include "uapi/raftblk.h"

#define STEP_TIMEOUT_MS		(10 * 60 * 1000)
#define STEP_LEAST		(128u << 10)	/* what is compared at once, in the kernel */
#define STEP_MOST		(64u << 20)
#define STEPS_A_SECOND		4
#define DEFAULT_RATE		(64u << 20)
#define TELL_MS			10000		/* how often progress is told, if not to a terminal */

enum { KEY_RANGE = 0x100, KEY_MEND, KEY_RATE, KEY_OFFLINE };

struct verify {
	u64 from, to;			/* bytes; to 0: the end of the volume */
	u64 rate;			/* bytes in a second; 0: as fast as it goes */
	bool mend, json, offline;
	bool chosen;			/* an option that is of no use offline */

	const char *volume;
	struct nl *nl;
	u64 size, at;			/* bytes: of the volume, and where it has got to */
	u64 differing, mended;		/* ranges */
	struct json_object *missing;	/* nodes that were not compared, or not everywhere */
	struct json_object *found;	/* ranges that differed */
	u64 told_at;
};

static bool parse_range(char *arg, struct verify *v)
{
	char *dash = strchr(arg, '-');

	if (!dash)
		return false;
	*dash++ = 0;
	if (*arg && conf_parse_size(arg, &v->from))
		return false;
	if (*dash && (conf_parse_size(dash, &v->to) || v->to <= v->from))
		return false;
	return !(v->from % 4096);
}

static error_t parse(int key, char *arg, struct argp_state *state, void *ctx)
{
	struct verify *v = ctx;

	v->chosen |= key == KEY_RANGE || key == KEY_MEND || key == KEY_RATE;
	switch (key) {
	case KEY_OFFLINE:
		v->offline = true;
		return 0;
	case ARGP_KEY_END:
		if (v->offline && v->chosen)
			argp_error(state, "--offline goes with none of --range, --mend and --rate");
		return 0;
	case KEY_RANGE:
		if (!parse_range(arg, v))
			argp_error(state,
				   "--range has to be FROM-TO in bytes, from a multiple of 4096 on, such as 10G-20G, or 10G- for all from there on");
		return 0;
	case KEY_MEND:
		v->mend = true;
		return 0;
	case KEY_RATE:
		if (!strcmp(arg, "none"))
			v->rate = 0;
		else if (conf_parse_size(arg, &v->rate) || v->rate < 1u << 20)
			argp_error(state,
				   "--rate: '%s' is not a valid rate; write bytes in a second, 1M at least, such as 64M, or none",
				   arg);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static void add_name(struct json_object *list, const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < json_object_array_length(list); i++) {
		const char *has = json_object_get_string(json_object_array_get_idx(list, i));

		if (strlen(has) == len && !strncmp(has, name, len))
			return;
	}
	json_object_array_add(list, json_object_new_string_len(name, (int)len));
}

static void add_names(struct json_object *list, const char *names)
{
	size_t len;

	for (; *names; names += len + (names[len] == ',')) {
		len = strcspn(names, ",");
		add_name(list, names, len);
	}
}

static const char *join_names(struct json_object *list, char *buf, size_t size)
{
	size_t i, n = 0;

	buf[0] = 0;
	for (i = 0; i < json_object_array_length(list) && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s%s", i ? ", " : "",
				      json_object_get_string(json_object_array_get_idx(list, i)));
	return buf;
}

static int keep_size(struct json_object *o, void *ctx)
{
	((struct verify *)ctx)->size = ju(o, "conf.sectors") << RBLK_SECTOR_SHIFT;
	return 0;
}

static int keep(struct json_object *o, void *ctx)
{
	*(struct json_object **)ctx = json_object_get(js(o, "verify"));
	return 0;
}

/* A range differs, or did. */
static void tell_found(struct verify *v, struct json_object *o)
{
	u64 first = ju(o, "sector") << RBLK_SECTOR_SHIFT;
	u64 end = first + (ju(o, "sectors") << RBLK_SECTOR_SHIFT);
	bool split = !strcmp(jstr(o, "result"), "split"), mended = !strcmp(jstr(o, "result"), "mended");
	struct json_object *f = json_object_new_object();

	v->differing++;
	v->mended += mended;
	json_object_object_add(f, "from", json_object_new_uint64(first));
	json_object_object_add(f, "to", json_object_new_uint64(end));
	json_object_object_add(f, "result", json_object_new_string(jstr(o, "result")));
	json_object_object_add(f, "nodes", json_object_new_string(jstr(o, "nodes")));
	json_object_array_add(v->found, f);
	if (v->json)
		return;
	printf("%s: bytes %llu-%llu: %s %s\n", v->volume, (unsigned long long)first,
	       (unsigned long long)end,
	       split  ? "no copy is that of more than half of all members; compared were" :
	       mended ? "mended; what differed was the copy of" :
			"differs: the copy of",
	       jstr(o, "nodes"));
	fflush(stdout);
}

static void tell_progress(struct verify *v, u64 end)
{
	bool tty = isatty(STDERR_FILENO);
	char a[32], b[32];

	if (v->json || (!tty && now_ms() < v->told_at + TELL_MS))
		return;
	v->told_at = now_ms();
	fprintf(stderr, "%s%s: compared up to byte %llu (%s of %s)%s", tty ? "\r" : "", v->volume,
		(unsigned long long)v->at, human_bytes(v->at - v->from, a, sizeof(a)),
		human_bytes(end - v->from, b, sizeof(b)), tty ? "  " : "\n");
}

static int stopped(struct verify *v, const char *why)
{
	return fail(EXIT_FAILED, v->volume,
		    "verify: %s; to go on from there: raftblk verify %s --range %llu-%s; see also: raftblk why %s",
		    why, v->volume, (unsigned long long)v->at, v->mend ? " --mend" : "", v->volume);
}

/* Compares up to @end at most, and moves on by what was. */
static int step(struct verify *v, u64 end)
{
	u64 op_id = nl_op_id();
	struct json_object *o = NULL;
	struct nlmsghdr *nlh = nl_request(v->nl, RAFTBLK_CMD_VERIFY, false);
	const char *result;
	char text[256];
	int err;

	nl_put_volume(nlh, v->volume);
	mnl_attr_put_u64(nlh, RAFTBLK_A_OP_ID, op_id);
	mnl_attr_put_u64(nlh, RAFTBLK_A_SECTOR, v->at >> RBLK_SECTOR_SHIFT);
	mnl_attr_put_u64(nlh, RAFTBLK_A_SECTORS, (end - v->at) >> RBLK_SECTOR_SHIFT);
	if (v->mend)
		mnl_attr_put(nlh, RAFTBLK_A_MEND, 0, NULL);
	err = nl_do(v->nl, nlh, op_id, STEP_TIMEOUT_MS, text, sizeof(text));
	if (err)
		return change_failed(v->volume, "verify", err, text, STEP_TIMEOUT_MS);
	err = nl_get(v->nl, v->volume, keep, &o);
	if (err || !o)
		return stopped(v, "its status cannot be read");
	result = jstr(o, "result");
	if (!strcmp(result, "alone") || !strcmp(result, "no-answer") || !strcmp(result, "none")) {
		json_object_put(o);
		return stopped(v, text);
	}
	if (strcmp(result, "equal"))
		tell_found(v, o);
	add_names(v->missing, jstr(o, "missing"));
	v->at = (ju(o, "sector") + ju(o, "sectors")) << RBLK_SECTOR_SHIFT;
	json_object_put(o);
	return 0;
}

static void keep_to_rate(const struct verify *v, u64 done, u64 began)
{
	u64 due = v->rate ? began + done * 1000 / v->rate : 0, now = now_ms();
	struct timespec pause;

	if (due <= now)
		return;
	pause = (struct timespec){ .tv_sec = (time_t)((due - now) / 1000),
				   .tv_nsec = (long)((due - now) % 1000 * 1000000) };
	nanosleep(&pause, NULL);
}

static int compare(struct verify *v)
{
	u64 end = v->to && v->to < v->size ? v->to : v->size, most = STEP_MOST, began = now_ms();
	int err = 0;

	if (v->rate)
		most = max_t(u64, min_t(u64, v->rate / STEPS_A_SECOND, STEP_MOST), STEP_LEAST);
	most -= most % STEP_LEAST;
	v->at = v->from;
	while (!err && v->at < end) {
		err = step(v, min_t(u64, end, v->at + most));
		tell_progress(v, end);
		keep_to_rate(v, v->at - v->from, began);
	}
	if (!v->json && isatty(STDERR_FILENO))
		fputc('\n', stderr);
	return err;
}

static void print_result(struct verify *v)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "volume", json_object_new_string(v->volume));
	json_object_object_add(o, "from", json_object_new_uint64(v->from));
	json_object_object_add(o, "to", json_object_new_uint64(v->at));
	json_object_object_add(o, "differing", json_object_new_uint64(v->differing));
	json_object_object_add(o, "mended", json_object_new_uint64(v->mended));
	json_object_object_add(o, "ranges", json_object_get(v->found));
	json_object_object_add(o, "not_compared", json_object_get(v->missing));
	print_json(o);
	json_object_put(o);
}

static int judge(struct verify *v)
{
	char names[512];
	u64 left = v->differing - v->mended;

	join_names(v->missing, names, sizeof(names));
	if (!v->json && !left)
		printf("%s: bytes %llu-%llu are alike on all members%s%s%s\n", v->volume,
		       (unsigned long long)v->from, (unsigned long long)v->at,
		       names[0] ? ", but for " : "", names,
		       names[0] ? ", which could not be compared everywhere" : "");
	if (left)
		return fail(EXIT_FAILED, v->volume,
			    "verify: %llu ranges differ%s; %s: raftblk verify %s --mend",
			    (unsigned long long)left, v->mend ? " still" : "",
			    v->mend ? "what has no majority is left to you; to look again" :
				      "to mend what differs from a majority",
			    v->volume);
	if (names[0])
		return fail(EXIT_FAILED, v->volume,
			    "verify: %s could not be compared everywhere: it has to be connected and whole; see: raftblk why %s",
			    names, v->volume);
	return 0;
}

int cmd_verify(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "range", KEY_RANGE, "FROM-TO", 0,
		  "compare these bytes only, such as 10G-20G, or 10G- to go on from there", 1 },
		{ "mend", KEY_MEND, NULL, 0,
		  "give a member whose copy differs from that of more than half of all members the content of those",
		  1 },
		{ "rate", KEY_RATE, "SIZE", 0,
		  "compare so many bytes in a second at most, or none for no limit (default: 64M)", 1 },
		{ "offline", KEY_OFFLINE, NULL, 0,
		  "compare the image of this node with its own log, while the volume is down here", 1 },
		{ 0 },
	};
	struct verify v = { .rate = DEFAULT_RATE };
	struct cmdline line = {
		.volume = WANT_VOLUME,
		.takes_json = true,
		.takes_device = true,
		.takes_config = true,
		.options = options,
		.args_doc = "VOLUME",
		.parse = parse,
		.ctx = &v,
		.doc = "Compare the copies of VOLUME that its members have, while it is in use. Run it on a member, on one of them.\v"
		       "Examples:\n  raftblk verify r0\n  raftblk verify r0 --mend --rate 200M\n  raftblk verify r0 --range 10G-20G\n"
		       "  raftblk verify r0 --offline\n",
	};
	int err;

	parse_cmdline(&line, argc, argv);
	v.volume = line.common.volume;
	v.json = line.common.json;
	if (v.offline)
		return verify_offline(&line.common);
	err = nl_open(&v.nl, v.volume);
	if (err)
		return err;
	err = nl_get(v.nl, v.volume, keep_size, &v);
	if (err) {
		err = change_failed(v.volume, "verify", err, "", 0);
	} else if (v.from >= v.size) {
		err = fail(EXIT_FAILED, v.volume, v.size ? "verify: the volume has %llu bytes" :
			   "verify: the volume has no configuration yet (%llu bytes); see: raftblk why",
			   (unsigned long long)v.size);
	} else {
		v.missing = json_object_new_array();
		v.found = json_object_new_array();
		err = compare(&v);
		if (v.json)
			print_result(&v);
		err = err ? err : judge(&v);
		json_object_put(v.missing);
		json_object_put(v.found);
	}
	nl_close(v.nl);
	return err;
}
