// SPDX-License-Identifier: GPL-2.0
/* raftblk events: prints a line for each event, until it is interrupted. */
#include <poll.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "status.h"

struct args {
	const char *volume;
	char name[RBLK_NAME_MAX];	/* of the volume; "": all are told of */
	u64 netns;			/* that it is in; 0: this one */
	bool json, now;
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

/* "leader, ready, session held by n3; connected: n1; not connected: n2" */
static void print_now(struct json_object *o, const char *when)
{
	struct json_object *peers = js(o, "peers"), *p;
	size_t i, down, n = peers ? json_object_array_length(peers) : 0;
	const char *title;
	char name[TITLE_MAX];

	printf("%s %s now: %s in term %llu, %s, session %s", when, volume_title(o, name, sizeof(name)),
	       js(o, "role") ? jstr(o, "role") : jstr(o, "state"), (unsigned long long)ju(o, "term"),
	       jb(o, "ready") ? "ready" : "not ready", jstr(o, "session"));
	if (js(o, "holder_node"))
		printf(", holder %s", jstr(o, "holder_node"));
	for (down = 0; down < 2; down++) {
		title = down ? "; not connected:" : "; connected:";
		for (i = 0; i < n; i++) {
			p = json_object_array_get_idx(peers, i);
			if (peer_is_down(o, p) != down)
				continue;
			printf("%s %s", title, jstr(p, "node"));
			title = "";
		}
	}
	puts("");
}

static void print_event(struct json_object *o, const char *when)
{
	char name[TITLE_MAX];

	volume_title(o, name, sizeof(name));
	if (js(o, "event"))
		printf("%s %s %s: %s\n", when, name, jstr(o, "event"), jstr(o, "text"));
	else
		printf("%s %s done: %s%s%s\n", when, name, jstr(o, "text"),
		       ju(o, "error") ? ": " : "",
		       ju(o, "error") ? strerror(ju(o, "error")) : "");
}

static int tell(struct args *a, struct json_object *o,
		void (*print)(struct json_object *o, const char *when))
{
	char when[64];

	if (a->volume && (strcmp(jstr(o, "volume"), a->name) || ju(o, "netns") != a->netns))
		return 0;
	stamp(when, sizeof(when));
	if (a->json) {
		json_object_object_add(o, "time", json_object_new_string(when));
		puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
						       JSON_C_TO_STRING_NOSLASHESCAPE));
	} else {
		print(o, when);
	}
	flush_stdout();
	return a->count && !--a->count;
}

static int tell_event(struct json_object *o, void *ctx)
{
	return tell(ctx, o, print_event);
}

/* As JSON, the status is an event of its own kind. */
static int tell_now(struct args *a, struct json_object *o)
{
	if (a->json)
		json_object_object_add(o, "event", json_object_new_string("now"));
	return tell(a, o, print_now);
}

/*
 * The socket has collected events since before the status is asked for: none is missed in between,
 * and the first ones may tell what the status has already.
 */
static int tell_all_now(struct args *a)
{
	struct json_object *all;
	int err = status_get(a->volume, NULL, &all), end = 0;
	size_t i;

	if (err == EXIT_ABSENT)
		return 0;		/* it was told; the volume may come up */
	if (err)
		return -EIO;
	for (i = 0; i < json_object_array_length(all) && !end; i++)
		end = tell_now(a, json_object_array_get_idx(all, i));
	json_object_put(all);
	return end;
}

/* What "raftblk hold" does, as its file says: of changes that come at once, the last. */
static int tell_holds(struct args *a, int fd)
{
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t at = 0, n = read(fd, buf, sizeof(buf));
	const struct inotify_event *e;
	struct json_object *o;
	int end = 0;

	for (; at < n && !end; at += sizeof(*e) + e->len) {
		e = (const struct inotify_event *)(buf + at);
		o = e->len ? hold_state_read(e->name) : NULL;
		if (o)
			end = tell_event(o, a);
		json_object_put(o);
	}
	return end;
}

static int take_name(struct json_object *o, void *ctx)
{
	struct args *a = ctx;

	snprintf(a->name, sizeof(a->name), "%s", jstr(o, "volume"));
	a->netns = ju(o, "netns");
	return 0;
}

/* An event has the name of the volume, and not its device: which volume that is now. */
static int find_volume(struct args *a, struct nl *nl)
{
	char step[STEP_MAX];
	int err;

	if (parse_device(a->volume) < 0) {
		snprintf(a->name, sizeof(a->name), "%s", a->volume);
		return 0;
	}
	err = nl_get(nl, a->volume, take_name, a);
	if (err == -ENODEV)
		return fail(EXIT_ABSENT, a->volume, "the volume is not up on this node; %s",
			    not_up_step(a->volume, step, sizeof(step)));
	return err ? fail(EXIT_FAILED, a->volume, "events: %s", strerror(-err)) : 0;
}

/* Returns a negative errno, or 1 when as many were told as were asked for. */
static int tell_all(struct args *a, struct nl *nl, int holds)
{
	struct pollfd fd[2] = {
		{ .fd = nl_event_fd(nl), .events = POLLIN }, { .fd = holds, .events = POLLIN },
	};
	int ret = a->now ? tell_all_now(a) : 0;

	while (!ret) {
		if (poll(fd, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (fd[1].revents)
			ret = tell_holds(a, holds);
		if (ret || !fd[0].revents)
			continue;
		ret = nl_read_events(nl, tell_event, a);
		if (ret != -ENOBUFS)
			continue;
		fail(0, a->volume, "events were lost: they came faster than they were read");
		ret = a->now ? tell_all_now(a) : 0;
	}
	return ret;
}

enum { KEY_NOW = 0x100 };

static error_t parse(int key, char *arg, struct argp_state *state, void *ctx)
{
	struct args *a = ctx;
	char *end;

	if (key == KEY_NOW) {
		a->now = true;
		return 0;
	}
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
		{ "count", 'c', "N", 0, "exit after N events", 1 },
		{ "now", KEY_NOW, NULL, 0,
		  "print the state first, and again whenever events were lost", 1 },
		{ 0 },
	};
	struct args a = {};
	struct cmdline line = {
		.volume = MAY_VOLUME,
		.takes_device = true,
		.takes_json = true,
		.options = options,
		.args_doc = "[VOLUME]",
		.parse = parse,
		.ctx = &a,
		.doc = "Print events of VOLUME, or of all volumes of this network namespace, or, in the initial one, of any, as they happen.\v"
		       "Examples:\n  raftblk events\n  raftblk events r0 --now --json\n",
	};
	struct nl *nl;
	int err, holds;

	parse_cmdline(&line, argc, argv);
	a.volume = line.common.volume;
	a.json = line.common.json;
	err = nl_open(&nl, a.volume);
	if (err)
		return err;
	err = a.volume ? find_volume(&a, nl) : 0;
	if (err) {
		nl_close(nl);
		return err;
	}
	/* Without it, only what the kernel tells is told. */
	holds = inotify_init1(IN_CLOEXEC);
	inotify_add_watch(holds, hold_state_dir(), IN_MOVED_TO);
	err = tell_all(&a, nl, holds);
	close(holds);
	nl_close(nl);
	return err < 0 ? fail(EXIT_FAILED, a.volume, "events: %s", strerror(-err)) : 0;
}
