// SPDX-License-Identifier: GPL-2.0
/*
 * /etc/raftblk/VOLUME.conf, the same file on all nodes; see raftblk.conf(5).
 * libinih splits it into keys and values. What the keys mean is here, in tables,
 * and so is every check of several values together. The formats of single values
 * are in value.c.
 */
#include <ctype.h>
#include <fcntl.h>
#include <ini.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool.h"

#define CONF_DIR	"/etc/raftblk"
#define LINE_BYTES	1020	/* of the longest line */
#define FILE_BYTES	(256 << 10)
#define SIZE_BYTES	(1ULL << 50)
#define RING_BYTES	(1ULL << 40)

/* A key that no line has: with it, libinih tells of a section before its first key. */
#define PROBE		"\001"

struct parser {
	struct conf *c;
	int line;
	bool failed;
	char section[64];
	unsigned int seen;		/* volume keys */
	unsigned int seen_node[RBLK_MEMBERS_MAX];
};

__attribute__((format(printf, 2, 3)))
static int bad(struct parser *p, const char *fmt, ...)
{
	char text[512], at[300];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	snprintf(at, sizeof(at), "%s:%d", p->c->path, p->line);
	fail(0, p->c->volume, "%s: %s", at, text);
	p->failed = true;
	return 1;	/* go on, to report all errors at once */
}

/* ---- keys of the volume ---- */

static int set_uuid(struct parser *p, const char *value)
{
	if (uuid_parse(value, p->c->uuid) || uuid_is_null(p->c->uuid))
		return bad(p,
			   "uuid: '%s' is not a uuid; write one like 123e4567-e89b-12d3-a456-426614174000 ('raftblk new' makes one)",
			   value);
	uuid_unparse_lower(p->c->uuid, p->c->uuid_text);
	return 1;
}

static int set_size(struct parser *p, const char *value)
{
	if (conf_parse_size(value, &p->c->size) || !p->c->size || p->c->size > SIZE_BYTES)
		return bad(p,
			   "size: '%s' is not a valid size; write bytes, or 512M, 100G, 2T, at most 1P",
			   value);
	if (p->c->size % 4096)
		return bad(p, "size: %s is not a multiple of 4096 bytes", value);
	return 1;
}

static int set_block_size(struct parser *p, const char *value)
{
	if (strcmp(value, "512") && strcmp(value, "4096") && strcasecmp(value, "4K"))
		return bad(p, "block-size: '%s' is not a valid block size; write 4096 or 512", value);
	p->c->block_size = value[0] == '5' ? 512 : 4096;
	return 1;
}

static int set_ring_size(struct parser *p, const char *value)
{
	u64 *ring = &p->c->ring_size;

	if (conf_parse_size(value, ring) || *ring < LOG_RING_MIN || *ring > RING_BYTES ||
	    *ring % (1 << 20))
		return bad(p, "ring-size: '%s' is not a valid size; write whole MiB, such as 256M, 4M to 1T", value);
	return 1;
}

static int set_minor(struct parser *p, const char *value)
{
	char *end;
	long v = strtol(value, &end, 10);

	if (!isdigit((unsigned char)value[0]) || *end || v > MINOR_MAX)
		return bad(p, "minor: '%s' is not a valid number; write N of /dev/raftblkN, 0 to 4095",
			   value);
	p->c->minor = v;
	return 1;
}

static int set_election(struct parser *p, const char *value)
{
	if (conf_parse_election(value, &p->c->election_ms))
		return bad(p, "election-timeout: '%s' is not a valid time; write 50ms to 30s", value);
	return 1;
}

static int set_io_timeout(struct parser *p, const char *value)
{
	if (conf_parse_ms(value, &p->c->io_timeout_ms))
		return bad(p, "io-timeout: '%s' is not a valid time; write it with its unit, as 500ms or 30s, up to 24h, or 0 to wait forever",
			   value);
	return 1;
}

static int set_shared(struct parser *p, const char *value)
{
	if (strcmp(value, "yes") && strcmp(value, "no"))
		return bad(p, "shared: '%s' is not valid; write yes or no", value);
	p->c->shared = value[0] == 'y';
	return 1;
}

static int set_pool(struct parser *p, const char *value)
{
	if (conf_parse_size(value, &p->c->pool) || p->c->pool < 16 << 20 ||
	    p->c->pool > 8192ULL << 20)
		return bad(p, "pool: '%s' is not a valid size; write 16M to 8G", value);
	return 1;
}

/* Whole MiB in a second. Returns false if it is none. */
static bool parse_rate(const char *value, u32 *mib)
{
	u64 bytes;

	if (conf_parse_size(value, &bytes) || bytes % (1 << 20) || !bytes || bytes > 10000ULL << 20)
		return false;
	*mib = (u32)(bytes >> 20);
	return true;
}

static int set_resync_min(struct parser *p, const char *value)
{
	if (!parse_rate(value, &p->c->resync_min))
		return bad(p, "resync-rate-min: '%s' is not a valid rate; write whole MiB in a second, as 4M, 1M at least",
			   value);
	return 1;
}

static int set_resync_max(struct parser *p, const char *value)
{
	if (strcmp(value, "0") && !parse_rate(value, &p->c->resync_max))
		return bad(p, "resync-rate-max: '%s' is not a valid rate; write whole MiB in a second, as 64M, or 0 for no bound",
			   value);
	return 1;
}

static int set_self(struct parser *p, const char *value)
{
	const char *why;

	if (conf_check_name("node", value, &why))
		return bad(p, "node: '%s' is not a valid name for a node: %s", value, why);
	snprintf(p->c->self, sizeof(p->c->self), "%s", value);
	return 1;
}

static const struct {
	const char *name;
	int (*set)(struct parser *p, const char *value);
} volume_keys[] = {
	{ "uuid", set_uuid },
	{ "size", set_size },
	{ "block-size", set_block_size },
	{ "ring-size", set_ring_size },
	{ "minor", set_minor },
	{ "election-timeout", set_election },
	{ "io-timeout", set_io_timeout },
	{ "shared", set_shared },
	{ "pool", set_pool },
	{ "resync-rate-min", set_resync_min },
	{ "resync-rate-max", set_resync_max },
	{ "node", set_self },
};

/* ---- keys of a node ---- */

static int set_address(struct parser *p, struct conf_node *n, const char *value)
{
	const char *wrong = address_parse(value, &n->at);

	if (wrong)
		return bad(p, "node %s: address: '%s' %s", n->name, value, wrong);
	snprintf(n->address, sizeof(n->address), "%s", value);
	return 1;
}

static int set_path(struct parser *p, struct conf_node *n, const char *key, char *to, size_t size,
		    const char *value)
{
	if (value[0] != '/' || strlen(value) >= size)
		return bad(p, "node %s: %s: '%s' is not an absolute path of at most 255 bytes",
			   n->name, key, value);
	snprintf(to, size, "%s", value);
	return 1;
}

static int set_log(struct parser *p, struct conf_node *n, const char *value)
{
	return set_path(p, n, "log", n->log, sizeof(n->log), value);
}

static int set_data(struct parser *p, struct conf_node *n, const char *value)
{
	return set_path(p, n, "data", n->data, sizeof(n->data), value);
}

static int set_client(struct parser *p, struct conf_node *n, const char *value)
{
	if (strcmp(value, "yes") && strcmp(value, "no"))
		return bad(p, "node %s: client: '%s' is not valid; write yes or no", n->name,
			   value);
	n->client = value[0] == 'y';
	return 1;
}

static const struct {
	const char *name;
	int (*set)(struct parser *p, struct conf_node *n, const char *value);
	bool member;		/* members need it, and clients must not have it */
} node_keys[] = {
	{ "client", set_client },
	{ "address", set_address },
	{ "log", set_log, true },
	{ "data", set_data, true },
};

static struct conf_node *node_named(struct parser *p, const char *name)
{
	struct conf *c = p->c;
	const char *why;
	u32 i;

	for (i = 0; i < c->nnodes; i++)
		if (!strcmp(c->node[i].name, name))
			return &c->node[i];
	if (conf_check_name("node", name, &why)) {
		bad(p, "[node %s]: not a valid name for a node: %s", name, why);
		return NULL;
	}
	if (c->nnodes == RBLK_MEMBERS_MAX) {
		bad(p, "[node %s]: there are more than %d nodes", name, RBLK_MEMBERS_MAX);
		return NULL;
	}
	snprintf(c->node[c->nnodes].name, RBLK_NAME_MAX, "%s", name);
	c->node[c->nnodes].line = p->line;
	return &c->node[c->nnodes++];
}

static int on_node_key(struct parser *p, const char *name, const char *key, const char *value)
{
	struct conf_node *n = node_named(p, name);
	size_t i;

	if (!n)
		return 1;
	for (i = 0; i < ARRAY_SIZE(node_keys); i++) {
		if (strcmp(key, node_keys[i].name))
			continue;
		if (p->seen_node[n - p->c->node] & 1u << i)
			return bad(p, "node %s: %s: given twice; remove one", name, key);
		p->seen_node[n - p->c->node] |= 1u << i;
		return node_keys[i].set(p, n, value);
	}
	return bad(p,
		   "node %s: there is no key '%s'; a node has address, log and data, a client has address and client",
		   name, key);
}

/* "[node NAME]": there is such a node, even if nothing else is said of it. */
static void on_section(struct parser *p, const char *section)
{
	const char *name = section + 5 + strspn(section + strnlen(section, 5), " \t");
	u32 before = p->c->nnodes;

	snprintf(p->section, sizeof(p->section), "%s", section);
	if (strncmp(section, "node ", 5)) {
		bad(p, "[%s]: there is no such section; write [node NAME]", section);
		return;
	}
	if (node_named(p, name) && p->c->nnodes == before)
		bad(p, "[node %s]: there is a section for this node already; put all of its keys there",
		    name);
}

static int on_key(struct parser *p, const char *key, const char *value)
{
	size_t i;

	if (!strncmp(p->section, "node ", 5))
		return on_node_key(p, p->section + 5 + strspn(p->section + 5, " \t"), key, value);
	if (p->section[0])
		return 1;		/* which was told */
	for (i = 0; i < ARRAY_SIZE(volume_keys); i++) {
		if (strcmp(key, volume_keys[i].name))
			continue;
		if (p->seen & 1u << i)
			return bad(p, "%s: given twice; remove one", key);
		p->seen |= 1u << i;
		return volume_keys[i].set(p, value);
	}
	return bad(p,
		   "there is no key '%s'; there are uuid, size, block-size, ring-size, minor, election-timeout, io-timeout, shared, pool, resync-rate-min, resync-rate-max and node, and sections [node NAME]",
		   key);
}

/* What libinih found on one line; PROBE comes after each. */
static int on_pair(void *user, const char *section, const char *key, const char *value)
{
	struct parser *p = user;

	if (strcmp(key, PROBE))
		return on_key(p, key, value);
	if (section[0])
		on_section(p, section);
	return 1;
}

static void parse_line(struct parser *p, const char *line, size_t len)
{
	char text[LINE_BYTES + 8];

	p->line++;
	if (len > LINE_BYTES) {
		bad(p, "the line has %zu bytes; it may have %d", len, LINE_BYTES);
		return;
	}
	snprintf(text, sizeof(text), "%.*s\n" PROBE "=\n", (int)len, line);
	/* It would take an indented key for the rest of the value before. */
	if (ini_parse_string(text + strspn(text, " \t"), on_pair, p))
		bad(p, "the line is not KEY = VALUE, [node NAME] or # comment");
}

static void parse_text(struct parser *p, const char *text, size_t len)
{
	const char *end = text + len, *nl;

	ini_use_stack = false;
	ini_max_line = LINE_BYTES + 8;
	ini_initial_alloc = LINE_BYTES + 8;
	ini_allow_multiline = false;
	ini_inline_comment_prefixes = "#;";
	for (; text < end; text = nl + 1) {
		nl = memchr(text, '\n', end - text);
		nl = nl ? nl : end;
		parse_line(p, text, nl - text);
	}
}

/* ---- the whole ---- */

static void check_node(struct parser *p, u32 i)
{
	struct conf *c = p->c;
	struct conf_node *n = &c->node[i];
	u32 j;

	p->line = n->line;
	for (j = 1; j < ARRAY_SIZE(node_keys); j++) {
		bool seen = p->seen_node[i] & 1u << j;

		if (n->client && node_keys[j].member && seen)
			bad(p, "node %s: a client has no %s device; remove it, or 'client = yes'",
			    n->name, node_keys[j].name);
		if (!seen && !(n->client && node_keys[j].member))
			bad(p, "node %s: there is no %s; add '%s = ...'", n->name, node_keys[j].name,
			    node_keys[j].name);
	}
	if (n->log[0] && !strcmp(n->log, n->data))
		bad(p, "node %s: log and data are the same device %s; each needs its own",
		    n->name, n->log);
	for (j = 0; j < i; j++)
		if (n->address[0] && address_same(&n->at, &c->node[j].at))
			bad(p, "node %s: address: %s is also that of node %s; each node needs its own", n->name, n->address,
			    c->node[j].name);
	if (c->nnodes > 1 && n->at.literal && address_is_loopback(&n->at.sin6))
		bad(p, "node %s: address: %s is good within one machine only; write the one at which the others reach the node",
		    n->name, n->address);
}

u32 conf_members(const struct conf *c)
{
	u32 i, n = 0;

	for (i = 0; i < c->nnodes; i++)
		n += !c->node[i].client;
	return n;
}

static void check_all(struct parser *p)
{
	u32 i;

	for (i = 0; i < p->c->nnodes; i++)
		check_node(p, i);
	if (p->c->resync_max && p->c->resync_min > p->c->resync_max)
		bad(p, "resync-rate-min: %uM is more than resync-rate-max, which is %uM",
		    p->c->resync_min, p->c->resync_max);
	if (p->c->nnodes && !conf_members(p->c))
		bad(p, "all nodes are clients; at least one node needs a log and a data device");
	if (!(p->seen & 1))
		bad(p,
		    "there is no uuid; 'raftblk new' writes a file with a new one, which all nodes share");
	if (!p->c->nnodes)
		bad(p, "there are no nodes; add a section [node NAME] for each");
}

void conf_path(char *path, size_t size, const struct common *opt)
{
	const char *dir = getenv("RAFTBLK_CONF_DIR");

	if (opt->config)
		snprintf(path, size, "%s", opt->config);
	else
		snprintf(path, size, "%s/%s.conf", dir ? dir : CONF_DIR, opt->volume);
}

static void find_me(struct conf *c, const struct common *opt)
{
	char host[256] = "";
	u32 i;

	if (opt->node) {
		snprintf(c->self, sizeof(c->self), "%s", opt->node);
	} else if (!c->self[0]) {
		gethostname(host, sizeof(host) - 1);
		snprintf(c->self, sizeof(c->self), "%.31s", host);
	}
	for (i = 0; i < c->nnodes; i++)
		if (!strcmp(c->node[i].name, c->self))
			c->me = &c->node[i];
}

/*
 * What a power cut leaves of a file that was not yet on the disk: nothing, zeroes, or a part. A
 * part may lack nodes, and then it is another quorum that it describes.
 */
static int check_whole(const struct conf *c, const char *text, size_t len)
{
	static const char again[] = "copy it again from another node";

	if (!len)
		return fail(EXIT_CONFIG, c->volume, "%s is empty; %s", c->path, again);
	if (memchr(text, 0, len))
		return fail(EXIT_CONFIG, c->volume, "%s has NUL bytes, so it is not what was written; %s",
			    c->path, again);
	if (text[len - 1] != '\n')
		return fail(EXIT_CONFIG, c->volume,
			    "%s ends in the middle of a line, so it may have been cut short; %s, or end the last line",
			    c->path, again);
	return 0;
}

int conf_parse(struct conf *c, const struct common *opt, const char *text, size_t len)
{
	struct parser p = { .c = c };
	char path[512];
	int err;

	memset(c, 0, sizeof(*c));
	c->minor = -1;
	c->block_size = 4096;
	snprintf(c->volume, sizeof(c->volume), "%s", opt->volume);
	conf_path(path, sizeof(path), opt);
	c->path = strdup(path);
	err = check_whole(c, text, len);
	if (err)
		return err;
	parse_text(&p, text, len);
	check_all(&p);
	find_me(c, opt);
	return p.failed ? EXIT_CONFIG : 0;
}

/* Reads up to @size bytes of a file; returns their number, or a negative errno. */
static ssize_t read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
	while (n > 0 && len < size) {
		n = read(fd, text + len, size - len);
		len += n > 0 ? n : 0;
	}
	n = n < 0 ? -errno : (ssize_t)len;
	close(fd);
	return n;
}

int conf_load(struct conf *c, const struct common *opt)
{
	static char text[FILE_BYTES + 1];
	char path[512];
	ssize_t len;

	conf_path(path, sizeof(path), opt);
	len = read_file(path, text, sizeof(text));
	if (len > FILE_BYTES)
		return fail(EXIT_CONFIG, opt->volume,
			    "%s has more than %d KiB, so it is not a configuration file of raftblk",
			    path, FILE_BYTES >> 10);
	if (len < 0)
		return fail(len == -ENOENT ? EXIT_ABSENT : EXIT_FAILED, opt->volume,
			    "cannot read %s: %s; %s", path, strerror(-len),
			    len == -ENOENT ?
				    "copy it from another node, or write one with 'raftblk new'" :
			    len == -EACCES ? "check its permissions, or run as root" :
					     "name a file that can be read");
	return conf_parse(c, opt, text, len);
}

int conf_need_me(const struct conf *c)
{
	char names[RBLK_MEMBERS_MAX * RBLK_NAME_MAX + 64] = "";
	u32 i;

	if (c->me)
		return 0;
	for (i = 0; i < c->nnodes; i++)
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s",
			 i ? ", " : "", c->node[i].name);
	return fail(EXIT_CONFIG, c->volume,
		    "%s: this node, '%s', is not one of %s; say which it is with --node, or with 'node = NAME' in the file",
		    c->path, c->self, names);
}

int conf_resolve(const struct conf *c, const struct conf_node *n, struct sockaddr_in6 *addr)
{
	bool loopback;
	const char *wrong = address_resolve(&n->at, addr, &loopback);

	if (wrong)
		return fail(EXIT_ABSENT, c->volume, "%s: node %s: address: '%s' %s", c->path, n->name,
			    n->address, wrong);
	if (loopback && c->nnodes > 1)
		return fail(EXIT_CONFIG, c->volume,
			    "%s: node %s: address: '%s' is this machine alone, by /etc/hosts or the resolver, and other nodes would not reach it; write an IP address, or mend /etc/hosts",
			    c->path, n->name, n->address);
	return 0;
}
