// SPDX-License-Identifier: GPL-2.0
/*
 * netns NAME COMMAND [ARGS]: runs a command in a named network namespace.
 *
 * "ip netns exec" also gives the command mounts of its own. Under emulation that, and
 * loading the libraries of ip, is half of what a call of the raftblk tool takes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char path[256];
	int fd;

	if (argc < 3) {
		fprintf(stderr, "usage: netns NAME COMMAND [ARGS]\n");
		return 2;
	}
	snprintf(path, sizeof(path), "/run/netns/%s", argv[1]);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET)) {
		fprintf(stderr, "netns: %s: %s\n", path, strerror(errno));
		return 125;
	}
	execvp(argv[2], argv + 2);
	fprintf(stderr, "netns: %s: %s\n", argv[2], strerror(errno));
	return 127;
}
