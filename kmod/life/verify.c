// SPDX-License-Identifier: GPL-2.0
/* Comparing the copies of the image: asked for, and told. */
#include "host/notify.h"
#include "life/internal.h"
#include "life/life.h"

struct rblk_verify_call {
	const struct rblk_verify_ask *ask;
	u64 op_id;
	char *err;
	int ret;
};

static void rblk_verify_owner(struct rblk_volume *v, void *arg, u64 now)
{
	struct rblk_verify_call *c = arg;
	const struct rblk_verify_ask *ask = c->ask;

	c->ret = v->life->verify.id ? -EBUSY :
		 rblk_node_verify(v->m, ask->sector, ask->sectors, ask->mend, now);
	switch (c->ret) {
	case 0:
		v->life->verify.id = c->op_id;
		v->life->verify.deadline = U64_MAX;
		break;
	case -EBUSY:
		rblk_error_text(c->err, c->ret, "node %s compares the copies already", v->up.node);
		break;
	case -EAGAIN:
		rblk_error_text(c->err, c->ret, "the volume has no configuration yet");
		break;
	case -EOPNOTSUPP:
		rblk_error_text(c->err, c->ret, "node %s has no copy of the image", v->up.node);
		break;
	case -EINVAL:
		rblk_error_text(c->err, c->ret, "the range is not within the volume");
		break;
	default:
		rblk_error_text(c->err, c->ret, "the copies cannot be compared (error %d)",
				-c->ret);
	}
}

/**
 * rblk_volume_verify() - compare the copies of the image that the members have
 * @v: the volume
 * @ask: which range, and whether a copy that differs is to be mended
 * @op_id: id of the operation, for the notification of its end
 * @err: the error text, RBLK_ERR_MAX bytes
 *
 * Context: process; sleeps, for a second at most.
 * Return: 0: in progress; else -errno.
 */
int rblk_volume_verify(struct rblk_volume *v, const struct rblk_verify_ask *ask, u64 op_id,
		       char *err)
{
	struct rblk_verify_call c = { .ask = ask, .op_id = op_id, .err = err };
	int ret = rblk_volume_call_running(v, rblk_verify_owner, &c, err);

	return ret ? ret : c.ret;
}

static const char *rblk_verify_names(const struct rblk_node_status *st, u32 members, char *buf,
				     size_t size)
{
	size_t at = 0;
	u32 i;

	buf[0] = 0;
	for (i = 0; i < st->conf.n; i++)
		if (members >> i & 1)
			at += scnprintf(buf + at, size - at, "%s%s", at ? ", " : "",
					st->conf.m[i].node);
	return buf;
}

void rblk_note_verify(struct rblk_volume *v, char *text, size_t size)
{
	const struct rblk_verify_status *s = &v->st.verify;
	u64 last = s->sector + s->nsect - 1;
	char names[128];

	rblk_verify_names(&v->st, s->differs, names, sizeof(names));
	switch (s->outcome) {
	case NODE_V_MENDED:
		scnprintf(text, size,
			  "verify: sectors %llu to %llu differed on %s, and were mended from the others",
			  s->sector, last, names);
		break;
	case NODE_V_DIFFERS:
		scnprintf(text, size,
			  "VERIFY: sectors %llu to %llu differ on %s from what the others have; to mend that: raftblk verify %s --mend",
			  s->sector, last, names, v->name);
		break;
	case NODE_V_SPLIT:
		scnprintf(text, size,
			  "VERIFY: sectors %llu to %llu differ between %s, and none is what more than half of all members have",
			  s->sector, last, names);
		break;
	case NODE_V_ALONE:
		scnprintf(text, size,
			  "verify: no two members could read sectors %llu to %llu", s->sector,
			  last);
		break;
	case NODE_V_NO_ANSWER:
		scnprintf(text, size,
			  "verify: nobody could compare sectors %llu to %llu: there was no leader, or too much to do",
			  s->sector, last);
		break;
	default:
		scnprintf(text, size, "verify: all copies up to sector %llu are alike", last);
	}
}

/* Owner. The end of a comparison shows in the state of the node. */
void rblk_verify_tell(struct rblk_volume *v, u64 now)
{
	struct rblk_op *op = &v->life->verify;
	bool lost = v->st.lost != NODE_RUNNING && !v->st.votes;
	bool halted = v->st.halt != NODE_RUNNING || lost;
	char text[RBLK_TEXT_MAX];

	if (!op->id || (v->st.verify.busy && !halted))
		return;
	rblk_note_verify(v, text, sizeof(text));
	rblk_volume_op_end(v, op, now, halted ? -ESHUTDOWN : 0,
			   halted ? "this node has no replica any more" : text);
}
