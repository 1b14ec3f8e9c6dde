// SPDX-License-Identifier: GPL-2.0
/* Nodes are made, come and go, and lead. */
#include "node-script.h"

#define POOL_BYTES	(4u << 20)
#define FOLLOW_NEVER_MS	1000000000u

u64 script_seed = 1;

/* ---- a new world ---- */

static void draw_cfg(u32 members)
{
	const char *follow = ts_text("follow");
	struct world_cfg *w = &world.cfg;

	w->nodes = members;
	w->clients = (u32)ts_option("clients", 0);
	w->block_size = (u32)ts_option("block", 4096);
	w->ring_bytes = ts_option("ring", 16) << 20;
	w->sectors = ts_option("sectors", 16384);
	w->shared = ts_text("shared") != NULL;
	w->unwritten = ts_text("unwritten") != NULL;
	w->limits = (struct rblk_node_limits){
		.entries = (u32)ts_option("entries", 1024), .versions = 1024,
		.window = (u32)ts_option("window", 64), .reads = (u32)ts_option("reads", 256),
		.default_election_ms = 750, .default_heartbeat_ms = 150,
		.resync_min = (u32)ts_option("resync-min", 0),
		.resync_max = (u32)ts_option("resync-max", 0),
	};
	if (follow)
		w->limits.follow_ms = strcmp(follow, "never") ? (u32)(script_time(follow) / MSEC) :
								FOLLOW_NEVER_MS;
	if (ts_text("late"))
		w->limits.late_ms = (u32)(script_time(ts_text("late")) / MSEC);
	w->delay_min = w->delay_max = 100 * USEC;
	w->slow_link = 1;
	w->sndbuf = 1 << 20;
	w->bandwidth = 4 << 20;
	w->pool_pages = (u32)ts_option("pool", 0);
	w->prompt = true;
	if (ts_text("gather"))
		w->run_delay = script_time(ts_text("gather"));
	w->log_min = w->log_max = 50 * USEC;
	w->data_min = w->data_max = 50 * USEC;
	w->torn = 50;
}

static void start(struct node *n)
{
	static const struct { int error; const char *text; } words[] = {
		{ -EBADMSG, "its log is damaged, or ends too early" },
		{ -EUCLEAN, "both copies of its metadata are bad" },
		{ -ESTALE, "its data device is older than its log" },
		{ -EINVAL, "its devices do not belong together" },
		{ -E2BIG, "its table of entries is too small" },
	};
	u32 i;

	script_started(n);
	n->refused = false;
	if (node_start(n))
		return;
	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (words[i].error == n->start_error)
			SAY("%c: does not start: %s\n", N(n), words[i].text);
}

/* "c.entries=512 c.ring=15": one node is unlike the others */
static void format(struct node *n)
{
	u64 ring = world.cfg.ring_bytes, pool = world.cfg.pool_pages;
	bool unwritten = world.cfg.unwritten;
	char own[16];

	snprintf(own, sizeof(own), "%c.entries", N(n));
	n->limits.entries = (u32)ts_option(own, n->limits.entries);
	snprintf(own, sizeof(own), "%c.ring", N(n));
	world.cfg.ring_bytes = ts_option(own, ring >> 20) << 20;
	snprintf(own, sizeof(own), "%c.region", N(n));
	n->region_more = (u32)__builtin_ctzll(ts_option(own, 64) / 64);
	snprintf(own, sizeof(own), "%c.unwritten", N(n));
	world.cfg.unwritten = unwritten || ts_text(own);
	node_format(n);
	world.cfg.ring_bytes = ring;
	world.cfg.unwritten = unwritten;
	rblk_node_limits_default(&n->limits, pool ? pool << RBLK_BLOCK_SHIFT : POOL_BYTES, &n->super);
}

/*
 * nodes MEMBERS [clients=N] [shared] [unwritten] [entries=N] [window=N] [reads=N]
 *       [follow=TIME|never] [late=TIME] [resync-min=MIB] [resync-max=MIB]
 *       [block=512] [ring=MIB] [sectors=N] [pool=PAGES] [gather=TIME] [NODE.entries=N]
 *       [NODE.ring=MIB] [NODE.region=KIB] [NODE.unwritten]: started, connected, and blank.
 *       With gather=, a node acts on what happens to it up to TIME later, instead of at once.
 */
void cmd_nodes(void)
{
	u32 i;

	world_reset(script_seed);
	draw_cfg((u32)ts_num(1));
	script_world();
	world_begin();
	for (i = 0; i < world.cfg.all; i++)
		format(&world.node[i]);
	for (i = 0; i < world.cfg.all; i++)
		start(&world.node[i]);
	script_run(20 * MSEC, NULL);
}

static bool ready(void)
{
	u32 i;

	for (i = 0; i < world.cfg.all; i++) {
		struct node *n = &world.node[i];

		rblk_node_status(n->m, &n->now);
		if (!n->now.ready)
			return false;
	}
	return true;
}

static int bootstrap(struct node *n, u64 sectors, const char *addr)
{
	struct rblk_conf conf;
	u32 slot = U32_MAX;
	int ret;

	ret = rblk_node_bootstrap_conf(n->m, addr, sectors, world.cluster + n->id, &conf, &slot);
	conf.flags = world.cfg.shared ? RBLK_CONF_SHARED : 0;
	if (!ret)
		ret = rblk_node_bootstrap(n->m, &conf, &slot);
	node_after(n);
	return ret;
}

/* volume MEMBERS ...: as nodes, then a bootstraps a volume and leads it */
void cmd_volume(void)
{
	cmd_nodes();
	if (bootstrap(&world.node[0], 0, "a:7800") || !script_run(10 * SEC, ready))
		ts_wrong("there is no volume");
	script_run(SEC, NULL);
}

/* two-histories: several volumes are bootstrapped, whose logs do not match */
void cmd_two_histories(void)
{
	world.two_histories = true;
}

/* bootstrap NODE [sectors=N] [addr=TEXT]: "_" is a blank */
void cmd_bootstrap(void)
{
	static const struct { int error; const char *text; } words[] = {
		{ 0, "bootstraps" }, { -EEXIST, "there is a volume already" },
		{ -ENOTCONN, "a peer was not heard" }, { -ENOTEMPTY, "a peer is not blank" },
		{ -EINVAL, "this is not a valid configuration" },
		{ -ENOSPC, "a data device is too small" },
	};
	struct node *n = script_up(1);
	char addr[RBLK_ADDR_MAX], *p;
	int ret;
	u32 i;

	snprintf(addr, sizeof(addr), "%s", ts_text("addr") ? ts_text("addr") : "node:7800");
	for (p = addr; *p; p++)
		if (*p == '_')
			*p = ' ';
	ret = bootstrap(n, ts_option("sectors", 0), addr);

	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (words[i].error == ret)
			SAY("%c: %s\n", N(n), words[i].text);
}

/* ---- one node ---- */

/* start NODE... */
void cmd_start(void)
{
	int i;

	for (i = 1; i < ts_words; i++)
		start(script_node_at(i));
}

/* set-back NODE: it may be told that its store was set back */
void cmd_set_back(void)
{
	script_node_at(1)->set_back = true;
}

/* forgetful NODE: its next start is to forget what nodes saw of each other's stores */
void cmd_forget(void)
{
	script_node_at(1)->forget = true;
}

/* table NODE ENTRIES: from its next start on, its table of entries has room for so many */
void cmd_table(void)
{
	script_node_at(1)->limits.entries = (u32)ts_num(2);
}

/* frees NODE on|off: from its next start on, its data device frees what is zeroed */
void cmd_frees(void)
{
	script_node_at(1)->frees = !strcmp(ts_word[2], "on");
}

/* stop NODE...: orderly; crash NODE...: the power goes */
void cmd_stop(void)
{
	int i;

	for (i = 1; i < ts_words; i++)
		node_stop(script_up(i), !strcmp(ts_word[0], "stop"));
}

/* pause NODE: it is frozen, and does not know; resume NODE */
void cmd_pause(void)
{
	struct node *n = script_up(1);

	if (!strcmp(ts_word[0], "pause"))
		node_pause(n, NEVER - world.now);
	else
		node_resume(n);
}

/*
 * image NODE [second]: keeps a copy of its devices; restore NODE [second] [data]: puts it back, or
 * only the data device
 */
void cmd_image(void)
{
	static struct page **copy[2][2][WORLD_NODES], ***log, ***data;
	struct node *n = script_node_at(1);
	int nth = ts_text("second") != NULL;

	log = copy[nth][0];
	data = copy[nth][1];
	if (!strcmp(ts_word[0], "image")) {
		log[n->id] = disk_copy(&n->log);
		data[n->id] = disk_copy(&n->data);
		return;
	}
	if (n->up && !n->lost && !n->nodata)
		ts_wrong("this node is up");
	disk_restore(&n->data, data[n->id]);
	if (ts_text("data")) {
		data_exchanged(n);
		return;
	}
	disk_restore(&n->log, log[n->id]);
	n->set_back = true;
	node_forget(n);
}

static struct op *opening;

static bool opened(void)
{
	return opening->done;
}

/*
 * newcomers CLIENT N: so many clients, one after the other and each with a name of its own,
 * take its place, open, and go without a word
 */
void cmd_newcomers(void)
{
	struct node *n = script_node_at(1);
	u64 i, count = ts_num(2);

	if (!node_diskless(n))
		ts_wrong("this is not a client");
	script_quiet = true;
	for (i = 0; i < count; i++) {
		if (n->up)
			node_stop(n, false);
		n->super.store += 0x100;
		model_newcomer(n);
		start(n);
		script_run(20 * MSEC, NULL);
		opening = op_open(n, 0, SEC);
		node_after(n);
		if (!script_run(SEC, opened) || opening->error)
			break;
	}
	node_stop(n, false);
	script_quiet = false;
	SAY("%llu opened and went\n", (unsigned long long)i);
}

/*
 * rot NODE [back=N] [payload]: a bit flips in the newest record of its log that has entries, or in
 * one so many before it; in its header, or the first block of its payload
 */
void cmd_rot(void)
{
	struct node *n = script_node_at(1);
	u64 nth = n->nrecords - 1 - ts_option("back", 0), pos;
	struct log_extent ext[2];

	pos = n->record_pos[nth % ARRAY_SIZE(n->record_pos)];
	if (ts_text("payload"))
		pos += LOG_HEADER_BYTES_MAX;
	rblk_log_extents(&n->super, pos, RBLK_BLOCK_SIZE, ext);
	n->doomed = true;
	if (!disk_rot(&n->log, (u32)(ext[0].off / RBLK_BLOCK_SIZE)))
		ts_wrong("there is nothing that could rot");
}

static enum log_copy copy_at(int i)
{
	u32 c;

	for (c = 0; c < LOG_C_NR && i < ts_words; c++)
		if (!strcmp(ts_word[i], copy_name[c]))
			return (enum log_copy)c;
	ts_wrong("no such copy");
	return LOG_C_NR;
}

/* damage NODE COPY [unreadable]: a bit of it flips, or reading it fails until it is written */
void cmd_damage(void)
{
	copy_damage(script_node_at(1), copy_at(2), ts_text("unreadable") != NULL);
}

/* damage-map NODE regions|bits first|second: a bit of the first such block flips, in that copy */
void cmd_damage_map(void)
{
	const struct log_super *s = &script_node_at(1)->super;
	u32 n = ts_text("bits") ? rblk_log_map_regions(s) : 0;

	if (!disk_rot(&script_node_at(1)->log,
		      (u32)(rblk_log_map_offset(s, n, ts_text("second") != NULL) / RBLK_BLOCK_SIZE)))
		ts_wrong("there is nothing that could rot");
}

/* lose-device NODE log|data: it is pulled out */
void cmd_lose_device(void)
{
	struct node *n = script_up(1);

	n->injected = true;
	rblk_node_device_lost(n->m, ts_text("log") ? NODE_HALT_LOG : NODE_HALT_DATA, node_now(n));
	node_after(n);
}

/* blank NODE [unwritten]: its data device is replaced, and formatted, but perhaps not zeroed */
void cmd_blank(void)
{
	struct node *n = script_node_at(1);

	if (n->up && !n->lost && !n->nodata)
		ts_wrong("this node is up");
	data_blank(n, ts_text("unwritten"));
	data_exchanged(n);
}

/* attach NODE: its lost replica is given back, by what its devices hold now */
void cmd_attach(void)
{
	static const struct { int error; const char *text; } words[] = {
		{ -EEXIST, "it has its replica" },
		{ -EOPNOTSUPP, "it never had one" },
		{ -EBUSY, "what was begun on its devices has not ended" },
		{ -EINVAL, "this is not its store" },
		{ -ESTALE, "its log was set back" },
		{ -EBADMSG, "its log is damaged, or ends too early" },
		{ -EIO, "its log cannot be read" },
		{ -ESHUTDOWN, "it has halted" },
	};
	struct node *n = script_up(1);
	int ret = node_attach(n);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (words[i].error == ret)
			SAY("%c: is not attached: %s\n", N(n), words[i].text);
}

/* ---- who leads ---- */

static struct node *candidate;

static bool leads(void)
{
	rblk_node_status(candidate->m, &candidate->now);
	return candidate->now.raft.role == RAFT_LEADER && candidate->now.ready;
}

/* lead NODE: leadership is handed to it, as often as it takes */
void cmd_lead(void)
{
	struct node *lead;
	int i;

	candidate = script_up(1);
	for (i = 0; i < 50 && !leads(); i++) {
		lead = node_leader();
		if (lead && lead != candidate) {
			rblk_node_transfer(lead->m, candidate->name, node_now(lead));
			node_after(lead);
		}
		script_run(100 * MSEC, leads);
	}
	if (!leads())
		ts_wrong("it does not get to lead");
}

/* transfer FROM [TO]: asked for once; without TO, the leader chooses */
void cmd_transfer(void)
{
	struct node *n = script_up(1);
	const char *to = ts_words > 2 ? script_node_at(2)->name : NULL;
	int ret = rblk_node_transfer(n->m, to, node_now(n));

	if (ret)
		SAY("%c: does not hand over: %s\n", N(n),
		    ret == -EBUSY ? "it does so already" : ret == -EREMOTE ? "it does not lead" :
		    ret == -EAGAIN ? "not now" : ret == -EINVAL ? "nobody to lead" : "an error");
	node_after(n);
}
