// SPDX-License-Identifier: GPL-2.0
/*
 * raftblk hold: high availability without a manager. Waits until this node gets
 * the session, mounts, starts what needs the volume, and when the session is
 * lost stops it, unmounts, and waits again.
 *
 * Who may write is decided in the log, never here: two of these that both
 * believe to be the one do no harm. So this is only about being quick, and about
 * leaving nothing behind on a node that lost its turn. For that it does not touch
 * the file system while it watches (it would hang with it), asks nobody but the
 * kernel, and gives every command that it runs a deadline.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <libmnl/libmnl.h>

#include "hold.h"
#include "uapi/raftblk.h"

/*
 * The kernel goes on asking for so long on behalf of this program: not much longer than
 * it lives.
 */
#define ASK_MS		2000
#define LOOK_MS		2000	/* between two looks when no event came */
#define ASIDE_MS	10000	/* others first, after a failure or a SIGHUP */
#define AGAIN_MS	600000	/* a repair that lasts for less is not tried again */

/* ---- telling ---- */

static void notify(const char *what)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	int fd;

	if (!path || strlen(path) >= sizeof(to.sun_path))
		return;
	strcpy(to.sun_path, path);
	if (to.sun_path[0] == '@')
		to.sun_path[0] = 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendto(fd, what, strlen(what), MSG_NOSIGNAL, (struct sockaddr *)&to,
	       offsetof(struct sockaddr_un, sun_path) + strlen(path));
	close(fd);
}

/* Each state once: waiting takes many turns. */
void hold_say(struct hold *h, const char *fmt, ...)
{
	char text[280], line[300];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (!strcmp(text, h->said))
		return;
	strcpy(h->said, text);
	printf("%s: %s\n", h->volume, text);
	fflush(stdout);
	snprintf(line, sizeof(line), "STATUS=%s", text);
	notify(line);
	hold_state_write(h, text);
}

/* ---- time and signals ---- */

static void take_signals(struct hold *h)
{
	struct signalfd_siginfo info;

	while (read(h->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			h->aside = true;
		else if (info.ssi_signo != SIGCHLD)
			h->end = true;
	}
}

/* Until something happens that is of interest, @ms at most. */
void hold_rest(struct hold *h, u64 ms)
{
	struct pollfd fd = { .fd = h->signals, .events = POLLIN };

	if (poll(&fd, 1, ms) > 0)
		take_signals(h);
}

static void pause_ms(struct hold *h, u64 ms)
{
	u64 end = now_ms() + ms, now;

	while (!h->end && (now = now_ms()) < end)
		hold_rest(h, end - now);
}

static void open_signals(struct hold *h)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	h->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (h->signals < 0)
		exit(fail(EXIT_FAILED, h->volume, "signalfd: %s", strerror(errno)));
}

/* ---- where the session stands ---- */

static int keep_status(struct json_object *o, void *ctx)
{
	struct hold *h = ctx;

	if (h->status)
		json_object_put(h->status);
	h->status = json_object_get(o);
	snprintf(h->name, sizeof(h->name), "%s", jstr(o, "volume"));
	return 0;
}

/* A volume that does not answer keeps the status that was known last. */
void hold_look(struct hold *h)
{
	h->status_err = nl_get(h->nl, h->volume, keep_status, h);
	if (h->status_err == -ENODEV && h->status) {
		json_object_put(h->status);
		h->status = NULL;
	}
}

static bool in_state(struct hold *h, const char *session)
{
	return h->status && !strcmp(jstr(h->status, "session"), session);
}

/* The session with which the device was opened is gone, and all that is open with it. */
bool hold_is_lost(struct hold *h)
{
	if (h->status_err && h->status_err != -ENODEV)
		return false;
	return !in_state(h, "held") || ju(h->status, "session_epoch") != h->epoch ||
	       strcmp(jstr(h->status, "halt"), "none");
}

static bool is_cut_off(struct hold *h)
{
	return h->status && !jb(h->status, "ready");
}

/* ---- the states ---- */

static int ask(struct hold *h)
{
	u64 op_id = nl_op_id();
	struct nlmsghdr *nlh = nl_request(h->nl, RAFTBLK_CMD_TAKE, false);
	char text[256];

	nl_put_volume(nlh, h->volume);
	mnl_attr_put_u64(nlh, RAFTBLK_A_OP_ID, op_id);
	mnl_attr_put_u32(nlh, RAFTBLK_A_WAIT_MS, ASK_MS);
	return nl_do(h->nl, nlh, op_id, 2 * ASK_MS, text, sizeof(text));
}

/*
 * Opening for writing is what counts: while the device is open the session is not
 * given up. Kept open for reading only, since a newer kernel mounts nothing that
 * others may write to.
 */
static bool open_device(struct hold *h)
{
	int fd = open(h->device, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return false;
	h->fd = open(h->device, O_RDONLY | O_CLOEXEC);
	close(fd);
	if (h->fd < 0)
		return false;
	hold_look(h);
	h->epoch = h->status ? ju(h->status, "session_epoch") : 0;
	if (!hold_is_lost(h))
		return true;
	close(h->fd);
	h->fd = -1;
	return false;
}

static bool get_session(struct hold *h)
{
	hold_look(h);
	if (!h->status || strcmp(jstr(h->status, "state"), "running") || !js(h->status, "minor")) {
		hold_say(h, "waiting: the volume is not up here");
		pause_ms(h, HOLD_RETRY_MS);
		return false;
	}
	snprintf(h->device, sizeof(h->device), "/dev/raftblk%llu",
		 (unsigned long long)ju(h->status, "minor"));
	if (in_state(h, "fenced")) {
		hold_say(h, "waiting: this node was fenced, and %s is still open here",
		    h->device);
		pause_ms(h, HOLD_RETRY_MS);
		return false;
	}
	hold_say(h, "waiting for the session");
	if (ask(h)) {
		if (!in_state(h, "held"))
			h->trouble[0] = 0;	/* another node may serve */
		/* Refused at once: not bootstrapped, halted, another one asks. */
		hold_rest(h, 200);
		return false;
	}
	return open_device(h);
}

/* Why it is stopped was said: of two states at once, who watches may see the second only. */
static int set_started(struct hold *h, bool start, bool lost)
{
	int ret;

	if (h->started == start)
		return 0;
	h->started = start;
	if (start)
		hold_say(h, "starting");
	ret = hold_run_hook(h, start ? "start" : "stop", start ? h->start : h->stop, start, lost);
	if (start)
		hold_failed(h, "the start command", ret);
	return ret;
}

/* Also the end of what was not begun: what is not mounted is not unmounted. */
static void deactivate(struct hold *h)
{
	bool lost;

	hold_look(h);
	lost = hold_is_lost(h);
	if (lost)
		hold_say(h, "the session was lost: stopping");
	else if (h->started || h->mounted)
		hold_say(h, "stopping");
	set_started(h, false, lost);
	hold_umount(h, lost);
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
	hold_say(h, "not active");
}

static int on_event(struct json_object *o, void *ctx)
{
	return 0;
}

static void await_event(struct hold *h, u64 ms)
{
	struct pollfd fd[2] = {
		{ .fd = h->signals, .events = POLLIN },
		{ .fd = nl_event_fd(h->nl), .events = POLLIN },
	};

	if (poll(fd, 2, ms) <= 0)
		return;
	if (fd[1].revents)
		nl_read_events(h->nl, on_event, NULL);
	take_signals(h);
}

/*
 * Until the session is lost, the file system fails, or somebody says so. Services stop while it is
 * not served for long.
 */
static void watch(struct hold *h)
{
	u64 served = now_ms();

	for (;;) {
		hold_look(h);
		if (h->end || h->aside || hold_is_lost(h) || hold_fs_failed(h))
			return;
		if (!is_cut_off(h))
			served = now_ms();
		if (!h->started && served >= now_ms() - HOLD_RETRY_MS) {
			h->aside = set_started(h, true, false);
			if (h->aside)
				return;
		} else if (h->started && h->patience_ms &&
			   now_ms() - served >= h->patience_ms) {
			hold_say(h, "cut off from the other nodes: stopping");
			set_started(h, false, true);
		}
		if (h->started)
			hold_say(h, "active on %s%s%s", h->device, h->dir ? ", mounted on " : "",
			    h->dir ? h->dir : "");
		else
			hold_say(h, "stopped: cut off from the other nodes");
		await_event(h, LOOK_MS);
	}
}

static int serve_once(struct hold *h)
{
	int err = 0;

	if (hold_find_mount(h))
		h->mounted = true;
	else
		err = hold_mount(h);
	if (!err)
		hold_fs_begin(h);
	if (!err)
		err = set_started(h, true, false);
	if (!err)
		watch(h);
	return err;
}

/* Is the file system, which has failed, to be mounted here again? Whoever used it is stopped. */
static bool repair(struct hold *h)
{
	bool again = h->repaired && now_ms() - h->repaired < AGAIN_MS;

	hold_look(h);
	if (h->end || h->aside || hold_is_lost(h))
		return false;
	h->aside = h->on_error == HOLD_ASIDE || again;
	hold_say(h, "%s%s: stopping, to %s", h->trouble, again ? " again" : "",
		 h->aside ? "let another node repair it" : "repair it");
	fail(0, h->volume, "%s", h->said);
	/* What it writes fails, as when the session is lost. */
	set_started(h, false, true);
	hold_umount(h, true);
	h->repaired = now_ms();
	/* Its writes may have timed out for want of a quorum, which fsck needs as well. */
	for (hold_look(h); is_cut_off(h) && !hold_is_lost(h) && !h->end; hold_look(h)) {
		hold_say(h, "waiting to repair the file system: cut off from the other nodes");
		hold_rest(h, HOLD_RETRY_MS);
	}
	return !h->aside && !h->end && !h->mounted && !hold_is_lost(h);
}

static void serve(struct hold *h)
{
	int err;

	do
		err = serve_once(h);
	while (!err && !h->aside && h->trouble[0] && repair(h));
	h->aside |= err && err != -ESTALE;
	deactivate(h);
	if (h->aside && !h->end && !h->once) {
		hold_say(h, "stepping aside for %d s", ASIDE_MS / 1000);
		h->aside = false;
		pause_ms(h, ASIDE_MS);
	}
}

/* What a predecessor left mounted when it was killed is fenced, or still ours. */
static void adopt(struct hold *h)
{
	hold_look(h);
	if (!h->status || !js(h->status, "minor"))
		return;
	snprintf(h->device, sizeof(h->device), "/dev/raftblk%llu",
		 (unsigned long long)ju(h->status, "minor"));
	if (!hold_find_mount(h) || in_state(h, "held"))
		return;
	h->mounted = true;
	h->started = true;
	deactivate(h);
}

/* ---- the command ---- */

enum {
	KEY_OPTIONS = 0x1ff, KEY_TIMEOUT = 't', KEY_START = 0x200, KEY_STOP, KEY_NO_FSCK, KEY_TYPE,
	KEY_PATIENCE, KEY_ONCE, KEY_ON_ERROR
};

static const struct argp_option options[] = {
	{ "type", KEY_TYPE, "TYPE", 0, "of the file system, for mount(8)", 1 },
	{ "options", KEY_OPTIONS, "OPTIONS", 0, "for mount(8)", 1 },
	{ "no-fsck", KEY_NO_FSCK, NULL, 0, "do not run fsck(8) before", 1 },
	{ "start", KEY_START, "COMMAND", 0, "run when it is mounted", 2 },
	{ "stop", KEY_STOP, "COMMAND", 0,
	  "run before it is unmounted, and when the session is lost", 2 },
	{ "timeout", KEY_TIMEOUT, "TIME", 0, "for each of the commands; then it is killed (90s)",
	  2 },
	{ "patience", KEY_PATIENCE, "TIME", 0,
	  "run the stop command when IO has waited for a quorum for so long (never)", 2 },
	{ "on-error", KEY_ON_ERROR, "ACTION", 0,
	  "when the file system becomes read-only or finds errors: repair (default), or step aside, or ignore it",
	  2 },
	{ "once", KEY_ONCE, NULL, 0, "end when the session was lost, instead of waiting again", 2 },
	{ 0 },
};

static int parse_on_error(struct hold *h, const char *arg, struct argp_state *state)
{
	static const char *const actions[] = {
		[HOLD_REPAIR] = "repair", [HOLD_ASIDE] = "aside", [HOLD_IGNORE] = "ignore",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(actions); i++) {
		if (strcmp(arg, actions[i]))
			continue;
		h->on_error = i;
		return 0;
	}
	argp_error(state, "--on-error: '%s' is none of repair, aside and ignore", arg);
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state, void *ctx)
{
	struct hold *h = ctx;

	switch (key) {
	case KEY_TYPE:
		h->type = arg;
		return 0;
	case KEY_OPTIONS:
		h->mount_options = arg;
		return 0;
	case KEY_NO_FSCK:
		h->fsck = false;
		return 0;
	case KEY_ON_ERROR:
		return parse_on_error(h, arg, state);
	case KEY_ONCE:
		h->once = true;
		return 0;
	case KEY_START:
		h->start = arg;
		return 0;
	case KEY_STOP:
		h->stop = arg;
		return 0;
	case KEY_TIMEOUT:
		return parse_time("timeout", arg, 1, TIME_MAX_MS, state, &h->command_ms);
	case KEY_PATIENCE:
		return parse_time("patience", arg, 0, TIME_MAX_MS, state, &h->patience_ms);
	case ARGP_KEY_ARG:
		if (h->dir)
			return ARGP_ERR_UNKNOWN;
		if (arg[0] != '/')
			argp_error(state, "%s: where to mount is an absolute path", arg);
		h->dir = arg;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

int cmd_hold(int argc, char **argv)
{
	struct hold h = { .fd = -1, .state_fd = -1, .fsck = true, .command_ms = 90000 };
	struct cmdline line = {
		.volume = WANT_VOLUME,
		.takes_device = true,
		.options = options,
		.args_doc = "VOLUME [DIR]",
		.parse = parse,
		.ctx = &h,
		.doc = "Wait until this node gets the session of VOLUME, mount it on DIR, run the start command. "
		       "When the session is lost, or on SIGTERM, run the stop command and unmount. "
		       "Run it on all nodes: one is active, another takes over when that one dies.\v"
		       "SIGHUP: hand over to another node.\n"
		       "Examples:\n  raftblk hold r0 /srv/r0 --start 'systemctl start db' \\\n"
		       "    --stop 'systemctl stop db'\n"
		       "  raftblk hold r0\n",
	};
	bool lost = false;
	struct stat st;
	int err;

	parse_cmdline(&line, argc, argv);
	h.volume = line.common.volume;
	if (h.dir && (stat(h.dir, &st) || !S_ISDIR(st.st_mode)))
		return fail(EXIT_ABSENT, h.volume, "%s is no directory; make it: mkdir -p %s",
			    h.dir, h.dir);
	if (h.dir)
		h.dir = realpath(h.dir, NULL);
	err = nl_open(&h.nl, h.volume);
	if (err)
		return err;
	open_signals(&h);
	notify("READY=1");
	adopt(&h);
	while (!h.end) {
		if (get_session(&h)) {
			serve(&h);
			lost = h.once && !h.end;
			h.end |= h.once;
		}
		take_signals(&h);
		h.aside = false;
	}
	notify("STOPPING=1");
	hold_state_end(&h);
	nl_close(h.nl);
	return lost || h.mounted ? EXIT_FAILED : 0;
}
