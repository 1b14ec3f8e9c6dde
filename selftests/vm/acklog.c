// SPDX-License-Identifier: GPL-2.0
/*
 * acklog writes numbered blocks and says which of them were acknowledged. Later it
 * checks that they are there. Its output is read on another machine, so what it
 * printed before its machine died is what was acknowledged.
 *
 *   acklog write FILE SEED COUNT [PAUSE]	prints "NUMBER MICROSECONDS" for each block
 *   acklog check FILE SEED COUNT		checks blocks 0 .. COUNT - 1
 *
 * FILE is a file or a block device. Blocks have 4 KiB and are written with O_DIRECT
 * and O_DSYNC. A file has to be large enough already, or be on a file system that
 * journals changes of sizes. PAUSE, in microseconds, is the time between two writes.
 * The exit code is 0, 1 if a write failed or a block is wrong, or 2 for wrong usage.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096
#define WORDS (BLOCK / sizeof(uint64_t))

static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ULL;
	return x ^ x >> 33;
}

static void fill(uint64_t *b, uint64_t seed, uint64_t number)
{
	size_t i;

	b[0] = number;
	b[1] = seed;
	for (i = 2; i < WORDS; i++)
		b[i] = mix(seed * 1000003 + number * WORDS + i);
}

static uint64_t usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int do_write(int fd, uint64_t *b, uint64_t seed, uint64_t count, useconds_t pause)
{
	uint64_t i, began;

	for (i = 0; i < count; i++) {
		fill(b, seed, i);
		began = usec();
		if (pwrite(fd, b, BLOCK, (off_t)(i * BLOCK)) != BLOCK) {
			fprintf(stderr, "acklog: block %" PRIu64 ": %s\n", i, strerror(errno));
			return 1;
		}
		printf("%" PRIu64 " %" PRIu64 "\n", i, usec() - began);
		fflush(stdout);
		if (pause)
			usleep(pause);
	}
	return 0;
}

static int do_check(int fd, uint64_t *b, uint64_t *want, uint64_t seed, uint64_t count)
{
	uint64_t i, bad = 0;
	ssize_t n;

	for (i = 0; i < count; i++) {
		fill(want, seed, i);
		n = pread(fd, b, BLOCK, (off_t)(i * BLOCK));
		if (n != BLOCK || memcmp(b, want, BLOCK)) {
			if (!bad++)
				fprintf(stderr, "acklog: block %" PRIu64 " %s\n", i,
					n < 0 ? strerror(errno) : n != BLOCK ? "is missing" :
					b[1] != seed || b[0] != i ? "holds something else" :
					"is damaged");
		}
	}
	printf("%" PRIu64 " of %" PRIu64 " blocks as written\n", count - bad, count);
	return bad != 0;
}

int main(int argc, char **argv)
{
	uint64_t seed, count, *b, *want;
	int fd, writing;

	if (argc < 5 || (strcmp(argv[1], "write") && strcmp(argv[1], "check"))) {
		fprintf(stderr, "usage: acklog write|check FILE SEED COUNT [PAUSE]\n");
		return 2;
	}
	writing = argv[1][0] == 'w';
	seed = strtoull(argv[3], NULL, 0);
	count = strtoull(argv[4], NULL, 0);
	fd = open(argv[2], (writing ? O_RDWR | O_CREAT | O_DSYNC : O_RDONLY) | O_DIRECT, 0644);
	if (fd < 0) {
		fprintf(stderr, "acklog: %s: %s\n", argv[2], strerror(errno));
		return 1;
	}
	if (posix_memalign((void **)&b, BLOCK, BLOCK) ||
	    posix_memalign((void **)&want, BLOCK, BLOCK))
		return 1;
	if (writing)
		return do_write(fd, b, seed, count,
				argc > 5 ? (useconds_t)strtoul(argv[5], NULL, 0) : 0);
	return do_check(fd, b, want, seed, count);
}
