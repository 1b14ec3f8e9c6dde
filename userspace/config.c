// SPDX-License-Identifier: GPL-2.0
/* raftblk config: checks a configuration file, and prints what it says. */
#include "tool.h"

static void print_node(const struct conf *c, const struct conf_node *n)
{
	printf("  node %-12s %s%s\n", n->name, n->address, n == c->me ? "  (this node)" : "");
	if (n->client)
		printf("    a client, without devices\n");
	else
		printf("    log  %s\n    data %s\n", n->log, n->data);
}

static void print_conf(const struct conf *c)
{
	u32 i, n = conf_members(c);
	char buf[32];

	printf("volume %s, uuid %s (%s)\n", c->volume, c->uuid_text, c->path);
	printf("  size              %s\n", c->size ? human_bytes(c->size, buf, sizeof(buf)) :
	       "what the smallest data device allows");
	printf("  block-size        %u\n", c->block_size);
	if (c->ring_size)
		printf("  ring-size         %s\n", human_bytes(c->ring_size, buf, sizeof(buf)));
	printf("  minor             ");
	printf(c->minor < 0 ? "the first free one\n" : "%d\n", c->minor);
	if (c->election_ms)
		printf("  election-timeout  %u ms\n", c->election_ms);
	if (c->io_timeout_ms)
		printf("  io-timeout        %u ms\n", c->io_timeout_ms);
	if (c->shared)
		printf("  shared            yes: all nodes may write at once, for cluster file systems only\n");
	if (c->pool)
		printf("  pool              %s\n", human_bytes(c->pool, buf, sizeof(buf)));
	for (i = 0; i < c->nnodes; i++)
		print_node(c, &c->node[i]);
	printf("%u of %u nodes may fail%s\n", (n - 1) / 2, n,
	       n < c->nnodes ? "; clients do not count" : "");
	if (n % 2 == 0)
		printf("note: with %u nodes, no more of them may fail than with %u\n", n, n - 1);
	if (!c->me)
		printf("note: this node, '%s', is not one of them\n", c->self);
}

int cmd_config(int argc, char **argv)
{
	struct cmdline line = {
		.volume = WANT_VOLUME, .takes_config = true, .args_doc = "VOLUME",
		.doc = "Check the configuration file of VOLUME and print what it says.\v"
		       "Examples:\n  raftblk config r0\n  raftblk config r0 --config ./r0.conf\n",
	};
	struct conf c;
	int err;

	parse_cmdline(&line, argc, argv);
	err = conf_load(&c, &line.common);
	if (!err)
		print_conf(&c);
	return err;
}
