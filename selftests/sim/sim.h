/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The deterministic simulator: several members (the pure code as the module is
 * built from) over a simulated clock, network, disks and users. One seed
 * decides everything: nothing here reads a clock, an address or the
 * environment. See Documentation/simulator.rst.
 */
#ifndef SIM_H
#define SIM_H

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/node.h"
#include "mark.h"

#define SIM_NODES	7		/* at most 5 members, 2 clients without disks */
#define SIM_NONE	0xff
#define USEC		1000ULL
#define MSEC		1000000ULL
#define SEC		1000000000ULL

/* ---- rng.c: one stream a subject, so that a change of one disturbs the others less ---- */

enum sim_stream { R_CFG, R_NET, R_DISK, R_CLIENT, R_FAULT, R_NODE, R_LATE, R_FAR, R_STREAMS };

void rnd_seed(u64 seed);
u64 rnd(enum sim_stream s);
u64 rnd_below(enum sim_stream s, u64 n);		/* 0 .. n - 1; n > 0 */
u64 rnd_range(enum sim_stream s, u64 lo, u64 hi);	/* both included */
u64 rnd_log(enum sim_stream s, u64 lo, u64 hi);		/* even over magnitudes */
u64 rnd_exp(enum sim_stream s, u64 mean);		/* waiting times */
bool rnd_ppm(enum sim_stream s, u32 ppm);
bool rnd_one_in(enum sim_stream s, u32 n);

/* ---- cfg.c: what a seed draws ---- */

struct sim_cfg {
	u32 nodes, clients, all, block_size;	/* members, clients without disks, both */
	u64 ring_bytes, sectors;
	struct rblk_node_limits limits;
	bool vary;			/* nodes have limits of their own, at most these */
	u32 pool_pages;			/* payload memory of a node; 0: no end of it */
	u32 election_ms, heartbeat_ms;
	u64 duration;			/* of the phase with faults, ns */
	u64 run_delay;			/* events may gather so long before rblk_node_run() */
	u32 drift_ppm;			/* clocks differ by at most this */
	/* network */
	u64 delay_min, delay_max, reset_mean, partition_mean, partition_len;
	u32 raw_loss, raw_dup, raw_reorder, raw_ghost, corrupt;	/* ppm of frames */
	u32 slow_link;			/* factor of one link; 1: none */
	u64 sndbuf;			/* bytes queued in a direction of a connection */
	u64 bandwidth;			/* bytes a ms */
	/* disks */
	u64 log_min, log_max, data_min, data_max;	/* latencies */
	u64 slow_mean, slow_len;
	u32 slow_factor;
	bool slow_data;			/* only data devices get slow */
	u32 write_error, read_error;	/* ppm of operations */
	u64 rot_mean;
	u32 torn;			/* percent of unflushed sectors kept in a power cut */
	u32 writeback;			/* percent: a dirty page is written back early */
	/* nodes */
	u64 crash_mean, blackout_mean, down_len, pause_mean, pause_len;
	u32 crash_io;			/* ppm of writes that a power cut interrupts */
	u32 clean_stop;			/* percent of stops that are orderly */
	u64 transfer_mean, checkpoint_mean;
	/* users */
	u64 op_mean;
	u32 burst, depth, w_write, w_zero, w_read, w_open, w_close, stray, force;
	bool shared;
	u32 give_up;			/* percent of writes whose user does not wait for ever */
	u64 patience;			/* how long it waits */
	u32 size_max;			/* sectors of a write */
	u32 hot;			/* sectors of the hot range; 0: none */
};

void cfg_draw(struct sim_cfg *c, u64 seed);
void cfg_vary(struct rblk_node_limits *l);
void cfg_print(const struct sim_cfg *c);

/* ---- clock.c: time, events, trace ---- */

struct event {
	u64 t, seq;
	void (*fn)(struct event *e);
	u8 node;		/* whose; SIM_NONE: the world's */
	u32 inc;		/* its start: events of an earlier one are dropped */
	u64 a, b;
	void *p;
};

void ev_reset(void);
/* At time @t, for start @inc of @node (read from the node when it is one). */
void ev_push(u64 t, void (*fn)(struct event *e), u8 node, u64 a, u64 b, void *p);
bool ev_step(u64 until);		/* false: nothing is due before */

/* Feeds the hash, prints with --trace. @fmt takes exactly two u64. */
void sim_trace(u8 node, const char *what, u64 a, u64 b);
#define TRACE(node, what, a, b)	sim_trace(node, what, (u64)(a), (u64)(b))

/* Ends this seed as failed. */
void sim_fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
#define SIM_CHECK(cond, ...)	do { if (!(cond)) sim_fail(__VA_ARGS__); } while (0)

/* ---- page.c: shared immutable 4 KiB pages, payload buffers, memory of a run ---- */

struct page {
	struct page *next;
	u32 ref;
	u32 crc;
	bool crc_ok;
	u8 data[RBLK_BLOCK_SIZE] __aligned(64);
};

struct sbuf {			/* what the member sees as struct rblk_buf */
	struct rblk_buf buf;
	u32 ref, host;		/* of these, held by our own I/O in flight */
	u8 node, budget;
	struct sbuf *next, **pprev;	/* all of the node */
	struct page *pg[RBLK_ENTRY_BLOCKS_MAX];	/* NULL: zeroes */
};

void mem_reset(void);
void *mem_alloc(size_t size);		/* zeroed, until the end of the seed */
struct page *page_new(void);		/* content undefined, one reference */
struct page *page_copy(const struct page *p);
struct page *page_get(struct page *p);
void page_put(struct page *p);
u32 page_crc(struct page *p);		/* NULL: of zeroes */
static inline struct sbuf *sbuf_of(const struct rblk_buf *b)
{
	return container_of((struct rblk_buf *)b, struct sbuf, buf);
}
/* Budgets do not borrow from each other, as in the module's pool. */
enum budget { B_SUBMIT, B_RECEIVE, B_READBACK, B_SERVE, B_NR };
u32 sbuf_room(u8 node, enum budget budget);	/* pages */
struct sbuf *sbuf_new(u8 node, u32 nblocks, enum budget budget);
void sbuf_get(struct sbuf *b, bool host);
void sbuf_put(struct sbuf *b, bool host);

/* ---- disk.c ---- */

struct dseg {			/* one page of an operation */
	u32 pgno;
	u8 mask;		/* sectors */
	u8 early;		/* of these, visible before the end */
	struct page *pg;	/* NULL: zeroes */
};

enum dop_kind { D_LOG, D_META, D_MAP, D_LOG_READ, D_APPLY, D_SYNC, D_READ };

struct dop {
	struct dop *next, **pprev;	/* in flight on this disk */
	enum dop_kind kind;
	bool fua;
	int error;
	u32 nseg, maxseg;
	struct dseg *seg;
	u64 t0, flush_seq;
	struct sbuf **buf;		/* held */
	u32 nbuf, maxbuf;
	void *what;			/* log_record, readback, request */
	u64 a, b, c;
};

struct disk {
	u8 node;
	bool data;
	u32 npg;
	struct page **pg;		/* on the platter */
	struct page **cache;		/* written, not flushed; only sectors in dirty count */
	u8 *dirty;
	u64 *dirty_seq;		/* of the oldest write that is not flushed */
	u32 *list, nlist;		/* pages with dirty != 0 */
	u64 seq;
	u64 slow_until;
	struct dop *flying;
};

void disk_init(struct disk *d, u8 node, bool data, u64 bytes);
struct dop *dop_new(struct disk *d, enum dop_kind kind, bool fua);
void dop_seg(struct dop *op, u32 pgno, u8 mask, struct page *pg);
void dop_bytes(struct dop *op, u64 off, const void *data, u32 len);	/* whole pages, copied */
void dop_hold(struct dop *op, struct rblk_buf *buf);
/* Starts it; @done is called when it ended, and frees it with dop_free(). */
void dop_start(struct disk *d, struct dop *op, void (*done)(struct event *e));
void dop_end(struct disk *d, struct dop *op);	/* first thing in @done: what it did becomes true */
void dop_free(struct disk *d, struct dop *op);
void disk_flush(struct disk *d);
void disk_crash(struct disk *d);		/* power is cut */
struct page *disk_page(struct disk *d, u32 pgno);	/* as a read sees it */
int disk_read(struct disk *d, u64 off, void *buf, u32 len);
void disk_write_now(struct disk *d, u64 off, const void *buf,
		    u32 len); /* durable at once: format */
bool disk_rot(struct disk *d, u32 pgno);	/* flips a bit; false: the page was never written */

/* ---- node.c, host.c: the host of a member ---- */

struct ident {
	u64 term;
	u32 csum;
};

struct rec {
	u64 seq, first, last;
	struct ident *id;
	bool done;
};

struct node {
	u8 id;
	bool up, refused, halted;
	bool read_failed;		/* an injected error met the start */
	bool injected;			/* an operation of this start was made to fail */
	bool doomed;			/* faults that destroy a store may hit this one */
	u32 inc;			/* starts and stops */
	u64 resume_t;			/* frozen until then */
	s64 drift;
	u64 clock0;
	struct disk log, data;
	struct log_super super;
	struct rblk_node_limits limits;
	char name[RBLK_NAME_MAX];
	u8 slot_node[SIM_NODES];	/* slot -> node */
	u8 node_slot[SIM_NODES];
	struct rblk_node *m;
	size_t msize;
	void *pages;
	struct sbuf *bufs;
	u32 used[B_NR];			/* pages, by budget */
	bool starved;			/* buf_alloc() had to refuse */
	u64 timer_at;
	bool start_pending, run_pending, meta_busy, map_busy, apply_busy, sync_busy;
	u32 spin;			/* runs without time passing */
	u64 spin_t;
	struct rblk_node_status st;
	u64 ops_out;			/* requests accepted and not ended */
	struct op *waitq, **waitq_tail;	/* refused with -EAGAIN: again later, in order */
	u32 nwait;
	u64 accepted;
	bool reset_pending;
	/* what the disks hold, by our own account */
	struct ident *dur;		/* by index */
	u64 dur_last, must_last;	/* newest durable; newest that a start must find */
	u64 dur_t;			/* when dur_last was reached */
	u64 stop_t, pause_t;		/* newest stop, newest pause */
	bool was_halted;
	u64 dur_term, dur_vote;
	u32 resync;			/* peers that need one, as it sees it */
	u64 slot_floor[2];		/* ring floor in the metadata copies */
	u64 ckpt;			/* newest checkpoint whose metadata is durable */
	struct rec recs[2 * LOG_INFLIGHT];	/* log writes in flight, by seq */
	u32 nrec;
	struct ident *logid;		/* identities in its log as last seen, by index */
	u64 maxid;			/* room of dur and logid */
	u64 vote_term, vote;
	u64 seen_commit, seen_live, seen_last;
	u64 judged_seen;		/* as its member traced it */
	u64 sess_epoch;			/* newest one it held */
	bool mounted;			/* somebody has the device open for writing */
	bool opening, open_force;
	bool closing;			/* its user gives the session up */
	u64 gave_up;			/* of ops_out: nobody waits for them any more */
	struct rblk_node_status now;	/* scratch */
	u64 heard[SIM_NODES];		/* newest send time of what came from there */
	u64 leader_since;		/* sim time; 0: not a leader */
	u32 deep;
	bool tx_open;
};

extern const struct rblk_node_ops host_ops;

#define IMAGE_PAGE	(DATA_HEADER_BYTES / RBLK_BLOCK_SIZE)	/* the volume's first, on a data device */

/* host_read.c: its operations for reads */
void host_read_data(void *host, u64 token, u32 off, u64 sector, u32 nsect);
void host_read_copy(void *host, u64 token, u32 off, struct rblk_buf *buf, u32 nth, u32 sect,
		    u32 nsect);
void host_read_zero(void *host, u64 token, u32 off, u32 nsect);
void host_read_issued(void *host, u64 token);

u64 node_now(const struct node *n);
void node_format(struct node *n);
bool node_start(struct node *n);
void node_stop(struct node *n, bool clean);	/* clean: rblk_node_stop(); else the power goes */
void node_after(struct node *n);		/* after any call into the member */
void node_kick(struct node *n);			/* run it soon */
void node_pause(struct node *n, u64 len);
struct node *node_leader(void);			/* up, leads, newest term; may be NULL */

/* ---- net.c ---- */

void net_init(void);
void net_heal(void);
void net_node_down(u8 node);
void net_block(u8 from, u8 to, u64 until);
bool net_blocked(u8 from, u8 to);
void net_reset(u8 a, u8 b, enum wire_channel ch);
void net_reset_all(void);
void *net_tx_begin(struct node *n, u32 slot, enum wire_channel ch);
void net_tx_end(struct node *n, u32 slot, enum wire_channel ch, u32 len,
		struct rblk_buf *const *buf, u32 n_buf);

/* ---- client.c: the users ---- */

enum op_kind { OP_WRITE, OP_ZEROES, OP_READ, OP_OPEN, OP_CLOSE };

struct op {
	struct op *next;
	u64 id;
	enum op_kind kind;
	u8 node;
	u32 inc;
	bool accepted, done, lost, gave_up;
	bool served;		/* a leader reads for a client without disks */
	int error;
	u64 sector;
	u32 nsect;
	u64 t0, t1;
	u64 order;		/* in which the node took it */
	u64 floor;		/* newest index completed before it began */
	u64 index;		/* where it took effect; 0: not (yet) */
	u64 epoch, seq;		/* its place in its session */
	struct op *same;	/* next in its hash bucket */
	bool force;		/* OPEN */
	struct sbuf *buf;	/* until accepted */
	u32 *crc, nblocks;
	/* reads */
	u64 *seen;		/* per sector, the oldest version allowed */
	u8 *data;
	u32 parts, ranges, kinds;
	bool issued;
	int part_error;
};

void client_init(void);
void client_tick(struct event *e);
struct op *client_op(u64 token);
struct op *client_of(u64 epoch, u64 seq);	/* NULL: no write has this place */
void client_placed(struct node *n, u64 seq, u64 token);
struct op *client_submit(struct node *n, enum op_kind kind, u64 sector, u32 nsect);
struct op *client_serve(struct node *n, u32 nblocks, u64 sector, u32 nsect);
bool client_retry(struct node *n);	/* true: something was accepted */
void client_complete(struct node *n, u64 token, int error);
void client_drop_waiting(struct node *n);
void client_hung(void);
void client_lost(struct node *n);	/* its requests will never be answered */
void client_session(struct node *n);	/* reset a fenced session once nothing is in flight */
void sector_fill(u8 *p, u64 id, u64 sector);
/* 0: zeroes; U64_MAX: garbage. @fast: looks at a part of it only. */
u64 sector_id(const u8 *p, u64 sector, bool fast);
#define SECTOR_GARBAGE	U64_MAX

/* ---- model.c: the one true history ---- */

struct hist {
	u64 term;
	u64 commit_term;	/* of the node that was first seen to know it committed */
	u32 csum;
	u8 kind;
	bool effective;
	u64 sector;
	u32 nsect;
	u64 op;			/* 0: not a user's */
	u64 digest;
};

void model_init(void);
u64 model_last(void);			/* newest index known committed anywhere */
const struct hist *model_at(u64 index);
void model_commit(struct node *n, const struct rblk_entry *e, u64 commit_term);
void model_entry(struct node *n, const struct rblk_entry *e, u64 prev_term);	/* log matching */
u64 model_done(u64 sector);		/* newest version known to a user */
void model_read(struct node *n, struct op *op);
void model_reply(struct node *n, const struct wire_reply *r);
void model_held(struct node *n, u64 epoch);	/* it believes to hold this session */
void model_write_done(struct node *n, struct op *op);
/* Version of @sector that @p shows: its index; fails on garbage. @floor: see zeroes. */
u64 model_version(const u8 *p, u64 sector, u64 floor, const char *what, u8 node, bool fast);
/* Every sector of the platter is at least what index @at demands. @exact: exactly the newest. */
void model_image(struct node *n, u64 at, bool exact, const char *why);
u64 model_digest(u64 index);

/* ---- check.c: after every step ---- */

void check_init(void);
void check_step(struct node *n);
void check_frame(struct node *n, const u8 *frame, u32 len);
void check_truncated(struct node *n, u64 first);
void check_room(struct node *n, u64 index);	/* dur and logid reach that far */
void check_commits(struct node *n, u64 to);	/* its log's entries up to @to are committed */
bool check_started(struct node *n);	/* false: rot passed for a torn tail */
void check_stopped(struct node *n);
u32 check_holders(u64 index, u64 term, u32 csum);
void check_holders_quorum(u64 index, u64 term, u32 csum, const char *what);
void check_read_quorum(struct node *n, const struct op *op);

/* ---- fault.c, final.c, run.c ---- */

void fault_init(void);
void fault_heal(void);
void fault_cut(u8 node, u64 t);
void fault_restart(struct node *n, u64 mean);
void final_run(void);
void final_write(u32 count);		/* new writes have to complete */
bool final_settled(void);		/* all covered replicas are equal and checkpointed */
bool final_covered(const struct node *lead, const struct node *n);
bool run_until(bool (*done)(void), u64 bound);
void wrong_store(void);

struct sim {
	u64 seed, now, hash, events, phase_end;
	struct sim_cfg cfg;
	struct node node[SIM_NODES];
	bool trace, healed;
	u64 nonce;
	u8 volume[RBLK_UUID_LEN];
	jmp_buf fail;
	bool in_run;
	char why[400];
	u64 stats[8];
	u32 transfer_to;		/* node + 1 that was asked to lead */
	u64 rejects[WIRE_R_NR];
	u64 cuts;			/* connections cut for what was said on them */
};
extern struct sim sim;

enum {
	ST_ELECTIONS,
	ST_WRITES,
	ST_READS,
	ST_CKPT,
	ST_BYTES,
	ST_CRASHES,
	ST_RECOVERIES,
	ST_SKIPPED
};

/* Runs @seed; true: passed. */
bool sim_seed(u64 seed, bool trace);

static inline bool node_diskless(const struct node *n)
{
	return n->id >= sim.cfg.nodes;
}

static inline bool node_paused(const struct node *n)
{
	return n->resume_t > sim.now;
}

static inline u32 quorum(void)
{
	return sim.cfg.nodes / 2 + 1;
}

#endif /* SIM_H */
