/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KTAP for the userspace unit tests: a table of cases, one line a case. A
 * failed check names its place and ends the case; the program's exit code is 1
 * when a case failed. With arguments, only the cases named run.
 */
#ifndef RAFTBLK_TAP_H
#define RAFTBLK_TAP_H

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tap_case {
	const char *name;
	void (*run)(void);
};

extern jmp_buf tap_jmp;

#define CHECK(cond)							\
	do {								\
		if (!(cond)) {						\
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond); \
			longjmp(tap_jmp, 1);				\
		}							\
	} while (0)

#define CHECK_EQ(a, b)							\
	do {								\
		long long _a = (long long)(a), _b = (long long)(b);	\
		if (_a != _b) {						\
			printf("# %s:%d: %s is %lld (0x%llx), not %s = %lld (0x%llx)\n", \
			       __FILE__, __LINE__, #a, _a, _a, #b, _b, _b); \
			longjmp(tap_jmp, 1);				\
		}							\
	} while (0)

#define CHECK_STREQ(a, b)						\
	do {								\
		const char *_a = (a), *_b = (b);			\
		if (strcmp(_a, _b)) {					\
			printf("# %s:%d: \"%s\" is not \"%s\"\n",	\
			       __FILE__, __LINE__, _a, _b);		\
			longjmp(tap_jmp, 1);				\
		}							\
	} while (0)

/* Runs the table; returns the exit code. A fired RBLK_ASSERT fails the case. */
int tap_main(int argc, char **argv, const struct tap_case *cases, size_t n);

/* For cases that provoke a broken invariant: expect and count RBLK_ASSERTs. */
void tap_expect_asserts(void);
int tap_asserts(void);

#define TAP_MAIN(cases)							\
	int main(int argc, char **argv)					\
	{								\
		return tap_main(argc, argv, cases, sizeof(cases) / sizeof((cases)[0])); \
	}

#endif
