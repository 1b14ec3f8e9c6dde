// SPDX-License-Identifier: GPL-2.0
/*
 * cutdisk - a disk with a volatile write cache, for one guest, over NBD.
 *
 *   cutdisk IMAGE NBD-SOCKET CONTROL-SOCKET      prints its pid, goes on behind
 *
 * The image holds what the guest sees. Beside it, in memory, stands what the
 * disk would have lost: for each write since the last flush the bytes before
 * and after. A flush forgets the list; FUA does so for what the write
 * overlaps. At a cut the list is undone, newest first, and then each write is
 * kept, lost, or torn at random, in order: that is a disk which wrote its
 * cache back in any order it liked, and stopped in the middle.
 *
 * Control: "cut SEED" or "status"; the answer is one line, "ok ..." or
 * "error ...", also while the guest is in the middle of a request: a machine
 * that was stopped there says no more. After a cut the disk answers nothing
 * until the guest's connection has gone: no request of the dead machine may
 * land.
 *
 * A connection that ends without a cut is a machine that crashed beside a
 * disk with power: the list is forgotten.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SECTOR			512
#define MAX_REQUEST		(32u << 20)
#define CACHE_LIMIT		(64u << 20)	/* both copies of each write */

/* NBD, fixed newstyle: doc/proto.md of the NBD project */
#define NBD_MAGIC		0x4e42444d41474943ULL	/* "NBDMAGIC" */
#define NBD_OPTION_MAGIC	0x49484156454f5054ULL	/* "IHAVEOPT" */
#define NBD_OPTION_REPLY	0x0003e889045565a9ULL
#define NBD_REQUEST_MAGIC	0x25609513u
#define NBD_REPLY_MAGIC		0x67446698u
#define NBD_FLAG_FIXED_NEWSTYLE	1u
#define NBD_FLAG_NO_ZEROES	2u
#define NBD_OPT_EXPORT_NAME	1u
#define NBD_OPT_ABORT		2u
#define NBD_OPT_INFO		6u
#define NBD_OPT_GO		7u
#define NBD_REP_ACK		1u
#define NBD_REP_INFO		3u
#define NBD_REP_ERR_UNSUP	0x80000001u
#define NBD_INFO_EXPORT		0
#define NBD_INFO_BLOCK_SIZE	3
#define NBD_TRANSMISSION	(1u | 1u << 2 | 1u << 3 | 1u << 5 | 1u << 6)
#define NBD_CMD_FLAG_FUA	1u

enum { CMD_READ, CMD_WRITE, CMD_DISC, CMD_FLUSH, CMD_TRIM, CMD_CACHE, CMD_ZEROES };

struct __attribute__((packed)) request {
	uint32_t magic;
	uint16_t flags, type;
	uint64_t handle, offset;
	uint32_t len;
};

struct __attribute__((packed)) reply {
	uint32_t magic, error;
	uint64_t handle;
};

/* A write the disk has not made durable: old bytes, then new bytes. */
struct pending {
	struct pending *older, *newer;
	uint64_t offset;
	uint32_t len;
	unsigned char bytes[];
};

static struct disk {
	int image, control;
	uint64_t size;
	struct pending *oldest, *newest;
	uint64_t cached;		/* bytes held in the list */
	unsigned int writes, overflows;
	bool dead;			/* cut, until the guest is gone */
} disk;

static unsigned char buffer[MAX_REQUEST];

/* -- the cache ------------------------------------------------------------ */

static void forget(struct pending *p)
{
	if (p->older)
		p->older->newer = p->newer;
	else
		disk.oldest = p->newer;
	if (p->newer)
		p->newer->older = p->older;
	else
		disk.newest = p->older;
	disk.cached -= 2ull * p->len;
	disk.writes--;
	free(p);
}

static void forget_all(void)
{
	while (disk.oldest)
		forget(disk.oldest);
}

static int image_write(uint64_t offset, const void *data, uint32_t len)
{
	return pwrite(disk.image, data, len, offset) == (ssize_t)len ? 0 : EIO;
}

static int cached_write(uint64_t offset, const void *data, uint32_t len)
{
	struct pending *p;

	/* A full cache is written back: legal at any time, and rare. */
	if (disk.cached + 2ull * len > CACHE_LIMIT) {
		forget_all();
		disk.overflows++;
	}
	p = malloc(sizeof(*p) + 2ull * len);
	if (!p)
		return ENOMEM;
	p->offset = offset;
	p->len = len;
	if (pread(disk.image, p->bytes, len, offset) != (ssize_t)len) {
		free(p);
		return EIO;
	}
	memcpy(p->bytes + len, data, len);
	p->newer = NULL;
	p->older = disk.newest;
	if (disk.newest)
		disk.newest->newer = p;
	else
		disk.oldest = p;
	disk.newest = p;
	disk.cached += 2ull * len;
	disk.writes++;
	return image_write(offset, data, len);
}

/*
 * FUA makes the range durable as it is now. A pending older write that overlaps it
 * must neither be undone nor redone there any more. On a real disk, its parts
 * outside of the range might stay volatile; here all of it becomes durable and, for
 * the same reason, everything that overlaps it. A disk may always write back more
 * than it was asked to.
 */
static void make_durable(uint64_t start, uint64_t end)
{
	struct pending *p = disk.newest;

	while (p) {
		uint64_t p_end = p->offset + p->len;
		struct pending *older = p->older;

		if (p->offset >= end || p_end <= start) {
			p = older;
			continue;
		}
		if (p->offset < start || p_end > end) {
			start = p->offset < start ? p->offset : start;
			end = p_end > end ? p_end : end;
			forget(p);
			p = disk.newest;	/* the range grew: look again */
			continue;
		}
		forget(p);
		p = older;
	}
}

static int durable_write(uint64_t offset, const void *data, uint32_t len)
{
	int err = image_write(offset, data, len);

	if (!err)
		make_durable(offset, offset + len);
	return err;
}

/* splitmix64: the same seed gives the same losses everywhere */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static void tear(const struct pending *p, uint64_t *state)
{
	uint32_t at;

	for (at = 0; at < p->len; at += SECTOR) {
		uint32_t n = p->len - at < SECTOR ? p->len - at : SECTOR;

		if (next_random(state) & 1)
			image_write(p->offset + at, p->bytes + p->len + at, n);
	}
}

static void cut(uint64_t seed, char *answer, size_t size)
{
	unsigned int kept = 0, lost = 0, torn = 0;
	uint64_t state = seed;
	struct pending *p;

	for (p = disk.newest; p; p = p->older)
		image_write(p->offset, p->bytes, p->len);
	for (p = disk.oldest; p; p = p->newer) {
		unsigned int choice = next_random(&state) % 3;

		if (choice == 2 && p->len > SECTOR) {
			tear(p, &state);
			torn++;
		} else if (choice & 1) {
			image_write(p->offset, p->bytes + p->len, p->len);
			kept++;
		} else {
			lost++;
		}
	}
	forget_all();
	disk.dead = true;
	snprintf(answer, size, "ok unflushed %u kept %u lost %u torn %u\n",
		 kept + lost + torn, kept, lost, torn);
}

/* -- control -------------------------------------------------------------- */

static void serve_control(void)
{
	char line[128] = "", answer[128] = "error unknown request\n";
	int fd = accept4(disk.control, NULL, NULL, SOCK_CLOEXEC);
	unsigned long long seed;
	ssize_t n;

	if (fd < 0)
		return;
	n = read(fd, line, sizeof(line) - 1);
	if (n > 0 && sscanf(line, "cut %llu", &seed) == 1)
		cut(seed, answer, sizeof(answer));
	else if (n > 0 && !strncmp(line, "status", 6))
		snprintf(answer, sizeof(answer), "ok writes %u bytes %llu overflows %u\n",
			 disk.writes, (unsigned long long)disk.cached / 2, disk.overflows);
	send(fd, answer, strlen(answer), 0);	/* it fits, or nobody listens any more */
	close(fd);
}

/* -- NBD -------------------------------------------------------------------- */

/*
 * Waits for the guest, which may have been stopped for good, and serves control
 * meanwhile. Control comes first, so that a cut is not overtaken by what waits in the
 * guest's socket, and not by its end. Returns false once the disk is dead.
 */
static bool guest_ready(int fd, short events)
{
	while (!disk.dead) {
		struct pollfd p[2] = { { disk.control, POLLIN, 0 }, { fd, events, 0 } };

		if (poll(p, 2, -1) < 0)
			continue;
		if (p[0].revents)
			serve_control();
		else if (p[1].revents)
			return true;
	}
	return false;
}

/* @events: POLLIN to receive, POLLOUT to send. */
static bool transfer(int fd, short events, char *buf, size_t len)
{
	size_t done = 0;

	while (done < len && guest_ready(fd, events)) {
		ssize_t n = events == POLLIN ?
			    recv(fd, buf + done, len - done, MSG_DONTWAIT) :
			    send(fd, buf + done, len - done, MSG_DONTWAIT);

		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return false;
		done += n;
	}
	return done == len;
}

static bool read_full(int fd, void *buf, size_t len)
{
	return transfer(fd, POLLIN, buf, len);
}

static bool write_full(int fd, const void *buf, size_t len)
{
	return transfer(fd, POLLOUT, (char *)buf, len);
}

static bool option_reply(int fd, uint32_t option, uint32_t type, const void *data, uint32_t len)
{
	struct __attribute__((packed)) {
		uint64_t magic;
		uint32_t option, type, len;
	} r = { htobe64(NBD_OPTION_REPLY), htobe32(option), htobe32(type), htobe32(len) };

	return write_full(fd, &r, sizeof(r)) && write_full(fd, data, len);
}

static bool send_info(int fd, uint32_t option)
{
	struct __attribute__((packed)) {
		uint16_t type;
		uint64_t size;
		uint16_t flags;
	} export = { htobe16(NBD_INFO_EXPORT), htobe64(disk.size), htobe16(NBD_TRANSMISSION) };
	struct __attribute__((packed)) {
		uint16_t type;
		uint32_t min, preferred, max;
	} block = { htobe16(NBD_INFO_BLOCK_SIZE), htobe32(SECTOR), htobe32(4096),
		    htobe32(MAX_REQUEST) };

	return option_reply(fd, option, NBD_REP_INFO, &export, sizeof(export)) &&
	       option_reply(fd, option, NBD_REP_INFO, &block, sizeof(block)) &&
	       option_reply(fd, option, NBD_REP_ACK, NULL, 0);
}

static bool send_export(int fd, bool zeroes)
{
	struct __attribute__((packed)) {
		uint64_t size;
		uint16_t flags;
		char zeroes[124];
	} r = { .size = htobe64(disk.size), .flags = htobe16(NBD_TRANSMISSION) };

	return write_full(fd, &r, zeroes ? sizeof(r) : 10);
}

/* Returns whether the guest may now send requests. */
static bool negotiate(int fd)
{
	struct __attribute__((packed)) {
		uint64_t magic, option_magic;
		uint16_t flags;
	} hello = { htobe64(NBD_MAGIC), htobe64(NBD_OPTION_MAGIC),
		    htobe16(NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES) };
	struct __attribute__((packed)) {
		uint64_t magic;
		uint32_t option, len;
	} o;
	uint32_t client;

	if (!write_full(fd, &hello, sizeof(hello)) || !read_full(fd, &client, sizeof(client)))
		return false;
	client = be32toh(client);
	while (read_full(fd, &o, sizeof(o))) {
		uint32_t option = be32toh(o.option), len = be32toh(o.len);

		if (be64toh(o.magic) != NBD_OPTION_MAGIC || len > sizeof(buffer) ||
		    !read_full(fd, buffer, len))
			return false;
		if (option == NBD_OPT_EXPORT_NAME)
			return send_export(fd, !(client & NBD_FLAG_NO_ZEROES));
		if (option == NBD_OPT_GO)
			return send_info(fd, option);
		if (option == NBD_OPT_INFO) {
			if (!send_info(fd, option))
				return false;
		} else if (!option_reply(fd, option, option == NBD_OPT_ABORT ? NBD_REP_ACK :
					 NBD_REP_ERR_UNSUP, NULL, 0) ||
			   option == NBD_OPT_ABORT) {
			return false;
		}
	}
	return false;
}

static int write_zeroes(uint64_t offset, uint32_t len, bool fua)
{
	static const unsigned char zeroes[1 << 20];
	int err = 0;

	while (len && !err) {
		uint32_t n = len < sizeof(zeroes) ? len : sizeof(zeroes);

		err = fua ? durable_write(offset, zeroes, n) : cached_write(offset, zeroes, n);
		offset += n;
		len -= n;
	}
	return err;
}

static int perform(const struct request *rq, uint64_t offset, uint32_t len)
{
	bool fua = be16toh(rq->flags) & NBD_CMD_FLAG_FUA;

	if (offset > disk.size || len > disk.size - offset)
		return EINVAL;
	switch (be16toh(rq->type)) {
	case CMD_READ:
		return pread(disk.image, buffer, len, offset) == (ssize_t)len ? 0 : EIO;
	case CMD_WRITE:
		return fua ? durable_write(offset, buffer, len) :
			     cached_write(offset, buffer, len);
	case CMD_FLUSH:
		forget_all();
		return 0;
	case CMD_TRIM:		/* a hint: content stays */
		return 0;
	case CMD_ZEROES:
		return write_zeroes(offset, len, fua);
	default:
		return EINVAL;
	}
}

/* One request; false when the connection is over. */
static bool serve_request(int fd)
{
	struct request rq;
	struct reply r = { .magic = htobe32(NBD_REPLY_MAGIC) };
	uint16_t type;
	uint32_t len;

	if (!read_full(fd, &rq, sizeof(rq)) || be32toh(rq.magic) != NBD_REQUEST_MAGIC)
		return false;
	type = be16toh(rq.type);
	len = be32toh(rq.len);
	if (type == CMD_DISC || (len > sizeof(buffer) && (type == CMD_READ || type == CMD_WRITE)))
		return false;
	if (type == CMD_WRITE && !read_full(fd, buffer, len))
		return false;
	r.error = htobe32(perform(&rq, be64toh(rq.offset), len));
	r.handle = rq.handle;
	if (!write_full(fd, &r, sizeof(r)))
		return false;
	return type != CMD_READ || r.error || write_full(fd, buffer, len);
}

/* -- start ---------------------------------------------------------- */

static int listen_on(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(sun.sun_path)) {
		fprintf(stderr, "cutdisk: %s: path too long\n", path);
		exit(1);
	}
	strcpy(sun.sun_path, path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) || listen(fd, 8)) {
		fprintf(stderr, "cutdisk: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	return fd;
}

/* A guest is connected; returns when it has gone. */
static void serve_guest(int fd)
{
	bool open = negotiate(fd);

	while (open)
		open = serve_request(fd);
	while (disk.dead) {
		struct pollfd p[2] = { { disk.control, POLLIN, 0 }, { fd, 0, 0 } };

		if (poll(p, 2, -1) < 0)
			continue;
		if (p[0].revents)
			serve_control();
		else if (p[1].revents & (POLLHUP | POLLERR))
			disk.dead = false;
	}
	close(fd);
	forget_all();
}

static void serve_forever(int nbd)
{
	for (;;) {
		struct pollfd p[2] = { { disk.control, POLLIN, 0 }, { nbd, POLLIN, 0 } };
		int fd;

		if (poll(p, 2, -1) < 0)
			continue;
		if (p[0].revents) {
			serve_control();
			disk.dead = false;
			continue;
		}
		fd = accept4(nbd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			serve_guest(fd);
	}
}

int main(int argc, char **argv)
{
	struct stat st;
	int nbd;
	pid_t pid;

	if (argc != 4) {
		fprintf(stderr, "usage: cutdisk IMAGE NBD-SOCKET CONTROL-SOCKET\n");
		return 2;
	}
	disk.image = open(argv[1], O_RDWR | O_CLOEXEC);
	if (disk.image < 0 || fstat(disk.image, &st)) {
		fprintf(stderr, "cutdisk: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	disk.size = st.st_size;
	nbd = listen_on(argv[2]);
	disk.control = listen_on(argv[3]);
	signal(SIGPIPE, SIG_IGN);
	pid = fork();
	if (pid < 0)
		return 1;
	if (pid) {
		printf("%d\n", pid);
		return 0;
	}
	setsid();
	for (int i = 0; i < 3; i++) {
		close(i);
		open("/dev/null", O_RDWR);
	}
	serve_forever(nbd);
}
