// SPDX-License-Identifier: GPL-2.0
/*
 * Whether a volume that is up runs as its configuration file says. The kernel tells neither
 * the addresses of the nodes nor the times it was started with, so those are not compared.
 */
#include <sys/stat.h>

#include "status.h"
#include "uapi/raftblk.h"

#define POOL_MIB	64	/* of a volume whose file does not say */
#define RESYNC_MIN_MIB	4	/* likewise */

struct text {
	char *buf;
	size_t size;
};

__attribute__((format(printf, 2, 3)))
static void add(struct text *t, const char *fmt, ...)
{
	size_t n = strlen(t->buf);
	va_list args;

	n += snprintf(t->buf + n, t->size - n, "%s", n ? "; " : "");
	va_start(args, fmt);
	if (n < t->size)
		vsnprintf(t->buf + n, t->size - n, fmt, args);
	va_end(args);
}

static void compare(struct text *t, const char *what, const char *runs, const char *file)
{
	if (strcmp(runs, file))
		add(t, "%s: it runs with %s, and the file says %s", what, runs, file);
}

/* A device may be known by several names. */
static void compare_device(struct text *t, const char *what, const char *runs, const char *file)
{
	struct stat a, b;

	if (stat(runs, &a) || stat(file, &b) || a.st_rdev != b.st_rdev || !a.st_rdev)
		compare(t, what, runs, file);
}

static void compare_devices(struct text *t, const struct conf *c, struct json_object *o)
{
	bool client = !jstr(o, "log_path")[0];

	if (client != c->me->client) {
		add(t, "it runs %s", client ? "as a client, and the file gives this node devices" :
		    "with devices, and in the file this node is a client");
	} else if (!client) {
		compare_device(t, "log", jstr(o, "log_path"), c->me->log);
		compare_device(t, "data", jstr(o, "data_path"), c->me->data);
	}
}

static void compare_peers(struct text *t, const struct conf *c, struct json_object *o)
{
	struct json_object *peers = js(o, "peers"), *p;
	const struct conf_node *n;
	size_t i, k;

	for (n = c->node; n < c->node + c->nnodes; n++) {
		p = node_in_list(peers, n->name);
		if (n == c->me)
			continue;
		if (!p)
			add(t, "node %s is new in the file", n->name);
		else if (jb(p, "client") != n->client)
			add(t, "node %s: it is a %s, and the file says a %s", n->name,
			    n->client ? "replica" : "client", n->client ? "client" : "replica");
	}
	for (i = 0; peers && i < json_object_array_length(peers); i++) {
		p = json_object_array_get_idx(peers, i);
		for (k = 0; k < c->nnodes; k++)
			if (is(p, "node", c->node[k].name))
				break;
		if (k == c->nnodes)
			add(t, "node %s is not in the file", jstr(p, "node"));
	}
}

/* The first budget is two fifths of the pool, in pages. */
static void compare_pool(struct text *t, const struct conf *c, struct json_object *o)
{
	struct json_object *list = js(o, "budgets");
	u64 mib = c->pool ? c->pool >> 20 : POOL_MIB, runs;

	if (!list || !json_object_array_length(list))
		return;
	runs = ju(json_object_array_get_idx(list, 0), "size");
	if (runs != (mib << (20 - RBLK_BLOCK_SHIFT)) / 5 * 2)
		add(t, "pool: it runs with %lluM, and the file says %lluM",
		    (unsigned long long)((runs * 5 / 2 + 255) >> (20 - RBLK_BLOCK_SHIFT)),
		    (unsigned long long)mib);
}

const char *running_differs(const struct conf *c, struct json_object *o, char *buf, size_t size)
{
	struct text t = { .buf = buf, .size = size };

	buf[0] = 0;
	compare(&t, "uuid", jstr(o, "uuid"), c->uuid_text);
	compare(&t, "node", jstr(o, "node"), c->me->name);
	if (c->minor >= 0 && ju(o, "minor") != (u64)c->minor)
		add(&t, "minor: it runs with %llu, and the file says %d",
		    (unsigned long long)ju(o, "minor"), c->minor);
	compare_devices(&t, c, o);
	compare_peers(&t, c, o);
	compare_pool(&t, c, o);
	return buf;
}

const struct tunable tunables[] = {
	{ "resync-rate-min", "resync_rate_min", RAFTBLK_A_RESYNC_RATE_MIN,
	  offsetof(struct conf, resync_min), RESYNC_MIN_MIB },
	{ "resync-rate-max", "resync_rate_max", RAFTBLK_A_RESYNC_RATE_MAX,
	  offsetof(struct conf, resync_max), 0 },
	{ 0 },
};

u32 tunable_says(const struct tunable *t, const struct conf *c)
{
	u32 mib = *(const u32 *)((const char *)c + t->offset);

	return mib ? mib : t->mib;
}

bool tunable_differs(const struct tunable *t, const struct conf *c, struct json_object *o)
{
	return !is_client(o) && js(o, t->status) && ju(o, t->status) != tunable_says(t, c);
}

const char *running_adjustable(const struct conf *c, struct json_object *o, char *buf, size_t size)
{
	struct text text = { .buf = buf, .size = size };
	const struct tunable *t;

	buf[0] = 0;
	for (t = tunables; t->key; t++)
		if (tunable_differs(t, c, o))
			add(&text, "%s: it runs with %lluM, and the file says %uM", t->key,
			    (unsigned long long)ju(o, t->status), tunable_says(t, c));
	return buf;
}
