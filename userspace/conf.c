// SPDX-License-Identifier: GPL-2.0
/*
 * /etc/raftblk/VOLUME.conf, the same file on all nodes; see raftblk.conf(5).
 * libinih splits it into keys and values. What the keys mean is here, in tables,
 * and so is every check of several values together. The formats of single values
 * are in value.c.
 */
#include <ctype.h>
#include <ini.h>
#include <netdb.h>
#include <unistd.h>

#include "tool.h"

#define CONF_DIR	"/etc/raftblk"
#define LINE_MAX_BYTES	1024

struct parser {
	struct conf *c;
	FILE *f;
	int line;
	bool failed;
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
	static const u8 none[RBLK_UUID_LEN];

	if (!uuid_parse_text(value, p->c->uuid) || !memcmp(p->c->uuid, none, sizeof(none)))
		return bad(p,
			   "uuid: '%s' is not a uuid; write one like 123e4567-e89b-12d3-a456-426614174000 ('raftblk new' makes one)",
			   value);
	uuid_format(p->c->uuid, p->c->uuid_text);
	return 1;
}

static int set_size(struct parser *p, const char *value)
{
	if (conf_parse_size(value, &p->c->size) || !p->c->size)
		return bad(p, "size: '%s' is not a valid size; write bytes, or 512M, 100G, 2T", value);
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

	if (conf_parse_size(value, ring) || *ring < LOG_RING_MIN || *ring % (1 << 20))
		return bad(p, "ring-size: '%s' is not a valid size; write whole MiB, such as 256M, and at least 4M", value);
	return 1;
}

static int set_minor(struct parser *p, const char *value)
{
	char *end;
	long v = strtol(value, &end, 10);

	if (!isdigit((unsigned char)value[0]) || *end || v > 4095)
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
		return bad(p, "io-timeout: '%s' is not a valid time; write 30s, or 0 to wait forever",
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
	{ "node", set_self },
};

/* ---- keys of a node ---- */

static int set_address(struct parser *p, struct conf_node *n, const char *value)
{
	char host[RBLK_ADDR_MAX];
	const char *port;

	if (conf_split_address(value, host, sizeof(host), &port))
		return bad(p,
			   "node %s: address: '%s' is not an address; write HOST:PORT, such as 10.0.0.1:7800 or [fd00::1]:7800",
			   n->name, value);
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

static int on_key(void *user, const char *section, const char *key, const char *value)
{
	struct parser *p = user;
	size_t i;

	if (!strncmp(section, "node ", 5))
		return on_node_key(p, section + 5 + strspn(section + 5, " \t"), key, value);
	if (section[0])
		return bad(p, "[%s]: there is no such section; write [node NAME]", section);
	for (i = 0; i < ARRAY_SIZE(volume_keys); i++) {
		if (strcmp(key, volume_keys[i].name))
			continue;
		if (p->seen & 1u << i)
			return bad(p, "%s: given twice; remove one", key);
		p->seen |= 1u << i;
		return volume_keys[i].set(p, value);
	}
	return bad(p,
		   "there is no key '%s'; there are uuid, size, block-size, ring-size, minor, election-timeout, io-timeout, shared, pool and node, and sections [node NAME]",
		   key);
}

/* Reads a line for libinih. Counts the lines, and allows indentation. */
static char *read_line(char *str, int size, void *stream)
{
	struct parser *p = stream;
	size_t skip;

	if (!fgets(str, size, p->f))
		return NULL;
	p->line++;
	if (!strchr(str, '\n') && !feof(p->f)) {
		bad(p, "the line is too long; it may have %d bytes", LINE_MAX_BYTES - 4);
		while (!feof(p->f) && fgetc(p->f) != '\n')
			;
		str[0] = 0;
	}
	skip = strspn(str, " \t");
	memmove(str, str + skip, strlen(str + skip) + 1);
	return str;
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
		if (n->address[0] && !strcmp(n->address, c->node[j].address))
			bad(p, "node %s: address: %s is also that of node %s; each node needs its own", n->name, n->address,
			    c->node[j].name);
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

int conf_load(struct conf *c, const struct common *opt)
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
	p.f = fopen(path, "re");
	if (!p.f)
		return fail(errno == ENOENT ? EXIT_ABSENT : EXIT_FAILED, c->volume,
			    "cannot read %s: %s; %s", path, strerror(errno),
			    errno == ENOENT ?
				    "copy it from another node, or write one with 'raftblk new'" :
				    "check its permissions, or run as root");
	ini_use_stack = false;
	ini_max_line = LINE_MAX_BYTES;
	ini_allow_multiline = false;
	ini_inline_comment_prefixes = "#;";
	err = ini_parse_stream(read_line, &p, on_key, &p);
	fclose(p.f);
	if (err > 0) {
		p.line = err;
		bad(&p, "the line is not KEY = VALUE, [node NAME] or # comment");
	}
	check_all(&p);
	find_me(c, opt);
	return p.failed ? EXIT_CONFIG : 0;
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
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *res;
	char host[RBLK_ADDR_MAX];
	const char *port;
	int err;

	memset(addr, 0, sizeof(*addr));
	conf_split_address(n->address, host, sizeof(host), &port);
	err = getaddrinfo(host, port, &hints, &res);
	if (err)
		return fail(EXIT_FAILED, c->volume,
			    "%s: node %s: address '%s' cannot be resolved: %s; write an IP address, or see resolver(5)",
			    c->path, n->name, n->address, gai_strerror(err));
	memcpy(addr, res->ai_addr, min_t(size_t, res->ai_addrlen, sizeof(*addr)));
	freeaddrinfo(res);
	return 0;
}
