// SPDX-License-Identifier: GPL-2.0
/* How a log device is laid out for a data device, where nothing is asked for. */
#include "log-lib.h"

#define MIB	(1ULL << 20)
#define GIB	(1ULL << 30)

static u32 shift(u64 log, u64 data)
{
	struct log_super s = {};

	CHECK_EQ(rblk_log_layout(&s, log, data, NULL), 0);
	return s.region_shift;
}

/* As small as they can be, if there are not too many, and if the log device has room for their map. */
static void regions(void)
{
	CHECK_EQ(shift(16 * MIB, 8 * MIB), 17);
	CHECK_EQ(shift(8 * GIB, 128 * GIB), 17);
	CHECK_EQ(shift(8 * GIB, 128 * GIB + 128 * 1024), 18);
	CHECK_EQ(shift(8 * GIB, 256 * GIB), 18);
	CHECK_EQ(shift(8 * GIB, 1024 * GIB), 20);
	CHECK_EQ(shift(8 * GIB, 10240 * GIB), 20);
	CHECK_EQ(shift(256 * MIB, 64 * GIB), 17);
	CHECK_EQ(shift(64 * MIB, 64 * GIB), 19);
	CHECK_EQ(shift(16 * MIB - 512, 8 * MIB), 20);
}

static const struct tap_case cases[] = {
	{ "regions", regions },
};
TAP_MAIN(cases)
