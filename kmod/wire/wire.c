// SPDX-License-Identifier: GPL-2.0
/* The header of a frame, the handshake, and codes; wire_msg.c has the messages. */
#include "wire_frame.h"

#define WIRE_MAGIC	0x6b6c6272u	/* "rblk" */

/**
 * rblk_wire_reason_text() - says to people why a connection is refused
 * @reason: enum wire_reason, or anything
 *
 * Return: a phrase, never NULL.
 */
const char *rblk_wire_reason_text(u8 reason)
{
	static const char *const text[WIRE_R_NR] = {
		[WIRE_R_VERSION] = "no common protocol version or features",
		[WIRE_R_VOLUME] = "another volume",
		[WIRE_R_CLUSTER] = "bootstrapped apart: another cluster",
		[WIRE_R_NODE] = "not the expected node",
		[WIRE_R_STORE] = "store is not a member",
		[WIRE_R_ROLLBACK] = "store is older than it was seen to be",
		[WIRE_R_DUPLICATE] = "store is already connected",
		[WIRE_R_SIZES] = "log ring or entry table smaller than the others count on",
		[WIRE_R_ABSURD] = "absurd number of starts, or term",
		[WIRE_R_ROLE] = "a client under the name of a replica, or the reverse",
		[WIRE_R_COPY] =
			"another start of this store is known, so one is a copy of the other",
	};

	return reason < WIRE_R_NR && text[reason] ? text[reason] : "unknown reason";
}

/**
 * rblk_wire_reason_step() - says to people what to do about a connection that is refused
 * @reason: enum wire_reason, or anything
 *
 * Return: a phrase that is true on either side, never NULL.
 */
const char *rblk_wire_reason_step(u8 reason)
{
	static const char *const step[WIRE_R_NR] = {
		[WIRE_R_VERSION] = "install versions of raftblk that have a protocol in common",
		[WIRE_R_VOLUME] = "compare the uuid in the configuration files of both nodes",
		[WIRE_R_CLUSTER] =
			"it was bootstrapped twice: if it has no data yet, format all its stores again, and bootstrap on one node",
		[WIRE_R_NODE] =
			"compare names and addresses in the configuration files of both nodes",
		[WIRE_R_STORE] = "attach the devices that the volume was bootstrapped with",
		[WIRE_R_ROLLBACK] =
			"attach the devices in their newest state; see 'up --forget' in raftblk(8)",
		[WIRE_R_DUPLICATE] = "two nodes have the same name or store: stop one of them",
		[WIRE_R_SIZES] =
			"attach the devices that the volume was bootstrapped with, under a version of raftblk that is not older",
		[WIRE_R_ABSURD] = "see 'up --forget' in raftblk(8)",
		[WIRE_R_ROLE] =
			"compare the key 'client' of the nodes in the configuration files of both",
		[WIRE_R_COPY] =
			"run only one machine under this name, on the devices that it had all the time; see 'up --forget' in raftblk(8)",
	};

	return reason < WIRE_R_NR && step[reason] ? step[reason] :
						    "the kernel log of the other node may say more";
}

/**
 * rblk_wire_error() - finds the code for an error
 * @error: 0 or -errno
 *
 * Return: enum wire_error.
 */
u32 rblk_wire_error(int error)
{
	switch (error) {
	case 0:
		return WIRE_E_NONE;
	case -EAGAIN:
		return WIRE_E_AGAIN;
	default:
		return WIRE_E_IO;
	}
}

/**
 * rblk_wire_errno() - finds the error for a code
 * @code: enum wire_error, or anything that a peer may have sent
 *
 * Return: 0 or -errno, which is -EIO if the code is not known.
 */
int rblk_wire_errno(u32 code)
{
	switch (code) {
	case WIRE_E_NONE:
		return 0;
	case WIRE_E_AGAIN:
		return -EAGAIN;
	default:
		return -EIO;
	}
}

/*
 * Writes the header in front of a finished head, and returns how many bytes header and
 * head are. @term is that of the message, or 0.
 */
u32 rblk_wire_finish(void *buf, u8 type, u32 head_len, u32 payload_blocks, u64 term)
{
	struct frame_header *f = buf;
	struct wire_header h = {
		.type = type,
		.head_len = head_len,
		.payload_blocks = payload_blocks,
		.head_crc = rblk_crc32c(0, rblk_wire_head(buf), head_len),
		.term = term,
	};

	f->magic = cpu_to_le32(WIRE_MAGIC);
	f->version = WIRE_VERSION;
	f->flags = 0;
	frame_header_put(f, &h);
	f->crc = cpu_to_le32(rblk_crc32c(0, f, offsetof(struct frame_header, crc)));
	return WIRE_HEADER_BYTES + head_len;
}

static bool may_have_payload(u8 type)
{
	return type == WIRE_RAFT || type == WIRE_SUBMIT || type == WIRE_DATA ||
	       type == WIRE_CHUNK;
}

/**
 * rblk_wire_decode_header() - reads the header of a frame
 * @h: result; set only if 0 is returned
 * @buf: WIRE_HEADER_BYTES as received
 *
 * The checksum is checked before the version, so both have to stay where they are in
 * all versions.
 *
 * Return: 0; -EBADMSG: magic or checksum are wrong; -EPROTONOSUPPORT: version or
 * flags are not known; -EINVAL: the type is not known, or a length is out of bounds.
 */
int rblk_wire_decode_header(struct wire_header *h, const void *buf)
{
	const struct frame_header *f = buf;
	u32 blocks = le32_to_cpu(f->payload_blocks);

	if (f->magic != cpu_to_le32(WIRE_MAGIC) ||
	    le32_to_cpu(f->crc) != rblk_crc32c(0, f, offsetof(struct frame_header, crc)))
		return -EBADMSG;
	if (f->version != WIRE_VERSION || f->flags)
		return -EPROTONOSUPPORT;
	if (!frame_header_ok(f))
		return -EINVAL;
	if (blocks && (!may_have_payload(f->type) || le32_to_cpu(f->head_len) < WIRE_HEAD_PAYLOAD))
		return -EINVAL;
	frame_header_get(h, f);
	return 0;
}

/**
 * rblk_wire_check_head() - checks a head against the checksum in its header
 * @h: header
 * @head: @h->head_len bytes
 *
 * Return: 0; -EBADMSG: the checksum does not match.
 */
int rblk_wire_check_head(const struct wire_header *h, const void *head)
{
	return rblk_crc32c(0, head, h->head_len) == h->head_crc ? 0 : -EBADMSG;
}

/**
 * rblk_wire_encode_hello() - makes the first frame of each side
 * @buf: filled
 * @hello: content
 *
 * Return: bytes to send.
 */
u32 rblk_wire_encode_hello(void *buf, const struct wire_hello *hello)
{
	struct frame_hello *f = rblk_wire_head(buf);
	u32 i;

	frame_hello_put(f, hello);
	for (i = 0; i < RBLK_LINE; i++)
		f->line[i] = cpu_to_le64(hello->line[i]);
	return rblk_wire_finish(buf, WIRE_HELLO, sizeof(*f), 0, hello->term);
}

/**
 * rblk_wire_decode_hello() - reads a HELLO
 * @hello: result
 * @h: header
 * @head: @h->head_len bytes, checked
 *
 * The end of a longer head is ignored: a later version may say more, and the two nodes
 * must get as far as comparing their versions.
 *
 * Return: 0 or -EINVAL.
 */
int rblk_wire_decode_hello(struct wire_hello *hello, const struct wire_header *h, const void *head)
{
	const struct frame_hello *f = head;
	u32 i;

	if (h->type != WIRE_HELLO || h->head_len < sizeof(*f))
		return -EINVAL;
	if (!frame_hello_ok(f))
		return -EINVAL;
	frame_hello_get(hello, f);
	for (i = 0; i < RBLK_LINE; i++)
		hello->line[i] = le64_to_cpu(f->line[i]);
	hello->term = h->term;
	if (hello->version_min > hello->version_max)
		return -EINVAL;
	return 0;
}

/**
 * rblk_wire_encode_reject() - makes the frame that refuses a connection
 * @buf: filled
 * @r: content
 *
 * Return: bytes to send.
 */
u32 rblk_wire_encode_reject(void *buf, const struct wire_reject *r)
{
	struct frame_reject *f = rblk_wire_head(buf);

	frame_reject_put(f, r);
	return rblk_wire_finish(buf, WIRE_REJECT, sizeof(*f), 0, 0);
}

/**
 * rblk_wire_decode_reject() - reads a REJECT
 * @r: result
 * @h: header
 * @head: @h->head_len bytes, checked
 *
 * A reason that is not known is a refusal all the same: see rblk_wire_reason_text().
 *
 * Return: 0 or -EINVAL.
 */
int rblk_wire_decode_reject(struct wire_reject *r, const struct wire_header *h, const void *head)
{
	const struct frame_reject *f = head;

	if (h->type != WIRE_REJECT || h->head_len < sizeof(*f) || !frame_reject_ok(f))
		return -EINVAL;
	frame_reject_get(r, f);
	return 0;
}

/**
 * rblk_wire_encode_alive() - makes the frame that asks whether a start still runs, or its answer
 * @buf: filled
 * @a: content
 *
 * Return: bytes to send.
 */
u32 rblk_wire_encode_alive(void *buf, const struct wire_alive *a)
{
	struct frame_alive *f = rblk_wire_head(buf);

	frame_alive_put(f, a);
	return rblk_wire_finish(buf, WIRE_ALIVE, sizeof(*f), 0, 0);
}

int rblk_wire_decode_alive(struct wire_alive *a, const struct wire_header *h, const void *head)
{
	const struct frame_alive *f = head;

	if (h->head_len != sizeof(*f) || !frame_alive_ok(f))
		return -EINVAL;
	frame_alive_get(a, f);
	return 0;
}
