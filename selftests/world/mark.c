// SPDX-License-Identifier: GPL-2.0
#include "mark.h"

const struct world_mark_info mark_info[MARK_NR] = {
#define X(name, req, text) { #name, text, req },
	WORLD_MARKS(X)
#undef X
};

unsigned long long mark_count[MARK_NR];
