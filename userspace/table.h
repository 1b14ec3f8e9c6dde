/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RAFTBLK_TABLE_H
#define RAFTBLK_TABLE_H

#include "tool.h"

#define TABLE_COLUMNS_MAX	16

struct table_column {
	const char *name, *help;
	bool right;			/* a number */
};

struct table {
	const struct table_column *columns;	/* up to one without a name */
	bool noheadings;
	size_t all, nchosen;
	unsigned char chosen[TABLE_COLUMNS_MAX];
	struct libscols_table *table;
};

extern const struct argp_option table_options[];	/* --output and --noheadings */

error_t table_parse(int key, char *arg, struct argp_state *state, struct table *t);
bool table_is_asked_for(const struct table *t);		/* by one of the options */
int table_begin(struct table *t);			/* returns an exit code */
void table_row(struct table *t, const char *const *values);
void table_end(struct table *t);

#endif /* RAFTBLK_TABLE_H */
