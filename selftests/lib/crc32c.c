// SPDX-License-Identifier: GPL-2.0
/* CRC-32C for the userspace builds of the pure layers: hardware if it is there. */
#include "../../kmod/os.h"

#if defined(__SSE4_2__)
#include <nmmintrin.h>

u32 rblk_crc32c(u32 seed, const void *data, size_t len)
{
	const u8 *p = data;
	u64 crc = ~seed, word;

	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&word, p, 8);
		crc = _mm_crc32_u64(crc, word);
	}
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
