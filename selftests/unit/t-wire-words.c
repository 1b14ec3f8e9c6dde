// SPDX-License-Identifier: GPL-2.0
/* What people are told of the reason for which a connection is refused. */
#include "tap.h"
#include "wire/wire.h"

/* Each reason has words and a step of its own. */
static void test_reasons(void)
{
	u32 i, k;

	for (i = 1; i < WIRE_R_NR; i++) {
		CHECK(strcmp(rblk_wire_reason_text(i), rblk_wire_reason_text(0)));
		CHECK(strcmp(rblk_wire_reason_step(i), rblk_wire_reason_step(0)));
		for (k = 1; k < i; k++) {
			CHECK(strcmp(rblk_wire_reason_text(i), rblk_wire_reason_text(k)));
			CHECK(strcmp(rblk_wire_reason_step(i), rblk_wire_reason_step(k)));
		}
	}
}

/* What is no reason, or one of a later version, has words as well. */
static void test_unknown_reasons(void)
{
	u32 i;

	CHECK_STREQ(rblk_wire_reason_text(0), "unknown reason");
	CHECK_STREQ(rblk_wire_reason_step(0), "the kernel log of the other node may say more");
	for (i = WIRE_R_NR; i < 256; i++) {
		CHECK_STREQ(rblk_wire_reason_text(i), rblk_wire_reason_text(0));
		CHECK_STREQ(rblk_wire_reason_step(i), rblk_wire_reason_step(0));
	}
}

static const struct tap_case cases[] = {
	{ "reasons", test_reasons },
	{ "unknown_reasons", test_unknown_reasons },
};

TAP_MAIN(cases)
