// SPDX-License-Identifier: GPL-2.0
/*
 * Generic netlink: one socket for requests, one for events. An acknowledgment only
 * says that an operation was started. The operation ends with a "done" event that has
 * our op_id, so the event socket listens before the request is sent.
 */
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "decode.h"
#include "tool.h"
#include "uapi/raftblk.h"

#define BUF_BYTES	(64u << 10)
#define EVENT_RCVBUF	(1u << 20)

struct nl {
	struct mnl_socket *req, *event;
	u16 family;
	u32 group;
	u32 seq;
	char text[256];			/* of the last extended ack */
	u8 buf[BUF_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
};

u64 nl_op_id(void)
{
	u64 t = 0;

	while (!t)
		if (getrandom(&t, sizeof(t), 0) != sizeof(t))
			t = time(NULL);
	return t;
}

/* ---- the family ---- */

static int on_group(const struct nlattr *attr, void *data)
{
	struct nl *nl = data;
	const struct nlattr *a;
	const char *name = NULL;
	u32 id = 0;

	mnl_attr_for_each_nested(a, attr) {
		if (mnl_attr_get_type(a) == CTRL_ATTR_MCAST_GRP_NAME)
			name = mnl_attr_get_str(a);
		if (mnl_attr_get_type(a) == CTRL_ATTR_MCAST_GRP_ID)
			id = mnl_attr_get_u32(a);
	}
	if (name && !strcmp(name, RAFTBLK_MCGRP_EVENTS))
		nl->group = id;
	return MNL_CB_OK;
}

static int on_family_attr(const struct nlattr *attr, void *data)
{
	struct nl *nl = data;

	if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
		nl->family = mnl_attr_get_u16(attr);
	if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GROUPS)
		mnl_attr_parse_nested(attr, on_group, nl);
	return MNL_CB_OK;
}

static int on_family(const struct nlmsghdr *nlh, void *data)
{
	mnl_attr_parse(nlh, sizeof(struct genlmsghdr), on_family_attr, data);
	return MNL_CB_OK;
}

/* ---- requests ---- */

/* Keeps the text of an extended acknowledgment. */
static void extended_ack(struct nl *nl, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *err = mnl_nlmsg_get_payload(nlh);
	size_t skip = sizeof(*err);
	const struct nlattr *attr;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += err->msg.nlmsg_len - sizeof(err->msg);
	mnl_attr_for_each(attr, nlh, skip) {
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG)
			snprintf(nl->text, sizeof(nl->text), "%s", mnl_attr_get_str(attr));
	}
}

struct talk {
	struct nl *nl;
	int err;
	mnl_cb_t fn;
	void *ctx;
};

static int on_error(const struct nlmsghdr *nlh, void *data)
{
	const struct nlmsgerr *err = mnl_nlmsg_get_payload(nlh);
	struct talk *t = data;

	t->err = err->error;
	extended_ack(t->nl, nlh);
	return MNL_CB_STOP;
}

static int on_done(const struct nlmsghdr *nlh, void *data)
{
	struct talk *t = data;

	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(int))
		memcpy(&t->err, mnl_nlmsg_get_payload(nlh), sizeof(int));
	return MNL_CB_STOP;
}

static int on_message(const struct nlmsghdr *nlh, void *data)
{
	struct talk *t = data;

	return t->fn ? t->fn(nlh, t->ctx) : MNL_CB_OK;
}

/* Sends @nlh and reads until its acknowledgment or the end of a dump. */
static int talk(struct nl *nl, struct nlmsghdr *nlh, mnl_cb_t fn, void *ctx)
{
	static mnl_cb_t control[NLMSG_MIN_TYPE] = {
		[NLMSG_ERROR] = on_error,
		[NLMSG_DONE] = on_done,
	};
	struct talk t = { .nl = nl, .fn = fn, .ctx = ctx };
	u32 seq = nlh->nlmsg_seq;
	ssize_t n;
	int ret;

	nl->text[0] = 0;
	if (mnl_socket_sendto(nl->req, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		n = mnl_socket_recvfrom(nl->req, nl->buf, sizeof(nl->buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		ret = mnl_cb_run2(nl->buf, n, seq, mnl_socket_get_portid(nl->req), on_message, &t,
				  control, NLMSG_MIN_TYPE);
	} while (n < 0 || ret > MNL_CB_STOP);
	return ret < 0 && !t.err ? -errno : t.err;
}

static struct nlmsghdr *header(struct nl *nl, u16 type, u16 flags, u8 cmd, u8 version)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(nl->buf);
	struct genlmsghdr *g;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++nl->seq;
	g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));
	g->cmd = cmd;
	g->version = version;
	return nlh;
}

struct nlmsghdr *nl_request(struct nl *nl, u8 cmd, bool dump)
{
	return header(nl, nl->family, dump ? NLM_F_DUMP : NLM_F_ACK, cmd, RAFTBLK_FAMILY_VERSION);
}

void nl_put_volume(struct nlmsghdr *nlh, const char *volume)
{
	int minor = parse_device(volume);

	if (minor >= 0)
		mnl_attr_put_u32(nlh, RAFTBLK_A_MINOR, minor);
	else
		mnl_attr_put_strz(nlh, RAFTBLK_A_VOLUME, volume);
}

static struct mnl_socket *open_socket(void)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	int one = 1;

	if (s && mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID)) {
		mnl_socket_close(s);
		return NULL;
	}
	if (s) {
		mnl_socket_setsockopt(s, NETLINK_EXT_ACK, &one, sizeof(one));
		mnl_socket_setsockopt(s, NETLINK_CAP_ACK, &one, sizeof(one));
	}
	return s;
}

int nl_open(struct nl **out, const char *subject)
{
	struct nl *nl = calloc(1, sizeof(*nl));
	int err, size = EVENT_RCVBUF;
	struct nlmsghdr *nlh;

	if (!nl)
		return fail(EXIT_FAILED, subject, "out of memory");
	nl->req = open_socket();
	nl->event = open_socket();
	if (!nl->req || !nl->event) {
		err = fail(EXIT_FAILED, subject, "netlink: %s", strerror(errno));
		goto close;
	}
	nlh = header(nl, GENL_ID_CTRL, NLM_F_ACK, CTRL_CMD_GETFAMILY, 1);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, RAFTBLK_FAMILY_NAME);
	err = talk(nl, nlh, on_family, nl);
	if (err == -ENOENT) {
		err = fail(EXIT_ABSENT, subject,
			   "the kernel module is not loaded; to load it: modprobe raftblk");
		goto close;
	}
	if (err || !nl->family) {
		err = fail(EXIT_FAILED, subject, "netlink: %s", strerror(-err));
		goto close;
	}
	version_compare(subject);
	setsockopt(mnl_socket_get_fd(nl->event), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (mnl_socket_setsockopt(nl->event, NETLINK_ADD_MEMBERSHIP, &nl->group,
				  sizeof(nl->group))) {
		err = fail(EXIT_FAILED, subject, "netlink: cannot listen for events: %s%s%s", strerror(errno),
			   errno == EPERM ? "; it needs CAP_NET_ADMIN: " : "",
			   errno == EPERM ? permission_step() : "");
		goto close;
	}
	*out = nl;
	return 0;
close:
	nl_close(nl);
	return err;
}

void nl_close(struct nl *nl)
{
	if (nl->req)
		mnl_socket_close(nl->req);
	if (nl->event)
		mnl_socket_close(nl->event);
	free(nl);
}

u64 netns_here(void)
{
	struct stat here;

	return stat("/proc/self/ns/net", &here) ? 0 : here.st_ino;
}

void netns_hide(struct json_object *o)
{
	if (js(o, "netns") && ju(o, "netns") == netns_here())
		json_object_object_del(o, "netns");
}

static struct json_object *decode_here(const struct nlmsghdr *nlh)
{
	struct json_object *o = decode(nlh);

	netns_hide(o);
	return o;
}

/* ---- events ---- */

struct events {
	int (*fn)(struct json_object *o, void *ctx);
	void *ctx;
};

static int on_event(const struct nlmsghdr *nlh, void *data)
{
	struct events *e = data;
	struct json_object *o = decode_here(nlh);
	int ret = e->fn(o, e->ctx);

	json_object_put(o);
	return ret ? MNL_CB_STOP : MNL_CB_OK;
}

int nl_event_fd(struct nl *nl)
{
	return mnl_socket_get_fd(nl->event);
}

/* Reads the events that have arrived. Returns 1 if @fn asked to stop, 0 to go on, or -errno. */
int nl_read_events(struct nl *nl, int (*fn)(struct json_object *o, void *ctx), void *ctx)
{
	struct events e = { .fn = fn, .ctx = ctx };
	ssize_t n;
	int ret;

	n = mnl_socket_recvfrom(nl->event, nl->buf, sizeof(nl->buf));
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	ret = mnl_cb_run(nl->buf, n, 0, 0, on_event, &e);
	return ret == MNL_CB_STOP;
}

struct ending {
	char op_id[17];
	int err;
	char *text;
	size_t size;
};

static int is_ending(struct json_object *o, void *ctx)
{
	struct ending *e = ctx;

	if (!js(o, "op_id") || strcmp(jstr(o, "op_id"), e->op_id))
		return 0;
	e->err = -(int)ju(o, "error");
	snprintf(e->text, e->size, "%s", jstr(o, "text"));
	return 1;
}

static int await(struct nl *nl, struct ending *e, u64 ms)
{
	struct pollfd pfd = { .fd = mnl_socket_get_fd(nl->event), .events = POLLIN };
	u64 end = now_ms() + ms, now;
	int ret = 0;

	while (!ret) {
		now = now_ms();
		if (now >= end && ms)
			return -ETIME;
		ret = poll(&pfd, 1, end - now > INT_MAX ? INT_MAX : (int)(end - now));
		if (ret < 0 && errno != EINTR)
			return -errno;
		if (!ret)
			return -ETIME;
		ret = nl_read_events(nl, is_ending, e);
		if (ret == -ENOBUFS)
			ret = 0;
	}
	return ret < 0 ? ret : e->err;
}

int nl_do(struct nl *nl, struct nlmsghdr *nlh, u64 op_id, u32 timeout_ms, char *text, size_t size)
{
	struct ending e = { .text = text, .size = size };
	char said[256];
	int err;

	text[0] = 0;
	snprintf(e.op_id, sizeof(e.op_id), "%016llx", (unsigned long long)op_id);
	err = talk(nl, nlh, NULL, NULL);
	if (!err)
		return await(nl, &e, timeout_ms);
	/*
	 * It was refused. The event with the whole text was sent before the error,
	 * maybe behind others.
	 */
	snprintf(said, sizeof(said), "%s", nl->text);
	await(nl, &e, 200);
	if (!text[0])
		snprintf(text, size, "%s", said);
	return err;
}

struct got {
	int (*fn)(struct json_object *o, void *ctx);
	void *ctx;
};

static int on_volume(const struct nlmsghdr *nlh, void *data)
{
	struct got *g = data;
	struct json_object *o = decode_here(nlh);

	g->fn(o, g->ctx);
	json_object_put(o);
	return MNL_CB_OK;
}

int nl_get(struct nl *nl, const char *volume, int (*fn)(struct json_object *o, void *ctx),
	   void *ctx)
{
	struct nlmsghdr *nlh = nl_request(nl, RAFTBLK_CMD_GET, !volume);
	struct got g = { .fn = fn, .ctx = ctx };

	if (volume)
		nl_put_volume(nlh, volume);
	return talk(nl, nlh, on_volume, &g);
}
