/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A world for nodes: several of them (the pure code as the module is built from)
 * over a simulated clock, network, disks and users, and what must be true of them
 * after every step. Nothing goes wrong in it unless it is told to, and time advances
 * only as told. One seed decides everything: nothing here reads a clock, an address
 * or the environment. The simulator makes it suffer, transcripts tell stories in it.
 */
#ifndef WORLD_H
#define WORLD_H

#include <stdio.h>
#include <stdlib.h>

#include "node/node.h"
#include "mark.h"

#define WORLD_NODES	7		/* at most 5 members, 2 clients without disks */
#define WORLD_NONE	0xff
#define USEC		1000ULL
#define MSEC		1000000ULL
#define SEC		1000000000ULL
#define NEVER		(1ULL << 62)	/* of pauses and cuts: until somebody ends it */

/*
 * ---- rng.c: one stream for each subject, so that a change of one disturbs the
 * others less ----
 */

enum world_stream { R_CFG, R_NET, R_DISK, R_USER, R_FAULT, R_NODE, R_LATE, R_FAR, R_STRANGER,
		    R_COPY, R_BACK, R_TURN, R_PATH, R_CALM, R_LOG, R_LOST, R_DATA, R_FLIP, R_UNREAD,
		    R_UNWRITTEN, R_REGION, R_STREAMS };

void rnd_seed(u64 seed);
u64 rnd(enum world_stream s);
u64 rnd_below(enum world_stream s, u64 n);		/* 0 .. n - 1; n > 0 */
u64 rnd_range(enum world_stream s, u64 lo, u64 hi);	/* both included */
u64 rnd_log(enum world_stream s, u64 lo, u64 hi);		/* magnitudes are equally likely */
u64 rnd_exp(enum world_stream s, u64 mean);		/* waiting times */
bool rnd_ppm(enum world_stream s, u32 ppm);
bool rnd_one_in(enum world_stream s, u32 n);

/* ---- what the world consists of, and how often faults occur by themselves ---- */

struct world_cfg {
	u32 nodes, clients, all, block_size;	/* members; clients without disks; both together */
	bool unwritten;			/* data devices are not zeroed, and the map says so */
	u64 ring_bytes, sectors;
	bool shared;
	struct rblk_node_limits limits;
	u32 pool_pages;			/* payload memory of a node; 0: unlimited */
	u64 run_delay;			/* longest time that events gather before rblk_node_run() */
	u32 drift_ppm;			/* clocks differ by at most this */
	/* network */
	u64 delay_min, delay_max;
	u32 slow_link;			/* one link is slower by this factor; 1: none is */
	u64 sndbuf;			/* bytes queued in a direction of a connection */
	u64 bandwidth;			/* bytes per ms */
	bool pipe;			/* ... of each direction of a connection: frames queue for it */
	bool prompt;			/* connections come up, and are seen to break, at once */
	u32 raw_loss, raw_dup, raw_reorder, raw_ghost, corrupt;	/* ppm of frames */
	/* disks */
	u64 log_min, log_max, data_min, data_max;	/* latencies */
	u32 slow_factor;		/* a slow disk is slower by this, until its slow_until */
	u64 slow_max;			/* no operation of a slow disk takes longer */
	u32 write_error, read_error;	/* ppm of operations */
	u32 torn;			/* percent of unflushed sectors kept in a power cut */
	u32 writeback;			/* percent: a dirty page is written back early */
	u32 crash_io;			/* ppm of writes that a power cut interrupts */
};

/* ---- clock.c: time, events, trace ---- */

struct event {
	u64 t, seq;
	void (*fn)(struct event *e);
	u8 node;		/* the node it belongs to; WORLD_NONE: none */
	u32 inc;		/* start of that node: events of earlier ones are dropped */
	u64 a, b;
	void *p;
};

void ev_reset(void);
/* At time @t, for start @inc of @node (read from the node when it is one). */
void ev_push(u64 t, void (*fn)(struct event *e), u8 node, u64 a, u64 b, void *p);
bool ev_step(u64 until);		/* false: nothing is due before then */
void ev_wake(bool (*waits)(const struct event *e));
bool ev_forever(const struct event *e);

/* Feeds the hash of the run, and prints with --trace. */
void world_trace(u8 node, const char *what, u64 a, u64 b);
#define TRACE(node, what, a, b)	world_trace(node, what, (u64)(a), (u64)(b))

/* A check of the world failed: ends the run. */
void world_fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
#define WORLD_CHECK(cond, ...)	do { if (!(cond)) world_fail(__VA_ARGS__); } while (0)

/* ---- page.c: shared immutable 4 KiB pages, payload buffers, memory of a run ---- */

#define PAGE_SECTORS	(RBLK_BLOCK_SIZE / 512)

struct page {
	struct page *next;
	u32 ref;
	u32 crc;
	bool crc_ok;
	bool mixed;		/* its sectors are those of other pages */
	u8 known, whole;	/* sectors whose id is known, and those that were compared in full */
	u64 block;		/* ... as sectors of this block */
	u64 id[PAGE_SECTORS];
	struct page *sect[PAGE_SECTORS];	/* NULL: zeroes */
	u8 *data;		/* may be NULL as long as it is mixed */
};

void page_free(struct page *p);

static inline struct page *page_get(struct page *p)
{
	if (p)
		p->ref++;
	return p;
}

static inline void page_put(struct page *p)
{
	if (p && !--p->ref)
		page_free(p);
}

struct sbuf {			/* the node sees its struct rblk_buf */
	struct rblk_buf buf;
	u32 ref, host;		/* references; of these, held by I/O in flight */
	u8 node, budget;
	u32 size;		/* blocks, also those that were cut off */
	struct sbuf *next, **pprev;	/* list of all of the node's */
	struct page *pg[RBLK_ENTRY_BLOCKS_MAX];	/* NULL: zeroes */
};

void mem_reset(void);
void *mem_alloc(size_t size);		/* zeroed, until the end of the seed */
void *mem_big(size_t size);		/* from the system: free() */
extern struct page *page_unread;	/* what is there before something is read */
extern struct page *page_garbage;	/* what a data device holds before something is written */
extern struct page *page_around;	/* what must not be seen beside what was asked for */
struct page *page_new(void);		/* content undefined, one reference */
struct page *page_bare(void);		/* without data */
void page_add_data(struct page *p);
struct page *page_copy(struct page *p);
u8 *page_data(struct page *p);		/* for writing: only with the only reference */
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

/* ---- sector.c: what users put into sectors, and pages made of sectors of others ---- */

struct sref {			/* a sector of a page that is not mixed */
	struct page *pg;	/* NULL: zeroes */
	u32 nth;
};

/* Every sector of every write is unlike any other. */
void sector_fill(u8 *p, u64 id, u64 sector);
/* 0: zeroes; U64_MAX: garbage. @fast: looks at a part of it only. */
u64 sector_id(const struct sref *r, u64 sector, bool fast);
#define SECTOR_GARBAGE	U64_MAX
static inline struct sref page_sector(struct page *p, u32 nth)
{
	return (struct sref){ .pg = p && p->mixed ? p->sect[nth] : p, .nth = nth };
}

const u8 *sector_data(const struct sref *r);
/* The sectors in @mask of *@slot become those of @pg; no page that others refer to changes. */
void page_mix(struct page **slot, u8 mask, struct page *pg);

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
	void (*held)(struct event *e);	/* its end, when it is held back */
	enum dop_kind kind;
	bool fua;
	int error;
	u32 nseg, maxseg;
	struct dseg *seg;
	u64 t0, flush_seq;
	struct sbuf **buf;		/* held */
	u32 nbuf, maxbuf;
	void *what;			/* log_record, readback, request */
	u64 a, b, c, d, e;
	u32 flags;
};

enum disk_bad {
	DISK_GOOD,
	DISK_BAD,		/* reading the page fails until it is written again */
	DISK_BAD_FOR_GOOD,	/* ... or even then */
};

struct disk {
	u8 node;
	bool data;
	u32 npg;
	struct page **pg;		/* on the platter */
	struct page **cache;		/* written, not flushed; only sectors in dirty count */
	u8 *dirty;
	u64 *dirty_seq;		/* of the oldest write that is not flushed */
	u8 *bad;		/* enum disk_bad */
	u32 *list, nlist;		/* pages with dirty != 0 */
	u32 *news, nnews;		/* pages of the platter that platter_data() has to look at */
	u32 *again, nagain;		/* ... and has to look at once more, next time */
	bool *is_new;
	u64 looked_at;			/* index as of which it did so last */
	u64 seq;
	u64 slow_until;
	u32 hold;		/* bits of enum dop_kind: these do not end */
	u32 lose;		/* ... and of these nothing is there when the power goes meanwhile */
	u32 fail;		/* ... and of these the next one fails */
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
void disk_flip(struct disk *d, u64 off);	/* ... of this byte */
/* Reading this page fails from now on; at a start with an error of its own: -ENODATA. */
void disk_unreadable(struct disk *d, u64 off, enum disk_bad how);
bool disk_is_bad(const struct disk *d, u32 pgno);
/* What is on the platter; false: it is not readable. */
bool disk_look(struct disk *d, u64 off, void *buf, u32 len);
u32 disk_release(struct disk *d, u32 kinds);	/* those held back end; how many */
void disk_news(struct disk *d, u32 pgno);	/* has to be looked at */
struct page **disk_copy(struct disk *d);	/* its content, flushed */
struct page **disk_image(struct disk *d);	/* the platter at this moment */
void disk_restore(struct disk *d, struct page **pg);

/* ---- node.c, host.c: the host of a node ---- */

struct node;

#include "flip.h"
#include "op.h"

struct link_end {		/* what the module's links remember of the latest connection */
	u8 refused;		/* enum wire_reason that the other side refused it with */
	int error;		/* what ended it */
};

struct ident {
	u64 term;
	u32 csum;
};

struct rec {
	u64 seq, first, last;
	struct ident *id;
	bool done;
};

struct node_mem {
	struct rblk_node *m;
	size_t size;
	void *pages;
};

struct node {
	u8 id;
	bool up, refused, halted;
	bool lost;			/* a device of it has failed: it goes on as a client */
	bool nodata;			/* its data device has failed: it votes with its log */
	bool read_failed;		/* an injected error met the start */
	int start_error;		/* why it was refused */
	bool injected;			/* an operation of this start was made to fail */
	bool doomed;			/* faults that destroy a store may hit this one */
	bool broken;			/* a bug was put into this start: it has to notice */
	bool set_back;			/* its devices are those of an earlier time */
	bool unwritten;			/* its data device was not zeroed when it was formatted */
	u64 had_last, had_ckpt;		/* what they held until then, see dur_last and ckpt */
	struct ident *had;		/* ... by index */
	bool forget;			/* its next start is told to forget what was seen */
	bool frees;			/* its data device frees what is zeroed */
	u32 inc;			/* starts and stops */
	u64 resume_t;			/* frozen until then */
	s64 drift;
	u64 clock0;
	u64 boot_nonce;
	struct disk log, data;
	struct log_super super;
	u64 ring_more;			/* its ring is larger than world.cfg says */
	u32 region_more;		/* its regions are larger, too: log2 of how many times */
	struct rblk_node_limits limits;
	char name[RBLK_NAME_MAX];
	u8 slot_node[WORLD_NODES];	/* slot -> node */
	u8 node_slot[WORLD_NODES];
	struct rblk_node *m;
	struct node_mem mem;		/* that it runs in */
	struct node_mem attached[2];	/* ... that of its replica, if one was attached; in turn */
	u32 attaches;			/* of this start */
	struct sbuf *bufs;
	u32 used[B_NR];			/* pages, by budget */
	bool starved;			/* buf_alloc() had to refuse */
	u64 timer_at;
	bool start_pending, run_pending, meta_busy, map_busy, apply_busy, sync_busy;
	u32 spin;			/* runs without time passing */
	u64 spin_t;
	struct rblk_node_status st;
	u64 ops_out;			/* requests accepted and not ended */
	struct waitq wait_write, wait_read;	/* refused with -EAGAIN: again later, in order */
	u32 nwait;			/* in both */
	u64 accepted;
	bool reset_pending;
	/* what the disks hold, by our own account */
	struct ident *dur;		/* by index */
	u64 dur_last, must_last;	/* newest durable; newest that a start must find */
	u64 log_from;			/* its log holds nothing up to here */
	bool absent;			/* durable metadata may say that a part of its image is */
	bool installing;		/* metadata with the state of another member is written */
	u64 dur_t;			/* when dur_last was reached */
	u64 stop_t, pause_t;		/* newest stop, newest pause */
	bool was_halted;
	u64 dur_term, dur_vote;
	u32 resync;			/* peers that need a resync, as it sees them */
	u64 slot_floor[2];		/* ring floor in the metadata copies */
	u64 slot_version[2];		/* version of each copy; 0: it is damaged */
	bool slot_absent[2];		/* what each of them says of the image */
	u32 unmended;			/* copies that it could not rewrite */
	u64 slot_base[2];		/* newest entry that the log need not keep, in each copy */
	u64 ckpt;			/* newest checkpoint whose metadata is durable */
	u64 ckpt_twice;			/* ... in both copies */
	struct rec recs[2 * LOG_INFLIGHT];	/* log writes in flight, by seq */
	u32 nrec;
	struct ident *logid;		/* identities in its log as last seen, by index */
	u64 maxid;			/* room of dur and logid */
	/* Positions of the newest records with entries in its log, by their number. */
	u64 record_pos[64], nrecords;
	u64 vote_term, vote;
	u64 seen_commit, seen_live, seen_last;
	u64 executed_seen;		/* newest executed index that it traced */
	u64 sess_epoch;			/* epoch of its newest session */
	bool mounted, reading;		/* somebody has the device open for writing, reading */
	u32 opening;			/* openers that wait for the session */
	bool open_force;
	bool closing;			/* its user gives the session up */
	u64 gave_up;			/* operations in ops_out that nobody waits for any more */
	u32 serves, serving;		/* reads for other nodes: the most, and in progress */
	u64 serves_refused;
	u32 most_parts;			/* of a read, on its data device */
	u32 head_changes;		/* writes of other nodes to the first two blocks */
	struct rblk_node_status now;	/* scratch */
	u64 heard[WORLD_NODES];		/* when the newest frame from each node was sent */
	struct link_end end[WORLD_NODES][WIRE_CHANNELS];
	u64 leader_since;		/* sim time; 0: not a leader */
	u32 deep;
	bool tx_open;
};

extern const struct rblk_node_ops host_ops;

#define IMAGE_PAGE	(DATA_HEADER_BYTES / RBLK_BLOCK_SIZE)	/* the volume's first, on a data device */

u64 node_now(const struct node *n);
void node_format(struct node *n);
u32 nodes_largest_chunk(void);
bool node_start(struct node *n);
void node_stop(struct node *n, bool clean);	/* clean: rblk_node_stop(); else the power goes */
/* Its lost replica comes back, as its devices are now. 0, or why not: nothing has changed. */
int node_attach(struct node *n);
void node_after(struct node *n);		/* after any call into the node */
void node_kick(struct node *n);			/* run it soon */
void node_pause(struct node *n, u64 len);
void node_resume(struct node *n);
void node_forget(struct node *n);		/* its disks lose their content */
void data_exchanged(struct node *n);		/* ... its data device does, while it is down */
void data_blank(struct node *n, bool unwritten);	/* it gets another one, formatted */
/* ... and have this one instead, of an earlier time. */
void node_set_back(struct node *n, struct page **log, struct page **data);
struct node *node_leader(void);			/* up, leads, newest term; may be NULL */

/* ---- copies.c: what a store has twice ---- */

extern const char *const copy_name[LOG_C_NR];
bool copy_whole(struct node *n, enum log_copy c);
bool copy_spare(struct node *n, enum log_copy c);	/* nothing is lost with it */
void copy_damage(struct node *n, enum log_copy c, bool unreadable);
/* It is about to be written: the other one has to be whole, and not the older of the two. */
void copy_write(struct node *n, enum log_copy c);
void copy_noted(struct node *n, enum log_copy c, u64 error);	/* the node has rewritten it */
void copy_check(struct node *n);	/* what it could rewrite is whole by now */

/* ---- net.c ---- */

void net_init(void);
void net_heal(void);
bool net_whole(void);
void net_node_down(u8 node);
void net_block(u8 from, u8 to, u64 until);
void net_unblock(u8 from, u8 to);
bool net_blocked(u8 from, u8 to);
void net_swallow(u8 from, u8 to, u32 above);	/* frames of more bytes; 0: none */
bool net_swallows(u8 from, u8 to);
u64 net_round_trip(u8 a, u8 b);		/* of something small, at most */
void net_reset(u8 a, u8 b, enum wire_channel ch);
void net_reset_all(void);
void *net_tx_begin(struct node *n, u32 slot, enum wire_channel ch);
void net_tx_end(struct node *n, u32 slot, enum wire_channel ch, u32 len,
		struct rblk_buf *const *buf, u32 n_buf);
u64 net_tx_unacked(struct node *n, u32 slot, bool *waits);

/* ---- net_rule.c: what becomes of single frames, as a transcript says ---- */

enum net_fate { NET_PASS, NET_LOSE, NET_TWICE, NET_HOLD };

struct net_rule {
	u8 from, to;		/* nodes; WORLD_NONE: any */
	u8 type;		/* enum wire_type; 0: any */
	u8 msg;			/* of RAFT: enum raft_msg_type; 0: any */
	bool entries;		/* only with entries */
	enum net_fate fate;
	u32 count;		/* matches so many frames; 0: all */
	u32 seen;		/* frames that matched so far */
};

void net_rules_init(void);
void net_rule_add(const struct net_rule *r);
void net_rules_end(void);	/* frames that are held stay held */
u32 net_rules_seen(void);	/* frames that the present rules matched */
enum net_fate net_fate(u8 from, u8 to, const struct wire_frame *f);
/* Frames that are held arrive now, in order, or never. */
void net_release(u8 from, u8 to);
void net_drop(u8 from, u8 to);

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
void model_newcomer(struct node *n);	/* its store is another one: it has no session */
void model_write_done(struct node *n, struct op *op);
/* Version of @sector that @r shows: its index; fails on garbage. @floor: see zeroes. */
u64 model_version(const struct sref *r, u64 sector, u64 floor, const char *what, u8 node,
		  bool fast);
u64 model_demanded(u64 sector, u64 at);	/* its version after entry @at */
u64 model_digest(u64 index);

/* ---- platter.c ---- */

void platter_init(void);
/* Every sector of the platter is at least what index @at demands. @exact: exactly the newest. */
void platter_data(struct node *n, u64 at, bool exact, const char *why);
u64 platter_demanded(struct node *n, u64 off, const struct data_super *ds);
/* Content of another member is about to be written. */
void platter_landing(struct node *n, const struct dop *op);
/* And the change map of such a checkpoint. */
void platter_check(struct node *n, u64 at, bool exact, const char *why);
bool platter_left(struct node *n, u64 at, u64 seq);

/* ---- check.c: after every step ---- */

void check_init(void);
void check_step(struct node *n);
/* The frame, decoded; valid until the next one. */
const struct wire_frame *check_frame(struct node *n, const u8 *frame, u32 len);
void check_truncated(struct node *n, u64 first);
void check_room(struct node *n, u64 index);	/* dur and logid reach that far */
void check_commits(struct node *n, u64 to);	/* its log's entries up to @to are committed */
bool check_started(struct node *n);	/* false: rot passed for a torn tail */
void check_stopped(struct node *n);
u32 check_holders(u64 index, u64 term, u32 csum);
void check_holders_quorum(u64 index, u64 term, u32 csum, const char *what);
void check_read_quorum(struct node *n, const struct op *op);

/* ---- world.c ---- */

/* Callbacks of the program that drives the world; each may be NULL. */
struct world_hooks {
	void (*accepted)(struct node *n, struct op *op);
	void (*ended)(struct node *n, struct op *op);	/* refused, or done */
	void (*ran)(struct node *n);		/* after each rblk_node_run() */
	void (*traced)(struct node *n, enum rblk_node_trace what, u64 index, u64 arg);
	void (*sent)(struct node *n, u8 to, const struct wire_frame *f);
	void (*hello)(struct node *n, u8 to, struct wire_hello *h);	/* it is about to be said */
	void (*rejected)(u8 node, u8 other, u8 reason);
	void (*refused)(struct node *n, u8 by, const struct wire_reject *r);	/* it is told so */
	void (*met)(struct node *n, u8 other, const struct wire_hello *h);	/* it accepts @h */
	bool (*may_meet)(const struct node *a, const struct node *b);
	void (*copy)(struct node *n, enum log_copy c, u64 error);	/* see copy_noted() */
	void (*verified)(struct node *n, enum rblk_verify_outcome outcome);
	void (*power_cut)(u8 node, u64 t);	/* see crash_io: the power goes at @t */
	void (*failed)(void);			/* of a check, see world.why: does not return */
};

struct world {
	u64 now, hash, events;
	struct world_cfg cfg;
	struct world_hooks on;
	struct node node[WORLD_NODES];
	bool trace;
	bool unwritten;		/* that of some node was not zeroed */
	bool two_histories;	/* two volumes are bootstrapped: their logs need not match */
	u64 cluster;
	u8 volume[RBLK_UUID_LEN];
	char why[400];
	u64 stats[8];
	u64 read_faults;		/* reads of data devices that were made to fail */
	u32 transfer_to;		/* node + 1 that was asked to lead */
	u64 rejects[WIRE_R_NR];
	u64 cuts;			/* connections cut for what was said on them */
};
extern struct world world;

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

void world_reset(u64 seed);	/* nothing is left of the one before; fill in world.cfg next */
void world_begin(void);		/* then this: its names, an empty history */
void world_start(void);		/* formats all nodes and starts them */
/* Runs until @done says so; false: that took longer than @bound. */
bool world_until(bool (*done)(void), u64 bound);

static inline bool node_diskless(const struct node *n)
{
	return n->id >= world.cfg.nodes;
}

static inline bool node_paused(const struct node *n)
{
	return n->resume_t > world.now;
}

static inline u32 quorum(void)
{
	return world.cfg.nodes / 2 + 1;
}

#endif /* WORLD_H */
