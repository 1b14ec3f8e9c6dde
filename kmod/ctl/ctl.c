// SPDX-License-Identifier: GPL-2.0
/*
 * Generic netlink: requests. Documentation/netlink/specs/raftblk.yaml describes the
 * family; ctl_gen.[ch] and uapi/raftblk.h are generated from it.
 *
 * A handler holds a lock of generic netlink that the whole machine shares, even
 * with parallel_ops. So no handler may wait for a device, a file system, the
 * network or a quorum: devices are named by number, with paths for messages only,
 * and what takes time is only started here. Its end is multicast with the op_id of
 * the request.
 */
#include <linux/capability.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/kdev_t.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "ctl/ctl.h"
#include "ctl/internal.h"
#include "host/notify.h"
#include "life/life.h"
#include "compat.h"

static_assert(sizeof_field(struct rblk_up, volume) == RAFTBLK_NAME_MAX + 1);
static_assert(sizeof_field(struct rblk_node_peer_cfg, addr) == RAFTBLK_ADDR_MAX + 1);
static_assert(sizeof_field(struct rblk_up, log_path) == RAFTBLK_PATH_MAX + 1);
static_assert(RAFTBLK_PEERS_MAX == NODE_PEERS_MAX);

static const struct genl_multicast_group rblk_ctl_groups[] = {
	[RAFTBLK_NLGRP_EVENTS] = {
		.name = RAFTBLK_MCGRP_EVENTS, .flags = GENL_MCAST_CAP_NET_ADMIN,
	},
};

static struct genl_family rblk_ctl_family __ro_after_init = {
	.name		= RAFTBLK_FAMILY_NAME,
	.version	= RAFTBLK_FAMILY_VERSION,
	.netnsok	= true,
	.parallel_ops	= true,
	.module		= THIS_MODULE,
	.ops		= raftblk_nl_ops,
	.n_ops		= ARRAY_SIZE(raftblk_nl_ops),
	.mcgrps		= rblk_ctl_groups,
	.n_mcgrps	= ARRAY_SIZE(rblk_ctl_groups),
};

/* ---- attributes of requests ---- */

/*
 * GENL_ADMIN_PERM asks for CAP_NET_ADMIN in the initial user namespace, which is enough to look.
 * Block devices need more.
 */
static int allowed(struct sk_buff *skb, struct genl_info *info)
{
	if (netlink_capable(skb, CAP_SYS_ADMIN))
		return 0;
	GENL_SET_ERR_MSG(info, "needs CAP_SYS_ADMIN in the initial user namespace");
	return -EPERM;
}

static bool visible(const char *p)
{
	if (!*p)
		return false;
	while (*p > ' ' && *p <= '~')
		p++;
	return !*p;
}

/* Names end up in kernel messages and file names. */
static int get_name_attr(struct netlink_ext_ack *extack, const struct nlattr *attr, char *to)
{
	nla_strscpy(to, attr, RBLK_NAME_MAX);
	if (visible(to) && !strchr(to, '/'))
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, attr,
			    "a name must be 1 to 31 visible ASCII characters, without '/'");
	return -EINVAL;
}

/* An address becomes part of the configuration on all members, which accept nothing else. */
static int get_address(struct netlink_ext_ack *extack, const struct nlattr *attr, char *to)
{
	nla_strscpy(to, attr, RBLK_ADDR_MAX);
	if (visible(to))
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, attr, "an address must be 1 to 63 visible ASCII characters");
	return -EINVAL;
}

static int get_path(struct netlink_ext_ack *extack, const struct nlattr *attr, char *to)
{
	nla_strscpy(to, attr, RBLK_PATH_MAX);
	if (to[0] == '/')
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, attr, "the path of a device must be absolute");
	return -EINVAL;
}

static int get_sockaddr(struct netlink_ext_ack *extack, const struct nlattr *attr,
			struct sockaddr_storage *to)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)to;
	const struct sockaddr_in *in = (const struct sockaddr_in *)to;

	memset(to, 0, sizeof(*to));
	nla_memcpy(to, attr, sizeof(*in6));
	if (to->ss_family == AF_INET && in->sin_port)
		return 0;
	if (to->ss_family == AF_INET6 && in6->sin6_port)
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, attr, "an address must be IPv4 or IPv6, with a port");
	return -EINVAL;
}

static int need_attr(struct genl_info *info, int attr)
{
	/* The extended ack has the number of the attribute as well. */
	if (!GENL_REQ_ATTR_CHECK(info, attr))
		return 0;
	GENL_SET_ERR_MSG(info, "an attribute that the command needs is missing");
	return -EINVAL;
}

static int get_peer(struct genl_info *info, const struct nlattr *attr, struct rblk_up *up)
{
	struct nlattr *tb[RAFTBLK_A_PEER_CLIENT + 1];
	struct rblk_node_peer_cfg *peer;
	int ret;

	if (up->npeers == NODE_PEERS_MAX) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr, "a volume has at most 15 peers");
		return -E2BIG;
	}
	peer = &up->peer[up->npeers];
	ret = nla_parse_nested(tb, RAFTBLK_A_PEER_CLIENT, attr, raftblk_peer_nl_policy,
			       info->extack);
	if (ret)
		return ret;
	if (!tb[RAFTBLK_A_PEER_NODE] || !tb[RAFTBLK_A_PEER_ADDRESS] ||
	    !tb[RAFTBLK_A_PEER_SOCKADDR]) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "a peer needs the attributes node, address and sockaddr");
		return -EINVAL;
	}
	ret = get_name_attr(info->extack, tb[RAFTBLK_A_PEER_NODE], peer->node);
	if (ret)
		return ret;
	ret = get_address(info->extack, tb[RAFTBLK_A_PEER_ADDRESS], peer->addr);
	if (ret)
		return ret;
	peer->client = nla_get_flag(tb[RAFTBLK_A_PEER_CLIENT]);
	ret = get_sockaddr(info->extack, tb[RAFTBLK_A_PEER_SOCKADDR],
			   &up->peer_addr[up->npeers]);
	if (!ret)
		up->npeers++;
	return ret;
}

static int get_peers(struct genl_info *info, struct rblk_up *up)
{
	const struct nlattr *attr;
	int rem, ret = 0;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem) {
		if (nla_type(attr) != RAFTBLK_A_PEER)
			continue;
		ret = get_peer(info, attr, up);
		if (ret)
			break;
	}
	return ret;
}

static int get_uuid(struct netlink_ext_ack *extack, const struct nlattr *attr, u8 *to)
{
	nla_memcpy(to, attr, RBLK_UUID_LEN);
	if (memchr_inv(to, 0, RBLK_UUID_LEN))
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, attr, "the uuid of a volume must not be 0");
	return -EINVAL;
}

static u32 get_u32(struct genl_info *info, int attr)
{
	return info->attrs[attr] ? nla_get_u32(info->attrs[attr]) : 0;
}

static u64 get_u64(struct genl_info *info, int attr)
{
	return info->attrs[attr] ? nla_get_u64(info->attrs[attr]) : 0;
}

static int get_up(struct genl_info *info, struct rblk_up *up)
{
	static const int needed[] = {
		RAFTBLK_A_VOLUME, RAFTBLK_A_UUID, RAFTBLK_A_NODE, RAFTBLK_A_LISTEN,
		/* needed for a member only: */
		RAFTBLK_A_LOG_PATH, RAFTBLK_A_DATA_PATH, RAFTBLK_A_LOG_DEVICE,
		RAFTBLK_A_DATA_DEVICE,
	};
	struct nlattr **attrs = info->attrs;
	bool client = !attrs[RAFTBLK_A_LOG_PATH] && !attrs[RAFTBLK_A_DATA_PATH];
	int i, ret = 0;

	for (i = 0; !ret && i < (client ? 4 : ARRAY_SIZE(needed)); i++)
		ret = need_attr(info, needed[i]);
	if (!ret)
		ret = get_name_attr(info->extack, attrs[RAFTBLK_A_VOLUME], up->volume);
	if (!ret)
		ret = get_uuid(info->extack, attrs[RAFTBLK_A_UUID], up->uuid);
	if (!ret)
		ret = get_name_attr(info->extack, attrs[RAFTBLK_A_NODE], up->node);
	if (!ret && !client)
		ret = get_path(info->extack, attrs[RAFTBLK_A_LOG_PATH], up->log_path);
	if (!ret && !client)
		ret = get_path(info->extack, attrs[RAFTBLK_A_DATA_PATH], up->data_path);
	if (!ret)
		ret = get_sockaddr(info->extack, attrs[RAFTBLK_A_LISTEN], &up->listen);
	if (!ret)
		ret = get_peers(info, up);
	up->log_dev = new_decode_dev(get_u32(info, RAFTBLK_A_LOG_DEVICE));
	up->data_dev = new_decode_dev(get_u32(info, RAFTBLK_A_DATA_DEVICE));
	up->minor = attrs[RAFTBLK_A_MINOR] ? nla_get_u32(attrs[RAFTBLK_A_MINOR]) : -1;
	up->pool_mib = get_u32(info, RAFTBLK_A_POOL_MIB);
	up->io_timeout_ms = get_u32(info, RAFTBLK_A_IO_TIMEOUT_MS);
	up->election_ms = get_u32(info, RAFTBLK_A_ELECTION_MS);
	up->resync_min = get_u32(info, RAFTBLK_A_RESYNC_RATE_MIN);
	up->resync_max = get_u32(info, RAFTBLK_A_RESYNC_RATE_MAX);
	up->forget = nla_get_flag(info->attrs[RAFTBLK_A_FORGET]);
	return ret;
}

static int get_volume_minor(struct genl_info *info, struct rblk_volume **v)
{
	struct nlattr *minor = info->attrs[RAFTBLK_A_MINOR];

	if (info->attrs[RAFTBLK_A_VOLUME]) {
		NL_SET_ERR_MSG_ATTR(info->extack, minor, "a volume has to be named only once");
		return -EINVAL;
	}
	*v = rblk_volume_find_minor(genl_info_net(info), nla_get_u32(minor));
	if (*v)
		return 0;
	NL_SET_ERR_MSG_ATTR(info->extack, minor,
			    "no volume with this device is up in this network namespace");
	return -ENODEV;
}

/* Finds the volume that the request names, and takes a reference. */
static int get_volume(struct genl_info *info, struct rblk_volume **v)
{
	char name[RBLK_NAME_MAX];
	int ret;

	if (info->attrs[RAFTBLK_A_MINOR])
		return get_volume_minor(info, v);
	ret = need_attr(info, RAFTBLK_A_VOLUME);
	if (!ret)
		ret = get_name_attr(info->extack, info->attrs[RAFTBLK_A_VOLUME], name);
	if (ret)
		return ret;
	*v = rblk_volume_find(genl_info_net(info), name);
	if (*v)
		return 0;
	NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[RAFTBLK_A_VOLUME],
			    "no such volume is up in this network namespace");
	return -ENODEV;
}

/* An extended ack cannot hold text made at run time. That is multicast with the op_id. */
static int not_done(struct genl_info *info, const char *volume, u32 netns, int ret,
		    const char *text)
{
	GENL_SET_ERR_MSG(info,
			 "refused: the kernel log, and the notification with this op-id, say why");
	pr_info_ratelimited(RBLK_NAME ": %s: refused: %s\n", volume, text);
	rblk_notify_refused(genl_info_net(info), volume, netns, get_u64(info, RAFTBLK_A_OP_ID), ret,
			    text);
	return ret;
}

/* ---- commands ---- */

int raftblk_nl_up_doit(struct sk_buff *skb, struct genl_info *info)
{
	char text[RBLK_ERR_MAX] = "";
	struct rblk_up *up;
	int ret;

	ret = allowed(skb, info);
	if (ret)
		return ret;
	up = kzalloc(sizeof(*up), GFP_KERNEL);
	if (!up)
		return -ENOMEM;
	ret = get_up(info, up);
	if (!ret) {
		ret = rblk_volume_up(genl_info_net(info), up, get_u64(info, RAFTBLK_A_OP_ID), text);
		if (ret)
			not_done(info, up->volume, genl_info_net(info)->ns.inum, ret, text);
	}
	kfree(up);
	return ret;
}

/* Has @fn change the volume that the request names. */
static int change(struct sk_buff *skb, struct genl_info *info,
		  int (*fn)(struct rblk_volume *v, struct genl_info *info, u64 op_id, char *text))
{
	char text[RBLK_ERR_MAX] = "";
	struct rblk_volume *v;
	int ret;

	ret = allowed(skb, info);
	if (!ret)
		ret = get_volume(info, &v);
	if (ret)
		return ret;
	ret = fn(v, info, get_u64(info, RAFTBLK_A_OP_ID), text);
	if (ret)
		not_done(info, v->name, v->netns, ret, text);
	rblk_volume_put(v);
	return ret;
}

static int do_down(struct rblk_volume *v, struct genl_info *info, u64 op_id, char *text)
{
	return rblk_volume_down(v, nla_get_flag(info->attrs[RAFTBLK_A_FORCE]), op_id, text);
}

int raftblk_nl_down_doit(struct sk_buff *skb, struct genl_info *info)
{
	return change(skb, info, do_down);
}

static int do_bootstrap(struct rblk_volume *v, struct genl_info *info, u64 op_id, char *text)
{
	struct rblk_bootstrap boot = {
		.sectors = get_u64(info, RAFTBLK_A_SECTORS),
		.shared = nla_get_flag(info->attrs[RAFTBLK_A_SHARED]),
		.election_ms = get_u32(info, RAFTBLK_A_ELECTION_MS),
	};

	return rblk_volume_bootstrap(v, &boot, op_id, text);
}

int raftblk_nl_bootstrap_doit(struct sk_buff *skb, struct genl_info *info)
{
	return change(skb, info, do_bootstrap);
}

static int do_transfer(struct rblk_volume *v, struct genl_info *info, u64 op_id, char *text)
{
	struct nlattr *attr = info->attrs[RAFTBLK_A_NODE];
	char node[RBLK_NAME_MAX] = "";
	int ret = attr ? get_name_attr(info->extack, attr, node) : 0;

	if (ret)
		return rblk_error_text(text, ret,
				       "a name must be 1 to 31 visible ASCII characters, without '/'");
	return rblk_volume_transfer(v, node, op_id, text);
}

int raftblk_nl_transfer_doit(struct sk_buff *skb, struct genl_info *info)
{
	return change(skb, info, do_transfer);
}

static int do_verify(struct rblk_volume *v, struct genl_info *info, u64 op_id, char *text)
{
	struct rblk_verify_ask ask = {
		.sector = get_u64(info, RAFTBLK_A_SECTOR),
		.sectors = get_u64(info, RAFTBLK_A_SECTORS),
		.mend = nla_get_flag(info->attrs[RAFTBLK_A_MEND]),
	};

	return rblk_volume_verify(v, &ask, op_id, text);
}

int raftblk_nl_verify_doit(struct sk_buff *skb, struct genl_info *info)
{
	return change(skb, info, do_verify);
}

static int do_adjust(struct rblk_volume *v, struct genl_info *info, u64 op_id, char *text)
{
	struct rblk_node_tuning to = {
		.resync_min = get_u32(info, RAFTBLK_A_RESYNC_RATE_MIN),
		.resync_max = get_u32(info, RAFTBLK_A_RESYNC_RATE_MAX),
	};

	return rblk_volume_adjust(v, &to, op_id, text);
}

int raftblk_nl_adjust_doit(struct sk_buff *skb, struct genl_info *info)
{
	return change(skb, info, do_adjust);
}

static int do_take(struct rblk_volume *v, struct genl_info *info, u64 op_id, char *text)
{
	return rblk_volume_take(v, nla_get_flag(info->attrs[RAFTBLK_A_FORCE]),
				get_u32(info, RAFTBLK_A_WAIT_MS), op_id, text);
}

int raftblk_nl_take_doit(struct sk_buff *skb, struct genl_info *info)
{
	return change(skb, info, do_take);
}

static int get_store(struct genl_info *info, struct rblk_store *s)
{
	static const int needed[] = {
		RAFTBLK_A_LOG_PATH, RAFTBLK_A_DATA_PATH, RAFTBLK_A_LOG_DEVICE,
		RAFTBLK_A_DATA_DEVICE,
	};
	int i, ret = 0;

	for (i = 0; !ret && i < ARRAY_SIZE(needed); i++)
		ret = need_attr(info, needed[i]);
	if (!ret)
		ret = get_path(info->extack, info->attrs[RAFTBLK_A_LOG_PATH], s->log_path);
	if (!ret)
		ret = get_path(info->extack, info->attrs[RAFTBLK_A_DATA_PATH], s->data_path);
	s->log_dev = new_decode_dev(get_u32(info, RAFTBLK_A_LOG_DEVICE));
	s->data_dev = new_decode_dev(get_u32(info, RAFTBLK_A_DATA_DEVICE));
	return ret;
}

static int do_attach(struct rblk_volume *v, struct genl_info *info, u64 op_id, char *text)
{
	struct rblk_store *s = kzalloc(sizeof(*s), GFP_KERNEL);
	int ret;

	if (!s)
		return rblk_error_text(text, -ENOMEM, "no memory to attach the replica");
	ret = get_store(info, s);
	if (ret)
		rblk_error_text(text, ret, "both devices have to be named by number and path");
	else
		ret = rblk_volume_attach(v, s, op_id, text);
	kfree(s);
	return ret;
}

int raftblk_nl_attach_doit(struct sk_buff *skb, struct genl_info *info)
{
	return change(skb, info, do_attach);
}

/* ---- status ---- */

/* More than a status with all its peers, members and counters takes. */
#define RBLK_CTL_STATUS_BYTES	(16u << 10)

int raftblk_nl_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct rblk_volume_info *vi = NULL;
	struct sk_buff *msg = NULL;
	struct rblk_volume *v;
	void *hdr;
	int ret;

	ret = get_volume(info, &v);
	if (ret)
		return ret;
	ret = -ENOMEM;
	vi = kvmalloc(sizeof(*vi), GFP_KERNEL);
	msg = genlmsg_new(RBLK_CTL_STATUS_BYTES, GFP_KERNEL);
	if (!vi || !msg)
		goto free;
	ret = -EMSGSIZE;
	hdr = genlmsg_put_reply(msg, info, &rblk_ctl_family, 0, RAFTBLK_CMD_GET);
	if (!hdr)
		goto free;
	ret = rblk_ctl_put_volume(msg, v, vi, rblk_look_until());
	if (ret)
		goto free;
	genlmsg_end(msg, hdr);
	ret = genlmsg_reply(msg, info);
	msg = NULL;
free:
	nlmsg_free(msg);
	kvfree(vi);
	rblk_volume_put(v);
	return ret;
}

struct dump {
	struct sk_buff *skb;
	struct netlink_callback *cb;
	struct rblk_volume_info *info;
	unsigned long until;		/* jiffies; for all volumes together */
};

static int put_names(struct sk_buff *skb, struct rblk_volume *v)
{
	return nla_put_string(skb, RAFTBLK_A_VOLUME, v->name) ||
	       nla_put_string(skb, RAFTBLK_A_NODE, v->up.node) ? -EMSGSIZE : 0;
}

static int dump_volume(struct rblk_volume *v, struct dump *d)
{
	struct sk_buff *skb = d->skb;
	bool first = !skb->len;
	void *hdr;
	int ret;

	hdr = genlmsg_put(skb, NETLINK_CB(d->cb->skb).portid, d->cb->nlh->nlmsg_seq,
			  &rblk_ctl_family, NLM_F_MULTI, RAFTBLK_CMD_GET);
	if (!hdr)
		return -EMSGSIZE;
	ret = rblk_ctl_put_volume(skb, v, d->info, d->until);
	if (ret == -EMSGSIZE && first) {
		/* It would never fit: put at least the names, to say that it exists. */
		genlmsg_cancel(skb, hdr);
		hdr = genlmsg_put(skb, NETLINK_CB(d->cb->skb).portid, d->cb->nlh->nlmsg_seq,
				  &rblk_ctl_family, NLM_F_MULTI, RAFTBLK_CMD_GET);
		ret = hdr ? put_names(skb, v) : -EMSGSIZE;
	}
	if (ret) {
		if (hdr)
			genlmsg_cancel(skb, hdr);
		return ret;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

/* All loops work on their answers at the same time, and together get as long as one would. */
static unsigned long ask_volumes(const struct net *net)
{
	struct rblk_volume *v;
	u64 after = 0;

	while ((v = rblk_volume_next(net, after))) {
		rblk_volume_look(v);
		after = v->id;
		rblk_volume_put(v);
	}
	return rblk_look_until() | 1;
}

/*
 * The status of all volumes that the network namespace sees. In @cb, args[0] is the id of
 * the volume that was put into the reply last, and args[1] the time (in jiffies)
 * until which answers of the loops are waited for.
 */
int raftblk_nl_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct dump d = { .skb = skb, .cb = cb };
	struct net *net = sock_net(skb->sk);
	struct rblk_volume *v;
	int ret = 0;

	d.info = kvmalloc(sizeof(*d.info), GFP_KERNEL);
	if (!d.info)
		return -ENOMEM;
	if (!cb->args[1])
		cb->args[1] = ask_volumes(net);
	d.until = cb->args[1];
	while (!ret && (v = rblk_volume_next(net, cb->args[0]))) {
		ret = dump_volume(v, &d);
		if (!ret)
			cb->args[0] = v->id;
		rblk_volume_put(v);
	}
	kvfree(d.info);
	return ret && !skb->len ? ret : skb->len;
}

/**
 * rblk_ctl_init() - register the netlink family
 *
 * Return: 0 or -errno.
 */
int __init rblk_ctl_init(void)
{
	rblk_notify_init(&rblk_ctl_family, RAFTBLK_NLGRP_EVENTS);
	return genl_register_family(&rblk_ctl_family);
}

/**
 * rblk_ctl_exit() - unregister the netlink family; no handler runs afterwards
 */
void rblk_ctl_exit(void)
{
	genl_unregister_family(&rblk_ctl_family);
}

/* Whoever asks for the family, as the tool does, has the module loaded. */
MODULE_ALIAS_GENL_FAMILY(RAFTBLK_FAMILY_NAME);
