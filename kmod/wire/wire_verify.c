// SPDX-License-Identifier: GPL-2.0
/* Messages of a comparison of the copies of the image: what is asked for, and what was read. */
#include "wire_frame.h"

/**
 * rblk_wire_encode_mark() - makes the frame of a member that compares the copies
 * @buf: filled
 * @m: content
 *
 * Return: bytes to send.
 */
u32 rblk_wire_encode_mark(void *buf, const struct wire_mark *m)
{
	struct frame_mark *f = rblk_wire_head(buf);

	frame_mark_put(f, m);
	return rblk_wire_finish(buf, WIRE_MARK, sizeof(*f), 0, 0);
}

int rblk_wire_decode_mark(struct wire_mark *m, const struct wire_header *h, const void *head)
{
	const struct frame_mark *f = head;

	if (h->head_len != sizeof(*f) || !frame_mark_ok(f))
		return -EINVAL;
	frame_mark_get(m, f);
	if (m->sector % RBLK_SECTORS_PER_BLOCK || m->sector > U64_MAX - m->nsect)
		return -EINVAL;
	return !m->good == (m->what == WIRE_M_VERIFY) ? 0 : -EINVAL;
}

/**
 * rblk_wire_encode_sums() - makes the frame that says what was read of a range
 * @buf: filled
 * @s: content
 *
 * Return: bytes to send.
 */
u32 rblk_wire_encode_sums(void *buf, const struct wire_sums *s)
{
	struct frame_sums *f = rblk_wire_head(buf);
	u32 i;

	frame_sums_put(f, s);
	for (i = 0; i < WIRE_SUMS_MAX; i++)
		f->v[i] = cpu_to_le32(s->v[i]);
	return rblk_wire_finish(buf, WIRE_SUMS, sizeof(*f), 0, 0);
}

int rblk_wire_decode_sums(struct wire_sums *s, const struct wire_header *h, const void *head)
{
	const struct frame_sums *f = head;
	u32 i;

	if (h->head_len != sizeof(*f) || !frame_sums_ok(f))
		return -EINVAL;
	frame_sums_get(s, f);
	for (i = 0; i < WIRE_SUMS_MAX; i++) {
		s->v[i] = le32_to_cpu(f->v[i]);
		if (i >= s->n && s->v[i])
			return -EINVAL;
	}
	return !s->n == !!s->error ? 0 : -EINVAL;
}
