// SPDX-License-Identifier: GPL-2.0
/* raftblk new: writes a configuration file with a new uuid. */
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool.h"

struct new {
	u32 nnodes;
	struct conf_node node[RBLK_MEMBERS_MAX];
	const char *size, *block_size, *minor, *pool, *election, *io_timeout;
	bool shared, print;
};

enum {
	KEY_SIZE = 1, KEY_BLOCK, KEY_MINOR, KEY_POOL, KEY_ELECTION, KEY_IO_TIMEOUT, KEY_SHARED,
	KEY_NODE, KEY_CLIENT, KEY_CONFIG
};

static const struct argp_option options[] = {
	{ "node", KEY_NODE, "NAME=ADDRESS,LOG,DATA", 0,
	  "a node: HOST:PORT, log device and data device; once for each node", 1 },
	{ "client", KEY_CLIENT, "NAME=ADDRESS", 0,
	  "a node without devices, which uses those of the others", 1 },
	{ "size", KEY_SIZE, "SIZE", 0, "size of the volume (default: what the smallest data device allows)",
	  2 },
	{ "block-size", KEY_BLOCK, "4096|512", 0, "logical block size (default: 4096)", 2 },
	{ "minor", KEY_MINOR, "N", 0, "N of /dev/raftblkN (default: the first free one)", 2 },
	{ "pool", KEY_POOL, "SIZE", 0, "memory for data in transit", 2 },
	{ "election-timeout", KEY_ELECTION, "TIME", 0, "how long a leader may be silent", 2 },
	{ "io-timeout", KEY_IO_TIMEOUT, "TIME", 0,
	  "I/O that waits for longer fails (default: it waits forever)", 2 },
	{ "shared", KEY_SHARED, NULL, 0,
	  "let all nodes write at once: only for cluster file systems, all others are destroyed by it",
	  2 },
	{ "config", KEY_CONFIG, "FILE", 0, "write to FILE (default: /etc/raftblk/VOLUME.conf)", 3 },
	{ "print", 'p', NULL, 0, "write to standard output", 3 },
	{ 0 },
};

static void parse_node(struct new *n, const char *arg, bool client, struct argp_state *state)
{
	struct conf_node *node = &n->node[n->nnodes];
	const char *eq = strchr(arg, '='), *why;
	char address[512], host[RBLK_ADDR_MAX];
	const char *port;

	if (n->nnodes == RBLK_MEMBERS_MAX)
		argp_error(state, "there are more than %d nodes", RBLK_MEMBERS_MAX);
	node->client = client;
	if (client && (!eq || sscanf(eq + 1, "%511[^,]", address) != 1 || strchr(eq, ',')))
		argp_error(state, "--client %s: write NAME=ADDRESS, such as c1=10.0.0.9:7800", arg);
	if (!client && (!eq || sscanf(eq + 1, "%511[^,],%255[^,],%255[^,]", address, node->log,
				      node->data) != 3))
		argp_error(state,
			   "--node %s: write NAME=ADDRESS,LOG,DATA, such as n1=10.0.0.1:7800,/dev/vdb,/dev/vdc",
			   arg);
	snprintf(node->name, sizeof(node->name), "%.*s",
		 (int)min_t(size_t, eq - arg, sizeof(node->name) - 1), arg);
	if (eq - arg >= RBLK_NAME_MAX || conf_check_name("node", node->name, &why))
		argp_error(state,
			   "--node %s: not a valid name for a node: it must have 1 to 31 letters, digits, '.', '_' and '-'",
			   arg);
	if (conf_split_address(address, host, sizeof(host), &port))
		argp_error(state, "--node %s: '%s' is not an address; write HOST:PORT", arg, address);
	if (!client && (node->log[0] != '/' || node->data[0] != '/'))
		argp_error(state, "--node %s: the devices must be absolute paths", arg);
	snprintf(node->address, sizeof(node->address), "%.*s", RBLK_ADDR_MAX - 1, address);
	n->nnodes++;
}

static error_t parse(int key, char *arg, struct argp_state *state, void *ctx)
{
	struct cmdline *c = state->input;
	struct new *n = ctx;

	switch (key) {
	case KEY_NODE:
		parse_node(n, arg, false, state);
		return 0;
	case KEY_CLIENT:
		parse_node(n, arg, true, state);
		return 0;
	case KEY_SIZE:
		n->size = arg;
		return 0;
	case KEY_BLOCK:
		n->block_size = arg;
		return 0;
	case KEY_MINOR:
		n->minor = arg;
		return 0;
	case KEY_POOL:
		n->pool = arg;
		return 0;
	case KEY_ELECTION:
		n->election = arg;
		return 0;
	case KEY_IO_TIMEOUT:
		n->io_timeout = arg;
		return 0;
	case KEY_SHARED:
		n->shared = true;
		return 0;
	case KEY_CONFIG:
		c->common.config = arg;
		return 0;
	case 'p':
		n->print = true;
		return 0;
	case ARGP_KEY_END:
		if (!n->nnodes)
			argp_error(state, "at least one --node is needed");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static void put(FILE *f, const char *key, const char *value)
{
	if (value)
		fprintf(f, "%s = %s\n", key, value);
}

static void write_conf(FILE *f, const struct new *n, const char *volume)
{
	u8 uuid[RBLK_UUID_LEN];
	char text[37];
	u32 i;

	if (getrandom(uuid, sizeof(uuid), 0) != sizeof(uuid))
		exit(fail(EXIT_FAILED, volume, "cannot get random numbers: %s", strerror(errno)));
	uuid[6] = (uuid[6] & 0x0f) | 0x40;
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
	uuid_format(uuid, text);
	fprintf(f, "# raftblk volume %s; the same file on all nodes. See raftblk.conf(5).\n\n",
		volume);
	fprintf(f, "uuid = %s\n", text);
	put(f, "size", n->size);
	put(f, "block-size", n->block_size);
	put(f, "minor", n->minor);
	put(f, "pool", n->pool);
	put(f, "election-timeout", n->election);
	put(f, "io-timeout", n->io_timeout);
	put(f, "shared", n->shared ? "yes" : NULL);
	for (i = 0; i < n->nnodes; i++) {
		fprintf(f, "\n[node %s]\naddress = %s\n", n->node[i].name, n->node[i].address);
		if (n->node[i].client)
			fprintf(f, "client = yes\n");
		else
			fprintf(f, "log = %s\ndata = %s\n", n->node[i].log, n->node[i].data);
	}
}

static FILE *create(const char *path, const char *volume)
{
	char dir[512];
	char *slash;
	int fd;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash && slash != dir) {
		*slash = 0;
		mkdir(dir, 0755);
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd >= 0)
		return fdopen(fd, "w");
	if (errno == EEXIST)
		fail(0, volume,
		     "%s exists already, and a volume keeps its uuid; edit the file, or remove it first",
		     path);
	else
		fail(0, volume, "cannot write %s: %s", path, strerror(errno));
	return NULL;
}

/* Reads the new file like any other, which checks it. */
static int check(const char *path, const char *volume)
{
	struct common opt = { .volume = volume, .config = path };
	struct conf c;
	int err = conf_load(&c, &opt);

	if (err)
		unlink(path);
	return err == EXIT_CONFIG ? EXIT_USAGE : err;
}

int cmd_new(int argc, char **argv)
{
	struct new n = {};
	struct cmdline line = {
		.volume = WANT_VOLUME,
		.options = options,
		.args_doc = "VOLUME",
		.parse = parse,
		.ctx = &n,
		.doc = "Write a configuration file for a new volume, with a new uuid. Copy it to all nodes.\v"
		       "Example:\n  raftblk new r0 --node n1=10.0.0.1:7800,/dev/vdb,/dev/vdc \\\n"
		       "    --node n2=10.0.0.2:7800,/dev/vdb,/dev/vdc --node n3=10.0.0.3:7800,/dev/vdb,/dev/vdc\n",
	};
	char path[512];
	FILE *f;
	int err;

	parse_cmdline(&line, argc, argv);
	if (n.print) {
		write_conf(stdout, &n, line.common.volume);
		return 0;
	}
	conf_path(path, sizeof(path), &line.common);
	f = create(path, line.common.volume);
	if (!f)
		return EXIT_FAILED;
	write_conf(f, &n, line.common.volume);
	if (fclose(f))
		return fail(EXIT_FAILED, line.common.volume, "writing %s failed: %s", path,
			    strerror(errno));
	err = check(path, line.common.volume);
	if (!err)
		printf("wrote %s; copy it to all nodes, then on each: raftblk format %s\n", path,
		       line.common.volume);
	return err;
}
