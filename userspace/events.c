// SPDX-License-Identifier: GPL-2.0
/* raftblk events: prints a line for each event, until it is interrupted. */
#include <time.h>

#include "tool.h"

struct args {
	const char *volume;
	bool json;
	long count;			/* 0: no end */
};

static void stamp(char *buf, size_t size)
{
	struct timespec t;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &t);
	localtime_r(&t.tv_sec, &tm);
	n = strftime(buf, size, "%Y-%m-%dT%H:%M:%S", &tm);
	n += snprintf(buf + n, size - n, ".%03ld", t.tv_nsec / 1000000);
	strftime(buf + n, size - n, "%z", &tm);
}

static int tell(struct json_object *o, void *ctx)
{
	struct args *a = ctx;
	char when[64];

	if (a->volume && strcmp(jstr(o, "volume"), a->volume))
		return 0;
	stamp(when, sizeof(when));
	if (a->json) {
		json_object_object_add(o, "time", json_object_new_string(when));
		puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
						       JSON_C_TO_STRING_NOSLASHESCAPE));
	} else if (js(o, "event")) {
		printf("%s %s %s: %s\n", when, jstr(o, "volume"), jstr(o, "event"),
		       jstr(o, "text"));
	} else {
		printf("%s %s done: %s%s%s\n", when, jstr(o, "volume"), jstr(o, "text"),
		       ju(o, "error") ? ": " : "",
		       ju(o, "error") ? strerror(ju(o, "error")) : "");
	}
	flush_stdout();
	return a->count && !--a->count;
}

static error_t parse(int key, char *arg, struct argp_state *state, void *ctx)
{
	struct args *a = ctx;
	char *end;

	if (key != 'c')
		return ARGP_ERR_UNKNOWN;
	a->count = strtol(arg, &end, 10);
	if (*end || a->count < 1)
		argp_error(state, "--count: '%s' is not a valid number; write 1 or more", arg);
	return 0;
}

int cmd_events(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "count", 'c', "N", 0, "exit after N events", 1 }, { 0 },
	};
	struct args a = {};
	struct cmdline line = {
		.volume = MAY_VOLUME,
		.takes_json = true,
		.options = options,
		.args_doc = "[VOLUME]",
		.parse = parse,
		.ctx = &a,
		.doc = "Print events of VOLUME, or of all volumes of this network namespace, as they happen.\v"
		       "Examples:\n  raftblk events\n  raftblk events r0 --json\n",
	};
	struct nl *nl;
	int err;

	parse_cmdline(&line, argc, argv);
	a.volume = line.common.volume;
	a.json = line.common.json;
	err = nl_open(&nl, a.volume);
	if (err)
		return err;
	err = nl_listen(nl, tell, &a);
	nl_close(nl);
	return err ? fail(EXIT_FAILED, a.volume, "events: %s", strerror(-err)) : 0;
}
