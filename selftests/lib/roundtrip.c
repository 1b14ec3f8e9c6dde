// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "roundtrip.h"
#include "tap.h"

#define BUF_MAX		(16u << 10)
#define SEEN_MAX	256

static u8 good[BUF_MAX], out[BUF_MAX];

/* Rows that were tried, and whether a change of one was ever accepted. */
static struct seen {
	const struct fieldtab *t;
	const struct field *f;
	bool accepted;
} seen[SEEN_MAX];
static u32 nseen;

static struct seen *seen_of(const struct fieldtab *t, const struct field *f)
{
	u32 i;

	for (i = 0; i < nseen; i++)
		if (seen[i].f == f)
			return &seen[i];
	CHECK(nseen < SEEN_MAX);
	seen[nseen] = (struct seen){ .t = t, .f = f };
	return &seen[nseen++];
}

static bool named(const char *const *names, const struct seen *s)
{
	size_t len = strlen(s->t->name);

	for (; names && *names; names++)
		if (!strncmp(*names, s->t->name, len) && (*names)[len] == '.' &&
		    !strcmp(*names + len + 1, s->f->name))
			return true;
	return false;
}

static void check(bool ok, const struct seen *s, u32 at, const char *what)
{
	if (!ok)
		printf("# %s.%s at offset %u: %s\n", s->t->name, s->f->name, at, what);
	CHECK(ok);
}

/* The buffer was changed at @at, where @s is. Was that accepted? All is as it was afterwards. */
static bool try(const struct roundtrip *rt, const struct seen *s, u32 at)
{
	u32 bytes = s->f->bytes * s->f->n;
	bool accepted = false;

	rt->mend();
	if (memcmp(rt->buf + at, good + at, bytes) && !rt->decode()) {
		accepted = true;
		memset(out, 0xee, rt->len);
		rt->encode(out);
		if (s->f->row == ROW_SPARE || named(rt->fresh, s))
			check(!memcmp(out, good, rt->len), s, at, "not ignored");
		else if (named(rt->counts, s))
			check(!memcmp(out + at, rt->buf + at, bytes), s, at, "not kept");
		else
			check(!memcmp(out, rt->buf, rt->len), s, at, "not kept, or others changed");
	}
	memcpy(rt->buf, good, rt->len);
	return accepted;
}

static bool try_value(const struct roundtrip *rt, const struct seen *s, u32 at, u64 v)
{
	field_set(s->f, rt->buf + at, v);
	return try(rt, s, at);
}

static void try_bounds(const struct roundtrip *rt, const struct seen *s, u32 at)
{
	const struct field *f = s->f;
	u64 top = f->bytes == 8 ? U64_MAX : (1ULL << 8 * f->bytes) - 1;

	if (f->least)
		check(!try_value(rt, s, at, f->least - 1), s, at, "accepted below its least value");
	if (f->most < top)
		check(!try_value(rt, s, at, f->most + 1) && !try_value(rt, s, at, top), s, at,
		      "accepted above its greatest value");
}

static bool try_numbers(const struct roundtrip *rt, const struct seen *s, u32 at)
{
	u64 v = field_get(s->f, rt->buf + at);
	u64 other[] = { v + 1, v - 1, 0, 512, 4096, s->f->least, s->f->most };
	bool accepted = false;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(other); i++)
		accepted |= try_value(rt, s, at, other[i]);
	return accepted;
}

static void run_row(const struct roundtrip *rt, struct seen *s, u32 at)
{
	const struct field *f = s->f;
	u32 i, bits = f->bytes * f->n * 8;
	bool accepted;

	for (i = 0; i < bits; i++) {
		rt->buf[at + i / 8] ^= 1u << i % 8;
		accepted = try(rt, s, at);
		s->accepted |= accepted;
		if (f->row == ROW_ZERO)
			check(!accepted, s, at, "reserved, but accepted");
		if (f->row == ROW_SPARE)
			check(accepted, s, at, "reserved, but not ignored");
	}
	if (f->row != ROW_FIELD && f->row != ROW_CODED)
		return;
	if (field_is_number(f)) {
		try_bounds(rt, s, at);
		s->accepted |= try_numbers(rt, s, at);
	} else if (f->least) {
		memset(rt->buf + at, 0, f->bytes);
		check(!try(rt, s, at), s, at, "accepted empty");
	}
}

static void run_struct(const struct roundtrip *rt, const struct fieldtab *t, u32 at)
{
	u32 i, k;

	CHECK(at + t->bytes <= rt->len);
	for (i = 0; i < t->n; i++) {
		const struct field *f = &t->field[i];

		if (f->of)
			for (k = 0; k < f->n; k++)
				run_struct(rt, f->of, at + f->off + k * f->bytes);
		else
			run_row(rt, seen_of(t, f), at + f->off);
	}
}

void roundtrip(const struct roundtrip *rt)
{
	const struct roundtrip_part *p;
	u32 i;

	CHECK(rt->len <= BUF_MAX);
	CHECK_EQ(rt->decode(), 0);
	memcpy(good, rt->buf, rt->len);
	rt->encode(out);
	CHECK(!memcmp(out, good, rt->len));
	nseen = 0;
	for (p = rt->part; p->name; p++)
		run_struct(rt, fieldtab_of(p->name), p->at);
	for (i = 0; i < nseen; i++)
		if (seen[i].f->row == ROW_FIELD && !named(rt->rigid, &seen[i]))
			check(seen[i].accepted, &seen[i], seen[i].f->off, "no change was accepted");
}

void roundtrip_cover(const struct fieldtab *t)
{
	u32 i, at = 0;

	for (i = 0; i < t->n; i++) {
		const struct field *f = &t->field[i];

		if (f->off != at)
			printf("# %s.%s does not follow the row before it\n", t->name, f->name);
		CHECK_EQ(f->off, at);
		at += f->bytes * f->n;
	}
	if (at != t->bytes)
		printf("# %s: %u of %u bytes\n", t->name, at, t->bytes);
	CHECK_EQ(at, t->bytes);
}
