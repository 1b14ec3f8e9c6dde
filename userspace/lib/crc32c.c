// SPDX-License-Identifier: GPL-2.0
/* CRC-32C for the userspace builds of the pure layers: hardware if it is there. */
#include "../../kmod/os.h"

#if defined(__SSE4_2__)
#include <nmmintrin.h>

/*
 * The instruction takes three cycles, and a new one can begin in each: three stretches
 * side by side, whose sums are then put together.
 */
#define STRETCH	1344	/* a block is three of them, and little more */

static u32 shift_table[4][256];	/* what STRETCH zeroes make of a byte of the sum */

static void make_table(void)
{
	u32 i, k, n;
	u64 crc;

	for (i = 0; i < 4; i++)
		for (k = 0; k < 256; k++) {
			crc = (u64)k << 8 * i;
			for (n = 0; n < STRETCH; n += 8)
				crc = _mm_crc32_u64(crc, 0);
			shift_table[i][k] = (u32)crc;
		}
}

static inline u64 shift(u64 crc)
{
	return shift_table[0][crc & 0xff] ^ shift_table[1][crc >> 8 & 0xff] ^
	       shift_table[2][crc >> 16 & 0xff] ^ shift_table[3][crc >> 24 & 0xff];
}

static u64 step(u64 crc, const u8 *p)
{
	u64 word;

	memcpy(&word, p, 8);
	return _mm_crc32_u64(crc, word);
}

u32 rblk_crc32c(u32 seed, const void *data, size_t len)
{
	const u8 *p = data;
	u64 crc = ~seed, b, c;
	u32 i;

	if (!shift_table[0][1])
		make_table();
	for (; len >= 3 * STRETCH; p += 3 * STRETCH, len -= 3 * STRETCH) {
		for (i = 0, b = c = 0; i < STRETCH; i += 8) {
			crc = step(crc, p + i);
			b = step(b, p + STRETCH + i);
			c = step(c, p + 2 * STRETCH + i);
		}
		crc = shift(shift(crc) ^ b) ^ c;
	}
	for (; len >= 8; p += 8, len -= 8)
		crc = step(crc, p);
	while (len--)
		crc = _mm_crc32_u8((u32)crc, *p++);
	return ~(u32)crc;
}

#else

u32 rblk_crc32c(u32 seed, const void *data, size_t len)
{
	static u32 table[256];
	const u8 *p = data;
	u32 crc = ~seed;
	int i, k;

	if (!table[1]) {
		for (i = 255; i >= 0; i--) {
			u32 c = i;

			for (k = 0; k < 8; k++)
				c = c & 1 ? c >> 1 ^ 0x82f63b78 : c >> 1;
			table[i] = c;
		}
	}
	while (len--)
		crc = crc >> 8 ^ table[(crc ^ *p++) & 0xff];
	return ~crc;
}

#endif
