// SPDX-License-Identifier: GPL-2.0
/* Tables for people and for scripts: --output chooses columns, --noheadings leaves the first line out. */
#include <libsmartcols/libsmartcols.h>

#include "table.h"

enum { KEY_OUTPUT = 'o', KEY_NOHEADINGS = 0x2000 };

const struct argp_option table_options[] = {
	{ "output", KEY_OUTPUT, "COLUMNS", 0, "which columns, separated by commas; 'help' lists them", 70 },
	{ "noheadings", KEY_NOHEADINGS, NULL, 0, "no line with the names of the columns", 70 },
	{ 0 },
};

static size_t count(const struct table_column *c)
{
	size_t n = 0;

	while (c[n].name)
		n++;
	return n;
}

static int find(const struct table_column *c, const char *name, size_t len)
{
	int i;

	for (i = 0; c[i].name; i++)
		if (!strncasecmp(c[i].name, name, len) && !c[i].name[len])
			return i;
	return -1;
}

static void list(const struct table_column *c)
{
	for (; c->name; c++)
		printf("%-10s %s\n", c->name, c->help);
	flush_stdout();
	exit(EXIT_OK);
}

static int choose(struct table *t, const char *arg, struct argp_state *state)
{
	const char *end;
	int i;

	if (!strcmp(arg, "help"))
		list(t->columns);
	for (t->nchosen = 0;; arg = end + 1) {
		end = strchrnul(arg, ',');
		i = find(t->columns, arg, end - arg);
		if (i < 0)
			argp_error(state, "--output: there is no column '%.*s'; to list them: --output help",
				   (int)(end - arg), arg);
		if (t->nchosen == TABLE_COLUMNS_MAX)
			argp_error(state, "--output: more than %d columns", TABLE_COLUMNS_MAX);
		t->chosen[t->nchosen++] = i;
		if (!*end)
			return 0;
	}
}

error_t table_parse(int key, char *arg, struct argp_state *state, struct table *t)
{
	switch (key) {
	case KEY_OUTPUT:
		return choose(t, arg, state);
	case KEY_NOHEADINGS:
		t->noheadings = true;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

bool table_is_asked_for(const struct table *t)
{
	return t->nchosen || t->noheadings;
}

int table_begin(struct table *t)
{
	const struct table_column *c;
	size_t i;

	t->all = count(t->columns);
	for (i = 0; !t->nchosen && i < t->all; i++)
		t->chosen[i] = i;
	t->nchosen = t->nchosen ?: t->all;
	t->table = scols_new_table();
	for (i = 0; t->table && i < t->nchosen; i++) {
		c = &t->columns[t->chosen[i]];
		if (!scols_table_new_column(t->table, c->name, 0, c->right ? SCOLS_FL_RIGHT : 0))
			return fail(EXIT_FAILED, NULL, "out of memory");
	}
	if (!t->table)
		return fail(EXIT_FAILED, NULL, "out of memory");
	scols_table_enable_noheadings(t->table, t->noheadings);
	/* A pipe has no width: nothing is cut off for it. */
	scols_table_enable_nowrap(t->table, 1);
	return 0;
}

/* One value for each column there is, "" for none. */
void table_row(struct table *t, const char *const *values)
{
	struct libscols_line *line = scols_table_new_line(t->table, NULL);
	size_t i;

	for (i = 0; line && i < t->nchosen; i++)
		scols_line_set_data(line, i, values[t->chosen[i]]);
}

void table_end(struct table *t)
{
	scols_print_table(t->table);
	scols_unref_table(t->table);
	t->table = NULL;
}
