// SPDX-License-Identifier: GPL-2.0
/* Simulated time: a heap of events ordered by (time, number); trace and hash. */
#include <stdarg.h>

#include "world.h"

static struct event *heap;
static u32 nheap, maxheap;
static u64 next_seq;

void ev_reset(void)
{
	nheap = 0;
	next_seq = 1;
}

static bool before(const struct event *a, const struct event *b)
{
	return a->t != b->t ? a->t < b->t : a->seq < b->seq;
}

static void heap_add(const struct event *e)
{
	u32 i, up;

	if (nheap == maxheap) {
		maxheap = maxheap ? 2 * maxheap : 1024;
		heap = realloc(heap, maxheap * sizeof(*heap));
		if (!heap)
			abort();
	}
	for (i = nheap++; i; i = up) {
		up = (i - 1) / 2;
		if (!before(e, &heap[up]))
			break;
		heap[i] = heap[up];
	}
	heap[i] = *e;
}

static void heap_pop(void)
{
	struct event last = heap[--nheap];
	u32 i = 0, kid;

	while ((kid = 2 * i + 1) < nheap) {
		if (kid + 1 < nheap && before(&heap[kid + 1], &heap[kid]))
			kid++;
		if (!before(&heap[kid], &last))
			break;
		heap[i] = heap[kid];
		i = kid;
	}
	heap[i] = last;
}

void ev_push(u64 t, void (*fn)(struct event *e), u8 node, u64 a, u64 b, void *p)
{
	struct event e = {
		.t = t < world.now ? world.now : t, .seq = next_seq++, .fn = fn, .node = node,
		.inc = node < WORLD_NODES ? world.node[node].inc : 0, .a = a, .b = b, .p = p,
	};

	heap_add(&e);
}

/* A frozen node sees nothing: what happens to it meanwhile waits, in order. */
static bool deferred(struct event *e)
{
	struct node *n = &world.node[e->node];

	if (!node_paused(n))
		return false;
	e->t = n->resume_t;
	e->seq = next_seq++;
	heap_add(e);
	return true;
}

bool ev_step(u64 until)
{
	struct event e;

	if (!nheap || heap[0].t > until) {
		world.now = until;
		return false;
	}
	e = heap[0];
	heap_pop();
	world.now = e.t;
	world.events++;
	if (e.node < WORLD_NODES) {
		if (world.node[e.node].inc != e.inc || deferred(&e))
			return true;
	}
	e.fn(&e);
	return true;
}

/* What waits for a time that does not count any more waits no longer; each is asked again. */
void ev_wake(bool (*waits)(const struct event *e))
{
	u32 i, n = nheap;
	struct event e;

	for (i = 0; i < n; i++)
		if (waits(&heap[i]))
			heap[i].t = world.now;
	/* A heap is made of an array by adding one after the other. */
	for (i = 0; i < n; i++) {
		e = heap[i];
		nheap = i;
		heap_add(&e);
	}
}

/* For a pause or a cut that lasts for NEVER. */
bool ev_forever(const struct event *e)
{
	return e->t >= NEVER;
}

static u64 hash_mix(u64 h, u64 v)
{
	h = (h ^ v) * 0x9fb21c651e98df25;
	return h ^ h >> 29;
}

void world_trace(u8 node, const char *what, u64 a, u64 b)
{
	const char *p;

	world.hash = hash_mix(hash_mix(hash_mix(world.hash, world.now + node), a), b);
	for (p = what; *p; p++)
		world.hash = (world.hash ^ (u8)*p) * 0x100000001b3;
	if (!world.trace)
		return;
	if (node == WORLD_NONE)
		printf("%12.6f  -  %-18s %llu %llu\n", (double)world.now / 1e6, what,
		       (unsigned long long)a, (unsigned long long)b);
	else
		printf("%12.6f  %c  %-18s %llu %llu\n", (double)world.now / 1e6, 'a' + node, what,
		       (unsigned long long)a, (unsigned long long)b);
}

void world_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(world.why, sizeof(world.why), fmt, ap);
	va_end(ap);
	if (world.trace)
		printf("%12.6f  FAIL %s\n", (double)world.now / 1e6, world.why);
	if (world.on.failed)
		world.on.failed();
	fprintf(stderr, "outside of a run: %s\n", world.why);
	abort();
}
