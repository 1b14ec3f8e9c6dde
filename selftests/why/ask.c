// SPDX-License-Identifier: GPL-2.0
/*
 * Asks a simulated node as the tool does: what the module would tell of it goes through netlink
 * attributes into JSON, and the rules of "raftblk why" and "raftblk check" look at that.
 */
#include "ctl/internal.h"
#include "decode.h"
#include "status.h"
#include "walk.h"

#include <linux/genetlink.h>

#define REPLY_BYTES	(16u << 10)	/* as the module allots for a status */

static void device_paths(const struct node *n, struct rblk_volume_info *info)
{
	if (node_diskless(n))
		return;
	snprintf(info->log_path, sizeof(info->log_path), "/dev/%s-log", n->name);
	snprintf(info->data_path, sizeof(info->data_path), "/dev/%s-data", n->name);
}

/* As rblk_peers_info() of the module. */
static void link_ends(const struct node *n, struct rblk_volume_info *info)
{
	const struct link_end *end;
	u32 slot;
	int ch;

	for (slot = 0; slot < info->st.npeers; slot++)
		for (ch = 0; ch < WIRE_CHANNELS; ch++) {
			end = &n->end[n->slot_node[slot]][ch];
			if (end->refused || ch == WIRE_CONSENSUS)
				info->peer_refused[slot] = end->refused;
			if (end->error || ch == WIRE_CONSENSUS)
				info->peer_error[slot] = end->error;
		}
}

/* A node that is frozen is one whose loop does not answer: its latest status has to do. */
static void tell(const struct node *n, struct rblk_volume_info *info)
{
	int i;

	memset(info, 0, sizeof(*info));
	snprintf(info->volume, sizeof(info->volume), "vol");
	snprintf(info->node, sizeof(info->node), "%s", n->name);
	device_paths(n, info);
	info->state = RBLK_V_RUNNING;
	if (node_paused(n)) {
		info->st = n->st;
		info->age_ms = (world.now - n->pause_t) / MSEC;
	} else {
		rblk_node_status(n->m, &info->st);
	}
	info->sectors = info->st.conf.sectors;
	info->openers = n->mounted + n->opening;
	info->inflight = n->ops_out + n->nwait;
	for (i = 0; i < RBLK_DEVICES; i++)
		info->late_ms[i] = info->st.late_ns[i] / MSEC;
	info->waiting_ms = info->st.waiting_ns / MSEC;
	info->away_ms = info->st.away.rate_entries;
	info->resync_ms = info->st.resync.ns / MSEC;
	info->verify_ms = info->st.verify.age_ns / MSEC;
	info->verify_open_ms = info->st.verify.open_age_ns / MSEC;
	info->writes_ms = info->st.writes_ns / MSEC;
	for (i = 0; i < NODE_PEERS_MAX; i++)
		info->peer_silent_ms[i] = info->st.peer[i].silent_ns / MSEC;
	for (i = 0; i < RBLK_BUDGETS; i++)
		info->pool_free[i] = info->pool_size[i] = 1 << 10;
	info->pool_free[RBLK_BUDGET_SUBMIT] = sbuf_room(n->id, B_SUBMIT);
	info->pool_free[RBLK_BUDGET_RECEIVE] = sbuf_room(n->id, B_RECEIVE);
	link_ends(n, info);
}

static struct json_object *status_of(const struct node *n)
{
	static u8 room[REPLY_BYTES];
	static struct rblk_volume_info told, scratch;
	struct sk_buff skb = { .nlh = mnl_nlmsg_put_header(room), .size = sizeof(room) };
	struct rblk_volume v = { .super = n->super, .info = &told };
	struct json_object *o;

	mnl_nlmsg_put_extra_header(skb.nlh, sizeof(struct genlmsghdr));
	tell(n, &told);
	WORLD_CHECK(!rblk_ctl_put_volume(&skb, &v, &scratch, 0), "a status does not fit");
	o = decode(skb.nlh);
	status_complete(o);
	return o;
}

u64 rule_seen[64];

const char *ask_rule(u32 i)
{
	return why_rule(i);
}

u32 ask_rules(void)
{
	u32 i = 0;

	while (why_rule(i))
		i++;
	return i;
}

static const char *note_rule(const char *name)
{
	u32 i;

	for (i = 0; i < ask_rules(); i++)
		if (!strcmp(name, why_rule(i))) {
			rule_seen[i]++;
			return why_rule(i);
		}
	return NULL;
}

static void add_said(struct answer *a, const char *text)
{
	size_t n = strlen(a->said);

	snprintf(a->said + n, sizeof(a->said) - n, "%s%s", n ? "; " : "", text);
}

/* What the tool answers on @n, now. */
void ask(const struct node *n, struct answer *a)
{
	struct json_object *o = status_of(n), *r = why_explain(o), *list = js(r, "remarks");
	struct check c = {};
	size_t i;

	memset(a, 0, sizeof(*a));
	a->writable = jb(r, "writable");
	a->rule = note_rule(jstr(r, "rule"));
	snprintf(a->cause, sizeof(a->cause), "%s", jstr(r, "cause"));
	snprintf(a->step, sizeof(a->step), "%s", jstr(r, "next_step"));
	if (!a->writable) {
		add_said(a, a->cause);
		add_said(a, a->step);
	}
	for (i = 0; i < json_object_array_length(list); i++)
		add_said(a, json_object_get_string(json_object_array_get_idx(list, i)));
	check_volume(o, &c);
	a->verdict = c.verdict;
	snprintf(a->line, sizeof(a->line), "%s", c.text);
	if (walk.verbose)
		printf("%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY));
	json_object_put(r);
	json_object_put(o);
}
