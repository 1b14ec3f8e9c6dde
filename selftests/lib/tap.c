// SPDX-License-Identifier: GPL-2.0
#include "tap.h"

jmp_buf tap_jmp;

static int asserts, asserts_expected, in_case;

void rblk_assert_failed(const char *what, const char *file, int line)
{
	asserts++;
	if (asserts_expected)
		return;
	printf("# %s:%d: invariant broken: %s\n", file, line, what);
	if (!in_case)
		abort();
	longjmp(tap_jmp, 1);
}

void tap_expect_asserts(void)
{
	asserts_expected = 1;
}

int tap_asserts(void)
{
	return asserts;
}

static int wanted(int argc, char **argv, const char *name)
{
	int i;

	if (argc < 2)
		return 1;
	for (i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return 1;
	return 0;
}

int tap_main(int argc, char **argv, const struct tap_case *cases, size_t n)
{
	volatile size_t i, ran = 0, failed = 0;

	printf("TAP version 13\n");
	for (i = 0; i < n; i++) {
		if (!wanted(argc, argv, cases[i].name))
			continue;
		ran++;
		asserts = 0;
		asserts_expected = 0;
		in_case = 1;
		if (setjmp(tap_jmp)) {
			printf("not ok %zu %s\n", (size_t)ran, cases[i].name);
			failed++;
		} else {
			cases[i].run();
			printf("ok %zu %s\n", (size_t)ran, cases[i].name);
		}
		in_case = 0;
		fflush(stdout);
	}
	printf("1..%zu\n", (size_t)ran);
	return failed || !ran;
}
