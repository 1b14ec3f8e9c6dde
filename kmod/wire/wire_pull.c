// SPDX-License-Identifier: GPL-2.0
/* Messages of a resync: what a member asks another one for, and the answers. */
#include "wire_frame.h"

/**
 * rblk_wire_encode_pull() - makes the frame of a member that is resynchronised
 * @buf: filled
 * @p: content
 *
 * Return: bytes to send.
 */
u32 rblk_wire_encode_pull(void *buf, const struct wire_pull *p)
{
	struct frame_pull *f = rblk_wire_head(buf);
	u32 i;

	frame_pull_put(f, p);
	for (i = 0; i < WIRE_HASHES_MAX; i++)
		f->hash[i] = cpu_to_le64(p->hash[i]);
	return rblk_wire_finish(buf, WIRE_PULL, sizeof(*f), 0, 0);
}

int rblk_wire_decode_pull(struct wire_pull *p, const struct wire_header *h, const void *head)
{
	const struct frame_pull *f = head;
	u32 i, n;

	if (h->head_len != sizeof(*f) || !frame_pull_ok(f))
		return -EINVAL;
	frame_pull_get(p, f);
	if (p->compare && p->what != WIRE_P_CHUNK)
		return -EINVAL;
	n = p->compare ? DIV_ROUND_UP(p->nsect, RBLK_SECTORS_PER_BLOCK) : 0;
	for (i = 0; i < WIRE_HASHES_MAX; i++) {
		p->hash[i] = le64_to_cpu(f->hash[i]);
		if (i >= n && p->hash[i])
			return -EINVAL;
	}
	return p->at <= U64_MAX - p->nsect && !p->nsect == (p->what < WIRE_P_CHUNK) ? 0 : -EINVAL;
}

/**
 * rblk_wire_encode_state() - makes the answer that a replica can go on from
 * @buf: filled
 * @s: content
 *
 * Return: bytes to send.
 */
u32 rblk_wire_encode_state(void *buf, const struct wire_state *s)
{
	struct frame_state *f = rblk_wire_head(buf);
	u32 i;

	memset(f, 0, sizeof(*f));
	frame_state_put(f, s);
	for (i = 0; i < s->conf.n; i++)
		frame_member_put(&f->m[i], &s->conf.m[i]);
	for (i = 0; i < s->state.nsessions; i++)
		frame_session_put(&f->session[i], &s->state.session[i]);
	return rblk_wire_finish(buf, WIRE_STATE, sizeof(*f), 0, 0);
}

int rblk_wire_decode_state(struct wire_state *s, const struct wire_header *h, const void *head)
{
	const struct frame_state *f = head;
	u32 i;

	if (h->head_len != sizeof(*f) || !frame_state_ok(f))
		return -EINVAL;
	memset(s, 0, sizeof(*s));
	frame_state_get(s, f);
	for (i = 0; i < s->conf.n; i++) {
		if (!frame_member_ok(&f->m[i]))
			return -EINVAL;
		frame_member_get(&s->conf.m[i], &f->m[i]);
	}
	for (i = 0; i < s->state.nsessions; i++) {
		if (!frame_session_ok(&f->session[i]))
			return -EINVAL;
		frame_session_get(&s->state.session[i], &f->session[i]);
		if (s->state.session[i].epoch > s->state.index)
			return -EINVAL;
	}
	return s->conf.index <= s->state.index ? 0 : -EINVAL;
}

/**
 * rblk_wire_encode_map() - makes the answer with a part of the change map
 * @buf: filled
 * @m: content
 *
 * Return: bytes to send.
 */
u32 rblk_wire_encode_map(void *buf, const struct wire_map *m)
{
	struct frame_map *f = rblk_wire_head(buf);
	u32 i;

	frame_map_put(f, m);
	for (i = 0; i < RBLK_MAP_PER_BLOCK; i++)
		f->v[i] = cpu_to_le64(m->v[i]);
	return rblk_wire_finish(buf, WIRE_MAP, sizeof(*f), 0, 0);
}

int rblk_wire_decode_map(struct wire_map *m, const struct wire_header *h, const void *head)
{
	const struct frame_map *f = head;
	u32 i;

	if (h->head_len != sizeof(*f) || !frame_map_ok(f))
		return -EINVAL;
	frame_map_get(m, f);
	for (i = 0; i < RBLK_MAP_PER_BLOCK; i++)
		m->v[i] = le64_to_cpu(f->v[i]);
	return 0;
}

/**
 * rblk_wire_chunk_sectors() - counts what is sent of a chunk
 * @nsect: sectors of the chunk, which begins with a block; the last block may be a short one
 * @same: blocks that the receiver has, a bit each
 *
 * Return: sectors.
 */
u32 rblk_wire_chunk_sectors(u32 nsect, u32 same)
{
	u32 i, n = 0;

	for (i = 0; i * RBLK_SECTORS_PER_BLOCK < nsect; i++)
		if (!(same >> i & 1))
			n += min_t(u32, RBLK_SECTORS_PER_BLOCK,
				   nsect - i * RBLK_SECTORS_PER_BLOCK);
	return n;
}

/**
 * rblk_wire_encode_chunk() - makes the answer with content of the image
 * @buf: filled
 * @c: content
 * @e: kind (WRITE or ZEROES), range and blocks of the payload; NULL if there is an error, or if
 *	the receiver has all of it
 * @crc: checksums of the blocks
 *
 * Return: bytes to send before the payload; 0 after RBLK_ASSERT fired: there are too many
 * blocks.
 */
u32 rblk_wire_encode_chunk(void *buf, const struct wire_chunk *c, const struct rblk_entry *e,
			   const u32 *crc)
{
	struct frame_chunk *f = rblk_wire_head(buf);
	u32 len, blocks;

	frame_chunk_put(f, c);
	f->n = cpu_to_le32(!!e);
	if (rblk_wire_put_entry(f + 1, e, crc, &len, &blocks))
		return 0;
	return rblk_wire_finish(buf, WIRE_CHUNK, sizeof(*f) + len, blocks, 0);
}

int rblk_wire_decode_chunk(struct wire_chunk *c, struct wire_append *a,
			   const struct wire_header *h, const void *head)
{
	const struct frame_chunk *f = head;

	if (h->head_len < sizeof(*f) || !frame_chunk_ok(f))
		return -EINVAL;
	frame_chunk_get(c, f);
	a->n = le32_to_cpu(f->n);
	if (c->error ? a->n || c->same : !a->n && !c->same)
		return -EINVAL;
	if (rblk_wire_get_unplaced(a, f + 1, h->head_len - (u32)sizeof(*f), h->payload_blocks))
		return -EINVAL;
	if (a->n && a->e[0].kind != RBLK_E_WRITE && a->e[0].kind != RBLK_E_ZEROES)
		return -EINVAL;
	return c->index <= c->upto ? 0 : -EINVAL;
}
