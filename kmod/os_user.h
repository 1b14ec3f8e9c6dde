/* SPDX-License-Identifier: GPL-2.0 */
/* The part of os.h for builds in userspace: what the kernel's headers provide otherwise. */
#ifndef RAFTBLK_OS_USER_H
#define RAFTBLK_OS_USER_H

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;
typedef uint16_t __le16;
typedef uint32_t __le32;
typedef uint64_t __le64;

#define cpu_to_le16(x)		htole16(x)
#define cpu_to_le32(x)		htole32(x)
#define cpu_to_le64(x)		htole64(x)
#define le16_to_cpu(x)		le16toh(x)
#define le32_to_cpu(x)		le32toh(x)
#define le64_to_cpu(x)		le64toh(x)

#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define U16_MAX		0xffff
#define U32_MAX			UINT32_MAX
#define U64_MAX			UINT64_MAX
#define BIT_ULL(n)		(1ULL << (n))
#define hweight64(x)		((u32)__builtin_popcountll(x))
#define min_t(t, a, b)		((t)(a) < (t)(b) ? (t)(a) : (t)(b))
#define max_t(t, a, b)		((t)(a) > (t)(b) ? (t)(a) : (t)(b))
#define round_up(x, y)		((((x) - 1) | ((__typeof__(x))((y) - 1))) + 1)
#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))
#define container_of(p, t, m)	((t *)((char *)(p) - offsetof(t, m)))
#define static_assert		_Static_assert
#define fallthrough		__attribute__((__fallthrough__))
#define __packed		__attribute__((__packed__))
#define __aligned(n)		__attribute__((__aligned__(n)))
#define __must_check		__attribute__((__warn_unused_result__))

/* The program decides what a broken invariant does, such as to abort or to trace. */
void rblk_assert_failed(const char *what, const char *file, int line);
#define RBLK_BROKEN(cond, text)							\
	((cond) ? 0 : (rblk_assert_failed(text, __FILE__, __LINE__), 1))

/* CRC-32C of @data, continued from @seed, which is 0 at first; see userspace/lib/crc32c.c. */
u32 rblk_crc32c(u32 seed, const void *data, size_t len);

static inline u64 rblk_mod_u64(u64 a, u64 b)
{
	return a % b;
}

#endif /* RAFTBLK_OS_USER_H */
