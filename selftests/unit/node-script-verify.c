// SPDX-License-Identifier: GPL-2.0
/* Copies of the image that differ, and who finds it. */
#include "node-script.h"

#define VERIFY_WAIT	(90 * SEC)

/* flip NODE SECTOR: a bit of this sector, on the platter of its data device */
void cmd_flip(void)
{
	flip(script_node_at(1), ts_num(2));
}

/* unreadable NODE SECTOR [for-good]: the page of this sector, until it is written, or even then */
void cmd_unreadable(void)
{
	disk_unreadable(&script_node_at(1)->data,
			(IMAGE_PAGE + ts_num(2) / PAGE_SECTORS) * RBLK_BLOCK_SIZE,
			ts_text("for-good") ? DISK_BAD_FOR_GOOD : DISK_BAD);
}

static void members(struct node *n, const char *what, u32 mask)
{
	u32 i, k;

	if (mask)
		fprintf(ts_out, "%s", what);
	for (i = 0; i < n->now.conf.n; i++)
		for (k = 0; mask >> i & 1 && k < world.cfg.nodes; k++)
			if (world.node[k].super.store == n->now.conf.m[i].store)
				fprintf(ts_out, " %c", 'a' + k);
}

static struct node *verifying;

static bool verified(void)
{
	struct node *n = verifying;

	if (!n->up)
		return true;
	rblk_node_status(n->m, &n->now);
	return !n->now.verify.busy;
}

static void tell_verified(struct node *n)
{
	static const char *const text[] = {
		[NODE_V_NONE] = "nothing", [NODE_V_EQUAL] = "alike", [NODE_V_MENDED] = "mended",
		[NODE_V_DIFFERS] = "differs", [NODE_V_SPLIT] = "no majority",
		[NODE_V_ALONE] = "no two could be read", [NODE_V_NO_ANSWER] = "no answer",
	};
	const struct rblk_verify_status *v = &n->now.verify;

	SAY("%c: %s, up to %llu", N(n), text[v->outcome],
	    (unsigned long long)v->sector + v->nsect);
	members(n, v->outcome == NODE_V_SPLIT ? ", of" : ", by", v->differs);
	members(n, ", without", v->missing);
	if (v->open)
		fprintf(ts_out, ", open at %llu", (unsigned long long)v->open_sector);
	fprintf(ts_out, "\n");
}

static void wait_verified(struct node *n)
{
	verifying = n;
	if (script_run(VERIFY_WAIT, verified) && n->up)
		tell_verified(n);
	else
		SAY("%c: it does not end\n", N(n));
}

/*
 * verify NODE RANGE|all [mend] [later]: it compares the copies of all members, and what came of
 * it is told; if later, with "verified NODE".
 */
void cmd_verify(void)
{
	struct node *n = script_up(1);
	u64 sector = 0;
	u32 nsect = 0;
	int ret;

	if (strcmp(ts_word[2], "all"))
		script_range(ts_word[2], &sector, &nsect);
	ret = rblk_node_verify(n->m, sector, nsect, ts_text("mend"), node_now(n));
	node_after(n);
	if (ret)
		SAY("%c: refused: %d\n", N(n), ret);
	else if (!ts_text("later"))
		wait_verified(n);
}

/* verified NODE: waits until what it compares is told */
void cmd_verified(void)
{
	wait_verified(script_up(1));
}
