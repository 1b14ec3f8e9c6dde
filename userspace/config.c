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

static FILE *open_sysctl(const char *name)
{
	char path[96];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
	return fopen(path, "re");
}

/* Is @port in a list as "7800,8000-8100"? */
static bool is_reserved(u32 port)
{
	FILE *f = open_sysctl("ip_local_reserved_ports");
	bool found = false;
	u32 first, last;
	int n;

	while (f && !found && (n = fscanf(f, "%u-%u", &first, &last)) > 0) {
		found = port >= first && port <= (n > 1 ? last : first);
		if (fgetc(f) != ',')
			break;
	}
	if (f)
		fclose(f);
	return found;
}

/* The port of this node may be given to an outgoing connection while the volume is not up. */
static void print_port(u32 port)
{
	FILE *f = open_sysctl("ip_local_port_range");
	u32 first, last;

	if (f && fscanf(f, "%u %u", &first, &last) == 2 && port >= first && port <= last &&
	    !is_reserved(port))
		printf("note: an outgoing connection may get port %u before the volume is up, which then cannot start; take a port outside of %u to %u, or: sysctl net.ipv4.ip_local_reserved_ports=%u\n",
		       port, first, last, port);
	if (f)
		fclose(f);
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
	if (c->resync_min)
		printf("  resync-rate-min   %u MiB in a second\n", c->resync_min);
	if (c->resync_max)
		printf("  resync-rate-max   %u MiB in a second\n", c->resync_max);
	for (i = 0; i < c->nnodes; i++)
		print_node(c, &c->node[i]);
	printf("%u of %u nodes may fail%s\n", (n - 1) / 2, n,
	       n < c->nnodes ? "; clients do not count" : "");
	if (n % 2 == 0)
		printf("note: with %u nodes, no more of them may fail than with %u\n", n, n - 1);
	if (c->me)
		print_port(ntohs(c->me->at.sin6.sin6_port));
	else
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
