// SPDX-License-Identifier: GPL-2.0
/* Recovery: what the two devices hold becomes the replica's state. */
#include "internal.h"

static int recovered_conf(struct rblk_replica *r, const struct rblk_entry *e, const void *block)
{
	if (e->index <= r->meta.conf.index)
		return 0;
	if (rblk_log_conf_decode(&r->rx_conf, block))
		return -EBADMSG;
	r->prev_conf = r->g->conf;
	r->g->conf = r->rx_conf;
	r->g->conf.index = e->index;
	return 0;
}

/*
 * rblk_log_entry_fn: rebuilds the table. An index that came before truncates the
 * log from there.
 */
static int rblk_replica_recovered(void *ctx, const struct rblk_entry *e, const u32 *block_crc,
				  u64 payload_pos, const struct log_record *rec,
				  const void *conf_block)
{
	struct rblk_replica *r = ctx;
	struct rblk_ent *ent;

	if (e->index <= r->last) {
		r->last = max_t(u64, e->index - 1, r->base.index);
		if (r->g->conf.index >= e->index && r->g->conf.index > r->meta.conf.index)
			r->g->conf = r->prev_conf;
	}
	if (e->index <= r->base.index)
		return 0;
	if (e->index != r->last + 1)
		return -EBADMSG;
	if (!rblk_replica_free_entries(r))
		return -E2BIG;
	ent = &r->ent[e->index & r->mask];
	ent->e = *e;
	ent->buf = NULL;
	ent->pos = payload_pos;
	r->last = e->index;
	return e->kind == RBLK_E_CONF ? recovered_conf(r, e, conf_block) : 0;
}

static int collect_runs(struct rblk_replica *r, struct raft_boot *boot, struct rblk_id *runs)
{
	u64 i;

	for (i = r->base.index + 1; i <= r->last; i++) {
		const struct rblk_entry *e = &r->ent[i & r->mask].e;

		if (!boot->nruns || runs[boot->nruns - 1].term != e->term) {
			if (boot->nruns == RAFT_RUNS_MAX)
				return -E2BIG;
			runs[boot->nruns++].term = e->term;
		}
		runs[boot->nruns - 1].index = i;
		boot->last.index = i;
		boot->last.term = e->term;
	}
	boot->runs = runs;
	return 0;
}

static int start_raft(struct rblk_replica *r, void *scratch)
{
	struct raft_boot boot = {
		.meta = r->meta.raft,
		.snap = r->base,
		.last = r->base,
		.commit = r->meta.state.index,
	};
	int ret = collect_runs(r, &boot, scratch);

	if (!r->g->cfg.forget)
		boot.owed = r->meta.owed;
	/* The others count on a table as large as it once was. */
	if (!ret && r->g->conf.entries > r->g->cfg.limits.entries)
		ret = -E2BIG;
	if (ret)
		return ret;
	rblk_replica_raft_conf(&r->g->conf, &boot.conf);
	boot.conf.index = r->g->conf.index;
	if (r->prev_conf.index != r->g->conf.index) {
		rblk_replica_raft_conf(&r->prev_conf, &boot.prev_conf);
		boot.prev_conf.index = r->prev_conf.index;
	}
	return rblk_replica_raft_init(r, &boot);
}

/*
 * The header of the data device is written before the metadata of its checkpoint,
 * and names an entry that was durable in the own log, which never loses it without
 * remembering that. So it is not newer than the log. If it is older than the
 * metadata, it is another device than it was, or an image of it: then what has changed
 * since is absent, see resync.c.
 */
static int check_data(const struct rblk_replica *r, const struct data_super *data)
{
	if (memcmp(data->volume, r->g->cfg.super.volume, RBLK_UUID_LEN) ||
	    data->store != r->g->cfg.super.store)
		return -EINVAL;
	return data->index > max_t(u64, r->last, r->meta.owed.index) ? -EBADMSG : 0;
}

/*
 * A part of the log is rotten that this store may have acknowledged. Others have it, if there are
 * any, and a leader brings it again. Until then raft votes as if it were there. What the
 * checkpoint has is not needed: if the hole is in that, the log goes on behind it. So it does if
 * what is left is as long, and was overruled by what is lost.
 */
static int cut_log(struct rblk_replica *r, const struct log_report *rep)
{
	struct rblk_id ckpt = { .index = r->meta.state.index, .term = r->meta.state.term };
	struct rblk_id *owed = &r->meta.owed;

	if (r->g->conf.n < 2 || !rblk_log_cut(&r->log, rep))
		return -EBADMSG;
	if (rep->owed.term > owed->term ||
	    (rep->owed.term == owed->term && rep->owed.index > owed->index))
		*owed = rep->owed;
	r->rots++;
	r->cut = true;
	if (r->log.durable_term > ckpt.term ||
	    (r->log.durable_term == ckpt.term && r->last >= ckpt.index))
		return 0;
	r->base = ckpt;
	r->last = ckpt.index;
	r->g->conf = r->meta.conf;
	r->prev_conf = r->meta.prev_conf;
	rblk_log_restart(&r->log, &ckpt, &r->meta);
	return 0;
}

static int read_log(struct rblk_replica *r, const struct log_reader *rd, struct log_report *rep)
{
	struct log_reader reader = *rd;
	struct log_copies copies = {};
	int ret;

	ret = rblk_log_read_meta(rd, &r->g->cfg.super, &r->meta, &copies);
	if (ret)
		return ret;
	r->damaged = r->g->cfg.damaged | copies.damaged;
	r->meta_first = copies.meta_first;
	r->base = r->meta.floor;
	r->last = r->base.index;
	r->g->conf = r->meta.conf;
	r->prev_conf = r->meta.prev_conf;
	r->ckpt_index = r->meta.state.index;
	reader.skip_index = r->ckpt_index;
	ret = rblk_log_recover(&r->log, &reader, &r->meta, rblk_replica_recovered, r, rep);
	if (ret == -EBADMSG)
		ret = cut_log(r, rep);
	if (ret)
		return ret;
	/* The checkpoint never passes what is durable: a shorter log has lost something. */
	return r->last < r->ckpt_index ? -EBADMSG : 0;
}

/*
 * Reads the log, and starts raft and the volume on it. May sleep in @rd. Returns 0
 * or -errno, see rblk_node_start().
 */
int rblk_replica_recover(struct rblk_replica *r, const struct log_reader *rd,
			 const struct data_super *data, struct log_report *rep)
{
	int ret = read_log(r, rd, rep);

	if (!ret)
		ret = check_data(r, data);
	if (!ret)
		ret = rblk_replica_volume_init(r);
	if (!ret)
		ret = start_raft(r, rd->scratch);
	return ret;
}
