// SPDX-License-Identifier: GPL-2.0
/*
 * Frames between members, see wire.h. All little-endian, without padding:
 *
 *	header (32)  head (head_len)  payload (payload_blocks * 4 KiB)
 *
 * Here: the header, and the handshake. The messages: wire_msg.c.
 */
#include "wire_frame.h"

#define WIRE_MAGIC	0x6b6c6272u	/* "rblk" */

struct frame_header {
	__le32 magic;
	u8 version;
	u8 type;
	__le16 flags;		/* 0; a bit that is not known makes the frame unreadable */
	__le32 head_len;
	__le32 payload_blocks;
	__le64 term;
	__le32 head_crc;
	__le32 crc;		/* of the header up to here */
} __packed;

static_assert(sizeof(struct frame_header) == WIRE_HEADER_BYTES);
static_assert(offsetof(struct frame_header, term) == 16);
static_assert(offsetof(struct frame_header, crc) == 28);

struct frame_hello {
	__le16 version_min, version_max;
	u8 channel;
	u8 bootstrapped;
	u8 client;
	u8 zero;
	__le64 features;
	u8 volume[RBLK_UUID_LEN];
	__le64 cluster;
	__le64 store;
	__le64 generation;
	__le64 match;
	__le64 match_term;
	__le64 data_sectors;
	__le64 ring_bytes;
	__le64 entries;
	char name[RBLK_NAME_MAX];
	char node[RBLK_NAME_MAX];
	char peer[RBLK_NAME_MAX];
} __packed;

static_assert(offsetof(struct frame_hello, volume) == 16);
static_assert(offsetof(struct frame_hello, ring_bytes) == 80);
static_assert(offsetof(struct frame_hello, name) == 96);
static_assert(sizeof(struct frame_hello) == 192);

struct frame_reject {
	u8 reason;
	u8 zero[7];
} __packed;

static_assert(sizeof(struct frame_reject) == 8);

/**
 * rblk_wire_reason_text() - what a REJECT means, for people
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
		[WIRE_R_SIZES] = "log rings or entry tables of different sizes",
	};

	return reason < WIRE_R_NR && text[reason] ? text[reason] : "unknown reason";
}

/**
 * rblk_wire_finish() - writes the header in front of a finished head
 * @buf: the frame
 * @type: enum wire_type
 * @head_len: bytes of the head
 * @payload_blocks: that follow it
 * @term: of the message, or 0
 *
 * Return: bytes of header and head.
 */
u32 rblk_wire_finish(void *buf, u8 type, u32 head_len, u32 payload_blocks, u64 term)
{
	struct frame_header *f = buf;

	f->magic = cpu_to_le32(WIRE_MAGIC);
	f->version = WIRE_VERSION;
	f->type = type;
	f->flags = 0;
	f->head_len = cpu_to_le32(head_len);
	f->payload_blocks = cpu_to_le32(payload_blocks);
	f->term = cpu_to_le64(term);
	f->head_crc = cpu_to_le32(rblk_crc32c(0, rblk_wire_head(buf), head_len));
	f->crc = cpu_to_le32(rblk_crc32c(0, f, offsetof(struct frame_header, crc)));
	return WIRE_HEADER_BYTES + head_len;
}

static u32 most_blocks(u8 type)
{
	return type == WIRE_RAFT || type == WIRE_SUBMIT || type == WIRE_DATA ? WIRE_BLOCKS_MAX : 0;
}

/**
 * rblk_wire_decode_header() - reads a frame's header
 * @h: result; untouched unless 0 is returned
 * @buf: WIRE_HEADER_BYTES as received
 *
 * The sum comes before the version, so it must stay where it is in all versions.
 *
 * Return: 0; -EBADMSG: not a header (magic or sum); -EPROTONOSUPPORT: version
 * or flags that are not known; -EINVAL: unknown type, or lengths out of bounds.
 */
int rblk_wire_decode_header(struct wire_header *h, const void *buf)
{
	const struct frame_header *f = buf;
	u32 head_len = le32_to_cpu(f->head_len);
	u32 blocks = le32_to_cpu(f->payload_blocks);

	if (f->magic != cpu_to_le32(WIRE_MAGIC) ||
	    le32_to_cpu(f->crc) != rblk_crc32c(0, f, offsetof(struct frame_header, crc)))
		return -EBADMSG;
	if (f->version != WIRE_VERSION || f->flags)
		return -EPROTONOSUPPORT;
	if (!f->type || f->type >= WIRE_TYPE_NR)
		return -EINVAL;
	if (!head_len || head_len > WIRE_HEAD_MAX)
		return -EINVAL;
	if (blocks > most_blocks(f->type) || (blocks && head_len < WIRE_HEAD_PAYLOAD))
		return -EINVAL;

	h->type = f->type;
	h->head_len = head_len;
	h->payload_blocks = blocks;
	h->head_crc = le32_to_cpu(f->head_crc);
	h->term = le64_to_cpu(f->term);
	return 0;
}

/**
 * rblk_wire_check_head() - is the head what the header was sent with?
 * @h: its header
 * @head: @h->head_len bytes
 *
 * Return: 0 or -EBADMSG.
 */
int rblk_wire_check_head(const struct wire_header *h, const void *head)
{
	return rblk_crc32c(0, head, h->head_len) == h->head_crc ? 0 : -EBADMSG;
}

static void put_name(char *to, const char *name)
{
	u32 i;

	for (i = 0; i < RBLK_NAME_MAX - 1 && name[i]; i++)
		to[i] = name[i];
	memset(to + i, 0, RBLK_NAME_MAX - i);
}

/* Names end up in kernel messages: visible ASCII, terminated, zero behind. */
static bool get_name_field(char *to, const char *name)
{
	u32 len = 0, i;

	while (len < RBLK_NAME_MAX && name[len] > ' ' && name[len] <= '~')
		len++;
	if (len == RBLK_NAME_MAX)
		return false;
	for (i = len; i < RBLK_NAME_MAX; i++)
		if (name[i])
			return false;
	memcpy(to, name, RBLK_NAME_MAX);
	return true;
}

/**
 * rblk_wire_encode_hello() - the first frame of each side
 * @buf: WIRE_HEADER_BYTES + WIRE_HEAD_MAX bytes
 * @hello: what to say
 *
 * Return: bytes to send.
 */
u32 rblk_wire_encode_hello(void *buf, const struct wire_hello *hello)
{
	struct frame_hello *f = rblk_wire_head(buf);

	f->version_min = cpu_to_le16(hello->version_min);
	f->version_max = cpu_to_le16(hello->version_max);
	f->channel = hello->channel;
	f->bootstrapped = hello->bootstrapped;
	f->client = hello->client;
	f->zero = 0;
	f->features = cpu_to_le64(hello->features);
	memcpy(f->volume, hello->volume, RBLK_UUID_LEN);
	f->cluster = cpu_to_le64(hello->cluster);
	f->store = cpu_to_le64(hello->store);
	f->generation = cpu_to_le64(hello->generation);
	f->match = cpu_to_le64(hello->match);
	f->match_term = cpu_to_le64(hello->match_term);
	f->data_sectors = cpu_to_le64(hello->data_sectors);
	f->ring_bytes = cpu_to_le64(hello->ring_bytes);
	f->entries = cpu_to_le64(hello->entries);
	put_name(f->name, hello->name);
	put_name(f->node, hello->node);
	put_name(f->peer, hello->peer);
	return rblk_wire_finish(buf, WIRE_HELLO, sizeof(*f), 0, 0);
}

/**
 * rblk_wire_decode_hello() - reads a checked HELLO
 * @hello: result; unspecified unless 0 is returned
 * @h: its header
 * @head: @h->head_len bytes
 *
 * A longer head is accepted and its end ignored: a later version may say more,
 * and the two must get as far as comparing versions.
 *
 * Return: 0 or -EINVAL.
 */
int rblk_wire_decode_hello(struct wire_hello *hello, const struct wire_header *h, const void *head)
{
	const struct frame_hello *f = head;

	if (h->type != WIRE_HELLO || h->head_len < sizeof(*f))
		return -EINVAL;
	hello->version_min = le16_to_cpu(f->version_min);
	hello->version_max = le16_to_cpu(f->version_max);
	hello->channel = f->channel;
	hello->bootstrapped = f->bootstrapped;
	hello->client = f->client;
	hello->features = le64_to_cpu(f->features);
	memcpy(hello->volume, f->volume, RBLK_UUID_LEN);
	hello->cluster = le64_to_cpu(f->cluster);
	hello->store = le64_to_cpu(f->store);
	hello->generation = le64_to_cpu(f->generation);
	hello->match = le64_to_cpu(f->match);
	hello->match_term = le64_to_cpu(f->match_term);
	hello->data_sectors = le64_to_cpu(f->data_sectors);
	hello->ring_bytes = le64_to_cpu(f->ring_bytes);
	hello->entries = le64_to_cpu(f->entries);
	if (!hello->version_min || hello->version_min > hello->version_max || f->zero)
		return -EINVAL;
	if (hello->channel >= WIRE_CHANNELS || hello->bootstrapped > 1 || hello->client > 1 ||
	    !hello->store)
		return -EINVAL;
	if (!get_name_field(hello->name, f->name) || !get_name_field(hello->node, f->node) ||
	    !hello->node[0] || !get_name_field(hello->peer, f->peer))
		return -EINVAL;
	return 0;
}

/**
 * rblk_wire_encode_reject() - refuses a connection
 * @buf: WIRE_HEADER_BYTES + WIRE_HEAD_MAX bytes
 * @r: why
 *
 * Return: bytes to send.
 */
u32 rblk_wire_encode_reject(void *buf, const struct wire_reject *r)
{
	struct frame_reject *f = rblk_wire_head(buf);

	memset(f, 0, sizeof(*f));
	f->reason = r->reason;
	return rblk_wire_finish(buf, WIRE_REJECT, sizeof(*f), 0, 0);
}

/**
 * rblk_wire_decode_reject() - reads a checked REJECT
 * @r: result; unspecified unless 0 is returned
 * @h: its header
 * @head: @h->head_len bytes
 *
 * A reason that is not known is still a refusal: see rblk_wire_reason_text().
 *
 * Return: 0 or -EINVAL.
 */
int rblk_wire_decode_reject(struct wire_reject *r, const struct wire_header *h, const void *head)
{
	const struct frame_reject *f = head;

	if (h->type != WIRE_REJECT || h->head_len < sizeof(*f) || !f->reason)
		return -EINVAL;
	r->reason = f->reason;
	return 0;
}
