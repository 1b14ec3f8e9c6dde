// SPDX-License-Identifier: GPL-2.0
/* splitmix64, a state for each subject. Integer only: the same on every machine. */
#include "world.h"

static u64 state[R_STREAMS];

static u64 mix(u64 *s)
{
	u64 z = *s += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

void rnd_seed(u64 seed)
{
	u64 s = seed * 0xd1342543de82ef95 + 1;
	int i;

	for (i = 0; i < R_STREAMS; i++)
		state[i] = mix(&s);
}

u64 rnd(enum world_stream s)
{
	return mix(&state[s]);
}

u64 rnd_below(enum world_stream s, u64 n)
{
	return (u64)((unsigned __int128)rnd(s) * n >> 64);
}

u64 rnd_range(enum world_stream s, u64 lo, u64 hi)
{
	return lo + rnd_below(s, hi - lo + 1);
}

static u32 magnitude(u64 v)
{
	return 63 - (u32)__builtin_clzll(v | 1);
}

u64 rnd_log(enum world_stream s, u64 lo, u64 hi)
{
	u32 bit = (u32)rnd_range(s, magnitude(lo), magnitude(hi));
	u64 v = rnd_range(s, 1ull << bit, (2ull << bit) - 1);

	return v < lo ? lo : v > hi ? hi : v;
}

/* -ln(u) by way of -log2(u), whose fraction is taken as linear: near enough. */
u64 rnd_exp(enum world_stream s, u64 mean)
{
	u64 u = rnd(s) | 1;
	u32 lz = (u32)__builtin_clzll(u);
	u64 frac = (u << lz << 1) >> 44;		/* 20 bits of the mantissa */
	u64 log2 = ((u64)lz << 20) + (1 << 20) - frac;	/* in 1/2^20 */

	return (u64)((unsigned __int128)mean * log2 * 710 / 1024 >> 20) + 1;
}

bool rnd_ppm(enum world_stream s, u32 ppm)
{
	return ppm && rnd_below(s, 1000000) < ppm;
}

bool rnd_one_in(enum world_stream s, u32 n)
{
	return rnd_below(s, n) == 0;
}
