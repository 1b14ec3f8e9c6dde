// SPDX-License-Identifier: GPL-2.0
/* raftblk new: writes a configuration file with a new uuid. */
#include <fcntl.h>
#include <libgen.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool.h"

struct new_node {
	const char *name, *address, *log, *data;	/* a client has no devices */
};

struct new {
	u32 nnodes;
	struct new_node node[RBLK_MEMBERS_MAX];
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
	{ "block-size", KEY_BLOCK, "4096|512", 0, "logical block size: 512 if images of disks are to be copied to the volume (default: 4096)", 2 },
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

/* Cuts "A,B,C" at its commas; returns how many parts there are, at most @max + 1. */
static size_t split(char *text, char **part, size_t max)
{
	size_t n = 0;

	while (text && n <= max) {
		if (n < max)
			part[n] = text;
		text = strchr(text, ',');
		if (text)
			*text++ = 0;
		n++;
	}
	return n;
}

/* What the values may be is what the file may say, which is checked as a whole. */
static void parse_node(struct new *n, const char *arg, bool client, struct argp_state *state)
{
	size_t want = client ? 1 : 3;
	char *copy = strdup(arg), *eq = strchr(copy, '='), *part[3];

	if (n->nnodes == RBLK_MEMBERS_MAX)
		argp_error(state, "there are more than %d nodes", RBLK_MEMBERS_MAX);
	if (!eq || split(eq + 1, part, want) != want)
		argp_error(state, client ?
			   "--client %s: write NAME=ADDRESS, such as c1=10.0.0.9:7800" :
			   "--node %s: write NAME=ADDRESS,LOG,DATA, such as n1=10.0.0.1:7800,/dev/vdb,/dev/vdc",
			   arg);
	*eq = 0;
	n->node[n->nnodes++] = (struct new_node){
		.name = copy, .address = part[0], .log = client ? NULL : part[1],
		.data = client ? NULL : part[2],
	};
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
	uuid_t uuid;
	char text[UUID_STR_LEN];
	u32 i;

	uuid_generate_random(uuid);
	uuid_unparse_lower(uuid, text);
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
		if (n->node[i].log)
			fprintf(f, "log = %s\ndata = %s\n", n->node[i].log, n->node[i].data);
		else
			fprintf(f, "client = yes\n");
	}
}

static int write_all(int fd, const char *text, size_t len)
{
	ssize_t n;

	for (; len; text += n, len -= n) {
		n = write(fd, text, len);
		if (n < 0)
			return errno;
	}
	return fchmod(fd, 0644) || fsync(fd) ? errno : 0;
}

static int sync_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err = fd < 0 || fsync(fd) ? errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

/* The directory above exists already in all but odd cases, in which mkdir() fails, too. */
static int make_directory(const char *path)
{
	char *copy;
	int err;

	if (mkdir(path, 0755))
		return errno == EEXIST ? 0 : errno;
	copy = strdup(path);
	err = sync_directory(dirname(copy));
	free(copy);
	return err;
}

/*
 * The file has its name only when all of it is on the disk, for a part of it would describe
 * another quorum; and the name is on the disk when this returns.
 */
static int create(const char *path, const char *text, size_t len)
{
	char *copy = strdup(path), *dir = dirname(copy), temp[600];
	int fd, err = make_directory(dir);

	snprintf(temp, sizeof(temp), "%s.XXXXXX", path);
	fd = err ? -1 : mkostemp(temp, O_CLOEXEC);
	if (fd < 0) {
		err = err ? err : errno;
		goto free;
	}
	err = write_all(fd, text, len);
	if (!err && link(temp, path))
		err = errno;
	unlink(temp);
	close(fd);
	err = err ? err : sync_directory(dir);
free:
	free(copy);
	return err;
}

static int cannot_write(const char *volume, const char *path, int err)
{
	if (err == EEXIST)
		return fail(EXIT_FAILED, volume,
			    "%s exists already, and a volume keeps its uuid; edit the file, or remove it first",
			    path);
	return fail(EXIT_FAILED, volume, "cannot write %s: %s", path, strerror(err));
}

/* In the file, a blank and a '#' begin a comment, for instance. */
static int check_kept(const struct conf *c, const struct new *n)
{
	const struct new_node *want = n->node;
	const struct conf_node *got = c->node;
	u32 i;

	for (i = 0; i < n->nnodes; i++, want++, got++)
		if (strcmp(got->name, want->name) || strcmp(got->address, want->address) ||
		    strcmp(got->log, want->log ?: "") || strcmp(got->data, want->data ?: ""))
			return fail(EXIT_USAGE, c->volume,
				    "node %s: the file cannot hold what is given; leave out blanks, '#' and ';'",
				    want->name);
	return 0;
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
		       "    --node n2=10.0.0.2:7800,/dev/vdb,/dev/vdc \\\n"
		       "    --node n3=10.0.0.3:7800,/dev/vdb,/dev/vdc\n",
	};
	char path[512], *text;
	struct conf c;
	size_t len;
	FILE *f;
	int err;

	parse_cmdline(&line, argc, argv);
	f = open_memstream(&text, &len);
	if (!f)
		return fail(EXIT_FAILED, line.common.volume, "no memory");
	write_conf(f, &n, line.common.volume);
	fclose(f);
	err = conf_parse(&c, &line.common, text, len) ? EXIT_USAGE : check_kept(&c, &n);
	if (err)
		goto free;
	if (n.print) {
		fputs(text, stdout);
		goto free;
	}
	conf_path(path, sizeof(path), &line.common);
	err = create(path, text, len);
	if (err) {
		err = cannot_write(line.common.volume, path, err);
		goto free;
	}
	printf("wrote %s; copy it to all nodes, then on each: raftblk format %s\n", path,
	       line.common.volume);
free:
	free(text);
	return err;
}
