// SPDX-License-Identifier: GPL-2.0
/*
 * Preloaded into the tool by kernel.py: netlink goes to a program that answers in place of
 * the module. Of libmnl, only the functions that need a netlink socket are replaced.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct mnl_socket {
	int fd;
};

struct mnl_socket *mnl_socket_open2(int bus, int flags)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct mnl_socket *s = calloc(1, sizeof(*s));

	strncpy(to.sun_path, getenv("RAFTBLK_TEST_KERNEL"), sizeof(to.sun_path) - 1);
	s->fd = socket(AF_UNIX, SOCK_SEQPACKET | flags, 0);
	if (s->fd >= 0 && !connect(s->fd, (struct sockaddr *)&to, sizeof(to)))
		return s;
	close(s->fd);
	free(s);
	return NULL;
}

int mnl_socket_bind(struct mnl_socket *s, unsigned int groups, pid_t pid)
{
	return 0;
}

/* A message of one byte, and the same in return: this socket gets events from now on. */
int mnl_socket_setsockopt(const struct mnl_socket *s, int type, void *buf, socklen_t len)
{
	char byte = 'E';

	if (type != NETLINK_ADD_MEMBERSHIP)
		return 0;
	return send(s->fd, &byte, 1, MSG_NOSIGNAL) == 1 && recv(s->fd, &byte, 1, 0) == 1 ? 0 : -1;
}

int mnl_socket_get_fd(const struct mnl_socket *s)
{
	return s->fd;
}

unsigned int mnl_socket_get_portid(const struct mnl_socket *s)
{
	return 0;
}

ssize_t mnl_socket_sendto(const struct mnl_socket *s, const void *buf, size_t len)
{
	return send(s->fd, buf, len, MSG_NOSIGNAL);
}

ssize_t mnl_socket_recvfrom(const struct mnl_socket *s, void *buf, size_t size)
{
	ssize_t n = recv(s->fd, buf, size, 0);

	if (n)
		return n;
	errno = ECONNRESET;
	return -1;
}

int mnl_socket_close(struct mnl_socket *s)
{
	close(s->fd);
	free(s);
	return 0;
}
