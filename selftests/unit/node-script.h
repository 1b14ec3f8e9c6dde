/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The commands of node-transcripts/: stories of a few nodes in the simulator's world.
 * Nodes are a, b, c, ...: members first, then clients without disks. Time passes only
 * while a command waits. What happens meanwhile is told in lines of its own.
 */
#ifndef NODE_SCRIPT_H
#define NODE_SCRIPT_H

#include "world.h"
#include "transcript.h"

/* ---- node-script.c: words, and what is told ---- */

#define SAY(...)	fprintf(ts_out, "  " __VA_ARGS__)
#define N(n)		('a' + (n)->id)

struct node *script_node(const char *s);
/* Word @i names a node; it is up. */
struct node *script_node_at(int i);
struct node *script_up(int i);
/* "a->b", "a->", "->b" or "all"; WORLD_NONE is any. */
void script_link(const char *s, u8 *from, u8 *to);
/* "500us", "30ms", "3s" */
u64 script_time(const char *s);
/* "8+16": sectors */
void script_range(const char *s, u64 *sector, u32 *nsect);
extern bool script_quiet;	/* requests and sessions are not told of: who does this tells */
/* Runs the world for so long, or until @done, if there is one. */
bool script_run(u64 ns, bool (*done)(void));
/* "3.7 s", to two digits: how long something took */
const char *script_took(u64 ns);

extern u64 script_seed;		/* of every world */
void script_world(void);	/* a new world: nothing was told of it yet */
void script_started(struct node *n);

/* What an error means to the caller. */
const char *script_error(enum op_kind kind, int error);

/* ---- node-script-op.c: requests by name ---- */

void script_op_ended(struct node *n, struct op *op);
void script_ops_forget(void);
/* "zeroes", or the write that @p shows */
const char *script_content(const struct sref *r, u64 sector);

void cmd_open(void);
void cmd_cancel(void);
void cmd_close(void);
void cmd_use(void);
void cmd_reset(void);
void cmd_try(void);
void cmd_write(void);
void cmd_writes(void);
void cmd_read(void);
void cmd_read_again(void);
void cmd_reads(void);

/* ---- node-script-set.c: nodes come and go ---- */

void cmd_nodes(void);
void cmd_volume(void);
void cmd_two_histories(void);
void cmd_bootstrap(void);
void cmd_start(void);
void cmd_forget(void);
void cmd_frees(void);
void cmd_table(void);
void cmd_set_back(void);
void cmd_stop(void);
void cmd_pause(void);
void cmd_image(void);
void cmd_newcomers(void);
void cmd_rot(void);
void cmd_damage(void);
void cmd_damage_map(void);
void cmd_lose_device(void);
void cmd_blank(void);
void cmd_attach(void);
void cmd_break(void);
void cmd_lead(void);
void cmd_transfer(void);

/* ---- node-script-fate.c: time, network, disks ---- */

void cmd_run(void);
void cmd_cut(void);
void cmd_flap(void);
void cmd_narrow(void);
void cmd_latency(void);
void cmd_adjust(void);
void cmd_rate(void);
void cmd_frames(void);
void cmd_disk(void);
void cmd_serves(void);

/* ---- node-script-look.c ---- */

void cmd_status(void);
void cmd_sessions(void);
void cmd_peers(void);
void cmd_alike(void);
void cmd_copies(void);

/* ---- node-script-verify.c ---- */

void cmd_flip(void);
void cmd_unreadable(void);
void cmd_verify(void);
void cmd_verified(void);

/* ---- node-script-say.c: what a node did not say ---- */

void cmd_say(void);

#endif
