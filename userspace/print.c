// SPDX-License-Identifier: GPL-2.0
/* Printing: sizes, colours, and a volume's status for people. */
#include <unistd.h>

#include "status.h"

const char *paint(const char *colour, FILE *f)
{
	static int decided[3];		/* 0: not yet, 1: no, 2: yes */
	int fd = fileno(f);

	if (fd < 0 || fd > 2)
		return "";
	if (!decided[fd])
		decided[fd] = isatty(fd) && !getenv("NO_COLOR") ? 2 : 1;
	return decided[fd] == 2 ? colour : "";
}

const char *human_bytes(u64 bytes, char *buf, size_t size)
{
	static const char units[] = "KMGTPE";
	int i = -1;
	u64 v = bytes, rest = 0;

	while (v >= 1024 && i < 5) {
		rest = v & 1023;
		v >>= 10;
		i++;
	}
	if (i < 0)
		snprintf(buf, size, "%llu B", (unsigned long long)bytes);
	else if (v < 10 && rest)
		snprintf(buf, size, "%llu.%llu %ciB", (unsigned long long)v,
			 (unsigned long long)(rest * 10 >> 10), units[i]);
	else
		snprintf(buf, size, "%llu %ciB", (unsigned long long)v, units[i]);
	return buf;
}

void print_json(struct json_object *o)
{
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
					       JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* A path is a JSON pointer (RFC 6901), with dots for slashes: no key has either. */
struct json_object *js(struct json_object *o, const char *path)
{
	char pointer[128] = "/", *dot;
	struct json_object *found;

	if (strlen(path) >= sizeof(pointer) - 1)
		return NULL;
	strcpy(pointer + 1, path);
	for (dot = pointer; (dot = strchr(dot, '.'));)
		*dot = '/';
	return json_pointer_get(o, pointer, &found) ? NULL : found;
}

u64 ju(struct json_object *o, const char *path)
{
	o = js(o, path);
	return o ? json_object_get_uint64(o) : 0;
}

const char *jstr(struct json_object *o, const char *path)
{
	o = js(o, path);
	return o ? json_object_get_string(o) : "";
}

bool jb(struct json_object *o, const char *path)
{
	o = js(o, path);
	return o && json_object_get_boolean(o);
}

/* ---- status ---- */

const char *volume_title(struct json_object *o, char *buf, size_t size)
{
	int n = snprintf(buf, size, "%s", jstr(o, "volume"));

	if (ju(o, "netns"))
		snprintf(buf + n, size - n, " (netns %s)", jstr(o, "netns"));
	return buf;
}

static void field(const char *name)
{
	printf("  %-11s ", name);
}

/* The status of a volume that responds is newer than this. */
static void print_age(struct json_object *o)
{
	u64 ms = ju(o, "age_ms");

	if (ms < STATUS_OLD_MS)
		return;
	field("as of");
	printf("%s%llu s ago: the volume is unresponsive%s\n", paint(RED, stdout),
	       (unsigned long long)(ms / 1000), paint(PLAIN, stdout));
}

static void print_role(struct json_object *o)
{
	const char *role = jstr(o, "role"), *leader = jstr(o, "leader_node");
	bool leads = !strcmp(role, "leader"), well = jb(o, "ready");

	field("role");
	printf("%s%s%s in term %llu",
	       paint(leads && well ? GREEN :
		     leader[0]	   ? "" :
				     YELLOW,
		     stdout),
	       role, paint(PLAIN, stdout), (unsigned long long)ju(o, "term"));
	if (!leads)
		printf(", %s%s%s%s", leader[0] ? "leader " : "", paint(leader[0] ? "" : RED, stdout),
		       leader[0] ? leader : "no leader is known", paint(PLAIN, stdout));
	puts("");
	field("I/O");
	if (js(o, "invariant"))
		printf("%shalted: a broken invariant: %s (please report this)%s",
		       paint(RED, stdout), jstr(o, "invariant"), paint(PLAIN, stdout));
	else if (strcmp(jstr(o, "halt"), "none"))
		printf("%shalted: %s (error %llu)%s", paint(RED, stdout), jstr(o, "halt"),
		       (unsigned long long)ju(o, "halt_error"), paint(PLAIN, stdout));
	else
		printf("%s%s%s", paint(well ? GREEN : RED, stdout),
		       well ? "served" : "waiting", paint(PLAIN, stdout));
	printf(", %llu openers, %llu requests in progress\n",
	       (unsigned long long)ju(o, "openers"),
	       (unsigned long long)ju(o, "inflight"));
}

static void print_session(struct json_object *o)
{
	struct json_object *list = js(o, "sessions"), *s;
	size_t i, n = list ? json_object_array_length(list) : 0;

	field("session");
	printf("%s%s", jb(o, "conf.shared") ? "shared, " : "", n ? "held by " : "free");
	for (i = 0; i < n; i++) {
		s = json_object_array_get_idx(list, i);
		printf("%s%s%s%s since entry %llu", i ? ", " : "", paint(BOLD, stdout),
		       jstr(s, "node"), paint(PLAIN, stdout), (unsigned long long)ju(s, "epoch"));
	}
	if (!strcmp(jstr(o, "session"), "fenced"))
		printf("; %sthis node is fenced%s", paint(RED, stdout), paint(PLAIN, stdout));
	puts("");
}

static void print_log(struct json_object *o)
{
	u64 size = ju(o, "ring_bytes"), used = ju(o, "ring_used");
	char a[32], b[32], c[32];

	field("log");
	printf("%s of %s used (%llu%%), entries %llu to %llu, committed to %llu, durable to %llu\n",
	       human_bytes(used, a, sizeof(a)), human_bytes(size, b, sizeof(b)),
	       (unsigned long long)(size ? used * 100 / size : 0),
	       (unsigned long long)ju(o, "first_index") + 1,
	       (unsigned long long)ju(o, "last_index"),
	       (unsigned long long)ju(o, "commit_index"),
	       (unsigned long long)ju(o, "durable_index"));
	field("data");
	printf("checkpoint at entry %llu, applied to entry %llu, %s not applied yet\n",
	       (unsigned long long)ju(o, "checkpoint_index"),
	       (unsigned long long)ju(o, "applied_index"),
	       human_bytes(ju(o, "unapplied_bytes"), c, sizeof(c)));
}

/* Only a leader knows how far the others are. */
static void print_away(struct json_object *o)
{
	u64 ms = ju(o, "away_ms");
	char buf[32];

	if (!is(o, "role", "leader") || !js(o, "away_entries"))
		return;
	field("away");
	printf("a member needs a resync after another %llu entries or %s of the log",
	       (unsigned long long)ju(o, "away_entries"),
	       human_bytes(ju(o, "away_bytes"), buf, sizeof(buf)));
	if (ms)
		printf(", in %llu s at the present rate", (unsigned long long)ms / 1000);
	puts("");
}

static void print_late(u64 ms)
{
	if (ms)
		printf(" (%sno response for %.1f s%s)", paint(RED, stdout), (double)ms / 1000,
		       paint(PLAIN, stdout));
}

static void print_peer(struct json_object *o, struct json_object *p)
{
	bool up = jb(p, "consensus_up") && jb(p, "bulk_up");
	u64 last = ju(o, "last_index"), match = ju(p, "match");

	field("peer");
	printf("%-12s ", jstr(p, "node"));
	if (up)
		printf("%sconnected%s", paint(GREEN, stdout), paint(PLAIN, stdout));
	else if (jstr(p, "reason")[0])
		printf("%s%s: %s%s", paint(RED, stdout),
		       js(p, "rejected") ? "refused by this node" : "refuses this node", jstr(p, "reason"),
		       paint(PLAIN, stdout));
	else
		printf("%snot connected%s%s%s", paint(RED, stdout), paint(PLAIN, stdout),
		       js(p, "error") ? ": " : "",
		       js(p, "error") ? strerror(ju(p, "error")) : "");
	if (!strcmp(jstr(o, "role"), "leader") && js(p, "replica")) {
		printf(", has entries to %llu", (unsigned long long)match);
		if (match < last)
			printf(" (%llu behind)", (unsigned long long)(last - match));
		if (strcmp(jstr(p, "replica"), "replicate"))
			printf(", %s", jstr(p, "replica"));
	}
	if (jb(p, "needs_resync"))
		printf(", %sneeds a resync%s", paint(RED, stdout), paint(PLAIN, stdout));
	if (jb(p, "absent"))
		printf(", %sis resynchronised%s", paint(YELLOW, stdout), paint(PLAIN, stdout));
	if (jb(p, "lost"))
		printf(", %shas lost its replica%s", paint(RED, stdout), paint(PLAIN, stdout));
	else if (jb(p, "impaired"))
		printf(", %sa device of it does not respond%s", paint(RED, stdout),
		       paint(PLAIN, stdout));
	if (jb(p, "stuck"))
		printf(", %spayload does not get through%s", paint(RED, stdout), paint(PLAIN, stdout));
	if (js(p, "copy"))
		printf(", %stwo machines have its store: %s%s", paint(RED, stdout), jstr(p, "copy"),
		       paint(PLAIN, stdout));
	if (jb(p, "blocked"))
		printf(", %sits payload reaches no majority%s", paint(RED, stdout),
		       paint(PLAIN, stdout));
	puts("");
}

/* What is absent, and from whom it comes. The rate is that of the whole resync. */
static void print_resync(struct json_object *o)
{
	u64 pulled = ju(o, "pulled_bytes"), absent = ju(o, "absent_bytes");
	u64 s = ju(o, "resync_ms") / 1000;
	char a[TITLE_MAX], b[TITLE_MAX];

	field("resync");
	printf("%s%s absent%s, %s pulled", paint(YELLOW, stdout),
	       human_bytes(absent, a, sizeof(a)), paint(PLAIN, stdout),
	       human_bytes(pulled, b, sizeof(b)));
	if (js(o, "resync_source"))
		printf(", now from %s", jstr(o, "resync_source"));
	if (s && pulled / s)
		printf("; about %llu s left", (unsigned long long)(absent / (pulled / s)));
	if (ju(o, "resync_rate"))
		printf("; at most %s/s%s", human_bytes(ju(o, "resync_rate") << 10, a, sizeof(a)),
		       is(o, "resync_bound", "users") ? " beside the writes of users" : "");
	puts("; reads go to the leader");
}

/* What the newest comparison of the copies found, and what is left of it. */
static void print_verify(struct json_object *o)
{
	static const struct { const char *name, *text; } results[] = {
		{ "equal", "all copies are alike" }, { "mended", "a copy was mended" },
		{ "differs", "a copy differs" }, { "split", "copies differ, without a majority" },
		{ "alone", "no two members could read" }, { "no-answer", "nobody could compare" },
	};
	u64 sector = ju(o, "verify.sector"), s = ju(o, "verify.age_ms") / 1000;
	char buf[TITLE_MAX];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(results); i++)
		if (!strcmp(jstr(o, "verify.result"), results[i].name))
			break;
	if (i == ARRAY_SIZE(results) && !jb(o, "verify.busy"))
		return;
	field("verify");
	if (jb(o, "verify.busy"))
		printf("under way at %s",
		       human_bytes(sector << RBLK_SECTOR_SHIFT, buf, sizeof(buf)));
	else
		printf("%s, up to %s, %llu s ago", results[i].text,
		       human_bytes((sector + ju(o, "verify.sectors")) << RBLK_SECTOR_SHIFT, buf,
				   sizeof(buf)),
		       (unsigned long long)s);
	if (jstr(o, "verify.missing")[0])
		printf("; not compared: %s", jstr(o, "verify.missing"));
	if (strcmp(jstr(o, "verify.open"), "none"))
		printf("; %snot mended: %s%s", paint(RED, stdout), jstr(o, "verify.open_nodes"),
		       paint(PLAIN, stdout));
	puts("");
}

/* What was found damaged since the start, and is whole again. */
static void print_damage(struct json_object *o)
{
	if (ju(o, "copies_mended")) {
		field("mended");
		printf("%llu copies of superblock, metadata or data header were damaged at the start; see dmesg(1)\n",
		       (unsigned long long)ju(o, "copies_mended"));
	}
	if (ju(o, "log_rots")) {
		field("log");
		printf("a part of it was damaged %llu times since the start, and given up; see dmesg(1)\n",
		       (unsigned long long)ju(o, "log_rots"));
	}
}

/* What the data device failed to read. */
static void print_failed_reads(struct json_object *o)
{
	u64 left = ju(o, "blocks_left");

	field("reads");
	printf("%llu failed on the data device; %llu blocks were rewritten from other members",
	       (unsigned long long)ju(o, "reads_failed"),
	       (unsigned long long)ju(o, "blocks_rewritten"));
	if (left)
		printf(", %s%llu cannot be read all the same%s", paint(RED, stdout),
		       (unsigned long long)left, paint(PLAIN, stdout));
	puts("");
}

static void print_lost(struct json_object *o)
{
	u64 losses = ju(o, "losses");

	if (is_lost(o))
		printf("  %sthis node has lost its replica: the %s device %s (error %llu), and its I/O goes through the other members%s\n",
		       paint(RED, stdout), is(o, "lost", "data") ? "data" : "log",
		       is(o, "lost", "rot") ? "is damaged" : "failed",
		       (unsigned long long)ju(o, "lost_error"), paint(PLAIN, stdout));
	if (has_no_data(o))
		printf("  %sits data device failed (error %llu): this node votes with its log, and its I/O goes through the other members%s\n",
		       paint(RED, stdout), (unsigned long long)ju(o, "lost_error"),
		       paint(PLAIN, stdout));
	if (losses > (is_lost(o) || has_no_data(o)))
		printf("  %sits replica was lost %llu %s since it was started%s\n",
		       paint(YELLOW, stdout), (unsigned long long)losses,
		       losses == 1 ? "time" : "times", paint(PLAIN, stdout));
}

static void print_devices(struct json_object *o)
{
	char buf[TITLE_MAX];

	field("devices");
	if (!jstr(o, "log_path")[0]) {
		puts("none: this node is a client");
		return;
	}
	printf("log %s", jstr(o, "log_path"));
	print_late(ju(o, "log_late_ms"));
	printf(", data %s", jstr(o, "data_path"));
	print_late(ju(o, "data_late_ms"));
	if (ju(o, "unwritten_bytes"))
		printf(", of which %s are unwritten, and read as zeroes",
		       human_bytes(ju(o, "unwritten_bytes"), buf, sizeof(buf)));
	puts("");
	print_damage(o);
	if (ju(o, "reads_failed"))
		print_failed_reads(o);
}

void print_status(struct json_object *o)
{
	struct json_object *peers = js(o, "peers");
	char buf[TITLE_MAX];
	size_t i;

	printf("%s%s%s on %s: ", paint(BOLD, stdout), volume_title(o, buf, sizeof(buf)),
	       paint(PLAIN, stdout), jstr(o, "node"));
	if (!js(o, "role")) {
		printf("%s%s%s\n", jstr(o, "device"), js(o, "device") ? ", " : "",
		       js(o, "state") ? jstr(o, "state") : "its status did not fit into the answer");
		return;
	}
	printf("%s", jstr(o, "device"));
	if (js(o, "conf"))
		printf(", %s", human_bytes(ju(o, "conf.sectors") << RBLK_SECTOR_SHIFT, buf,
					   sizeof(buf)));
	else
		printf(", %snot bootstrapped%s", paint(YELLOW, stdout), paint(PLAIN, stdout));
	if (strcmp(jstr(o, "state"), "running"))
		printf(", %s", jstr(o, "state"));
	puts("");
	print_age(o);
	print_role(o);
	print_session(o);
	if (jstr(o, "log_path")[0] && !is_lost(o))
		print_log(o);
	for (i = 0; peers && i < json_object_array_length(peers); i++)
		print_peer(o, json_object_array_get_idx(peers, i));
	print_lost(o);
	if (ju(o, "owed_index"))
		printf("  %sthe log was damaged, and lacks entries that this node had acknowledged: the leader brings them again%s\n",
		       paint(RED, stdout), paint(PLAIN, stdout));
	print_away(o);
	if (jb(o, "needs_resync"))
		printf("  %sthis node needs a resync: the log no longer covers it, and its I/O goes to the leader%s\n",
		       paint(RED, stdout), paint(PLAIN, stdout));
	else if (jb(o, "absent") && !has_no_data(o))
		print_resync(o);
	if (js(o, "verify"))
		print_verify(o);
	print_devices(o);
}
