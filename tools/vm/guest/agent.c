// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's end of the exec channel.
 *
 * Every virtio-serial port carries one command after the other. A frame is a type
 * byte, three bytes of zero, a little-endian length and the payload. The host
 * opens with the magic and eight random bytes, outside any frame; the answer
 * repeats them, by which the host tells its own session from the remains of
 * one that was cut off.
 *
 *   host: RUN, then STDIN (empty: end of input), WINSIZE, SIGNAL
 *   guest: HELLO, then STDOUT and STDERR, PID, EXIT
 *
 * A host that goes away takes the command with it, as with a terminal; what
 * the command put into the background stays.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

#define MAGIC		"raftblk1"
#define MAGIC_LEN	8
#define NONCE_LEN	8
#define MAX_FRAME	(1 << 20)	/* of RUN; data frames are smaller */
#define CHUNK		32768

enum frame_type {
	FRAME_HELLO = 'H', FRAME_RUN = 'R', FRAME_STDIN = 'I',
	FRAME_WINSIZE = 'W', FRAME_SIGNAL = 'S', FRAME_STDOUT = 'O',
	FRAME_STDERR = 'E', FRAME_PID = 'P', FRAME_EXIT = 'X',
};

enum run_flags { RUN_TTY = 1, RUN_DETACH = 2, RUN_STDIN = 4 };

struct header {
	uint8_t type;
	uint8_t zero[3];
	uint32_t len;
};

struct session {
	int port;
	pid_t pid;
	int pidfd;
	int in, out, err;	/* our ends; -1 when closed */
	int ctty;		/* pty master to resize, or -1 */
	char *pending;		/* input the command has not taken yet */
	size_t pending_len, pending_off;
	char frame[MAX_FRAME];
};

static struct session session;

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* The host is gone or talks nonsense: so goes what it had started. */
static void abandon(void)
{
	if (session.pid > 0)
		kill(-session.pid, SIGKILL);
	_exit(1);
}

/*
 * That a host went comes another way than data, and may come late: after the
 * next host's first frames. So it counts only if no host is there for a while.
 */
static int host_gone(int port)
{
	struct pollfd p = { .fd = port, .events = POLLIN };
	int tries = 50;

	while (tries--) {
		if (poll(&p, 1, 0) < 1 || !(p.revents & POLLHUP))
			return 0;
		usleep(10000);
	}
	return 1;
}

/* A blocking write to a port without a host would sleep until the next host
 * and hand it this one's data: the port is non-blocking.
 */
static void wait_port(int port, short events)
{
	struct pollfd p = { .fd = port, .events = events };

	poll(&p, 1, -1);
	if ((p.revents & POLLHUP) && !(p.revents & events & POLLIN) && host_gone(port))
		abandon();
}

static void read_exactly(int port, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(port, (char *)buf + done, len - done);

		if (n > 0)
			done += n;
		else if (n < 0 && errno == EAGAIN)
			wait_port(port, POLLIN);
		else if (n == 0 ? host_gone(port) : errno != EINTR)
			abandon();
	}
}

static void write_all(int port, const void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(port, (const char *)buf + done, len - done);

		if (n > 0)
			done += n;
		else if (n < 0 && errno == EAGAIN)
			wait_port(port, POLLOUT);
		else if (n == 0 || errno != EINTR)
			abandon();
	}
}

static void send_frame(struct session *s, uint8_t type, const void *data, uint32_t len)
{
	char buf[sizeof(struct header) + CHUNK];
	struct header h = { .type = type, .len = len };

	memcpy(buf, &h, sizeof(h));
	memcpy(buf + sizeof(h), data, len);
	write_all(s->port, buf, sizeof(h) + len);
}

static void send_number(struct session *s, uint8_t type, int32_t number)
{
	send_frame(s, type, &number, sizeof(number));
}

static struct header read_rest(struct session *s, struct header h)
{
	if (h.len >= sizeof(s->frame))
		abandon();
	read_exactly(s->port, s->frame, h.len);
	s->frame[h.len] = '\0';
	return h;
}

static struct header read_frame(struct session *s)
{
	struct header h;

	read_exactly(s->port, &h, sizeof(h));
	return read_rest(s, h);
}

/*
 * Without a host a port always polls as hung up and reads as empty, so an
 * ordinary poll would spin. The kernel wakes the port's waiters when a host
 * connects: an edge-triggered epoll sleeps until then.
 */
static void wait_for_host(int port)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	struct pollfd p = { .fd = port, .events = POLLIN };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	epoll_ctl(ep, EPOLL_CTL_ADD, port, &ev);
	while (poll(&p, 1, 0) < 1 || p.revents != POLLIN)
		epoll_wait(ep, &ev, 1, -1);
	close(ep);
}

/* Behind its MAGIC. */
static void answer_hello(struct session *s)
{
	char nonce[NONCE_LEN];

	read_exactly(s->port, nonce, sizeof(nonce));
	send_frame(s, FRAME_HELLO, nonce, sizeof(nonce));
}

static void handshake(struct session *s)
{
	char window[MAGIC_LEN] = "";

	wait_for_host(s->port);
	while (memcmp(window, MAGIC, MAGIC_LEN)) {
		memmove(window, window + 1, MAGIC_LEN - 1);
		read_exactly(s->port, window + MAGIC_LEN - 1, 1);
	}
	answer_hello(s);
}

/* RUN: flags, rows, columns, number of arguments, then NUL-ended strings:
 * directory, output file of a detached command, arguments, environment.
 */
struct run {
	uint16_t flags, rows, cols, argc;
	char *cwd, *output;
	char **argv, **envp;
};

static void parse_run(char *frame, uint32_t len, struct run *run)
{
	char *p = frame + 8, *end = frame + len;
	size_t max = 3, n = 0;
	char *c, **strings;

	if (len < 8)
		_exit(1);
	memcpy(run, frame, 8);
	for (c = p; c < end; c++)
		max += !*c;
	strings = calloc(max + 1, sizeof(*strings));
	for (; p < end; p += strlen(p) + 1)
		strings[n++] = p;
	if (!run->argc || n < run->argc + 2u)
		_exit(1);
	run->cwd = strings[0];
	run->output = strings[1];
	run->argv = strings + 2;
	run->envp = calloc(n + 1, sizeof(*run->envp));
	memcpy(run->envp, run->argv + run->argc,
	       (n - run->argc - 2) * sizeof(*run->envp));
	run->argv[run->argc] = NULL;
}

static void exec_command(const struct run *run)
{
	signal(SIGPIPE, SIG_DFL);
	if (chdir(run->cwd)) {
		dprintf(2, "chdir %s: %s\n", run->cwd, strerror(errno));
		_exit(126);
	}
	execvpe(run->argv[0], run->argv, run->envp);
	dprintf(2, "%s: %s\n", run->argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static void start_on_pipes(struct session *s, const struct run *run)
{
	int in[2], out[2], err[2];

	if (run->flags & RUN_STDIN) {
		if (pipe2(in, O_CLOEXEC))
			_exit(1);
	} else {
		in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		in[1] = -1;
	}
	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		_exit(1);
	s->pid = fork();
	if (s->pid < 0)
		_exit(1);
	if (s->pid == 0) {
		setsid();
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		exec_command(run);
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	s->in = in[1];
	s->out = out[0];
	s->err = err[0];
}

static void start_on_tty(struct session *s, const struct run *run)
{
	struct winsize size = { .ws_row = run->rows, .ws_col = run->cols };
	int master;

	s->pid = forkpty(&master, NULL, NULL, &size);
	if (s->pid < 0)
		_exit(1);
	if (s->pid == 0)
		exec_command(run);
	fcntl(master, F_SETFD, FD_CLOEXEC);
	s->in = master;
	s->out = dup(master);
	s->ctty = master;
}

/* Two forks: the command becomes a child of init, which reaps it at once. */
static void start_detached(struct session *s, const struct run *run)
{
	char path[64];
	const char *output = run->output;
	pid_t pid = fork();
	int fd;

	if (pid) {
		waitpid(pid, NULL, 0);
		return;
	}
	setsid();
	if (fork())
		_exit(0);
	if (!*output) {
		snprintf(path, sizeof(path), RUN_DIR "/jobs/%d.log", getpid());
		output = path;
	}
	dup2(open("/dev/null", O_RDONLY), 0);
	fd = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	dup2(fd, 1);
	dup2(fd, 2);
	if (fd > 2)
		close(fd);
	setpgid(0, 0);
	send_number(s, FRAME_PID, getpid());
	exec_command(run);
}

/* One frame from the host; the port is readable and no input is pending. */
static void take_frame(struct session *s)
{
	struct header h = read_frame(s);
	struct winsize size = { };

	if (h.type == FRAME_STDIN && h.len) {
		s->pending = s->frame;
		s->pending_len = h.len;
		s->pending_off = 0;
	} else if (h.type == FRAME_STDIN && s->ctty < 0) {
		close_fd(&s->in);
	} else if (h.type == FRAME_SIGNAL && h.len == 1) {
		kill(-s->pid, s->frame[0]);
	} else if (h.type == FRAME_WINSIZE && h.len == 4 && s->ctty >= 0) {
		memcpy(&size, s->frame, 4);
		ioctl(s->ctty, TIOCSWINSZ, &size);
	} else if (!strchr("ISW", h.type)) {
		abandon();
	}
}

static void feed_command(struct session *s)
{
	ssize_t n = write(s->in, s->pending + s->pending_off,
			  s->pending_len - s->pending_off);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {	/* it closed its input: nobody wants the rest */
		if (s->ctty < 0)
			close_fd(&s->in);
		n = s->pending_len - s->pending_off;
	}
	s->pending_off += n;
	if (s->pending_off == s->pending_len)
		s->pending = NULL;
}

/* Returns whether there may be more. */
static bool forward(struct session *s, int *fd, uint8_t type)
{
	char buf[CHUNK];
	ssize_t n = read(*fd, buf, sizeof(buf));

	if (n > 0) {
		send_frame(s, type, buf, n);
		return true;
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		close_fd(fd);	/* a pty gives EIO after the last close */
	return false;
}

/* What it wrote before it ended is all in the pipes; a background process may
 * hold them open, so end of file is not waited for.
 */
static void finish(struct session *s)
{
	int status = 0;

	waitpid(s->pid, &status, 0);
	s->pid = 0;
	while (s->out >= 0 && forward(s, &s->out, FRAME_STDOUT))
		;
	while (s->err >= 0 && forward(s, &s->err, FRAME_STDERR))
		;
	send_number(s, FRAME_EXIT, WIFEXITED(status) ? WEXITSTATUS(status) :
						       128 + WTERMSIG(status));
}

static void set_nonblocking(int fd)
{
	if (fd >= 0)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void pump(struct session *s)
{
	enum { PORT, CHILD, IN, OUT, ERR, NR };

	for (;;) {
		struct pollfd p[NR] = {
			[PORT] = { s->port, s->pending ? 0 : POLLIN, 0 },
			[CHILD] = { s->pidfd, POLLIN, 0 },
			[IN] = { s->pending ? s->in : -1, POLLOUT, 0 },
			[OUT] = { s->out, POLLIN, 0 },
			[ERR] = { s->err, POLLIN, 0 },
		};

		if (s->pending && s->in < 0) {
			s->pending = NULL;
			continue;
		}
		if (poll(p, NR, -1) < 0)
			continue;
		if ((p[PORT].revents & POLLHUP) && host_gone(s->port))
			abandon();
		if (p[OUT].revents)
			forward(s, &s->out, FRAME_STDOUT);
		if (p[ERR].revents)
			forward(s, &s->err, FRAME_STDERR);
		if (p[CHILD].revents) {
			finish(s);
			return;
		}
		if (p[IN].revents)
			feed_command(s);
		if (p[PORT].revents & POLLIN)
			take_frame(s);
	}
}

/* The first number in vport3p1 counts all virtio devices: only the second is
 * known beforehand.
 */
static int open_port(unsigned int port)
{
	char suffix[16], path[300];
	int fd = -1;

	snprintf(suffix, sizeof(suffix), "p%u", port);
	for (;;) {
		DIR *dir = opendir("/dev");
		struct dirent *d;

		while (dir && fd < 0 && (d = readdir(dir))) {
			const char *p = strrchr(d->d_name, 'p');

			if (strncmp(d->d_name, "vport", 5) || strcmp(p, suffix))
				continue;
			snprintf(path, sizeof(path), "/dev/%s", d->d_name);
			fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		}
		if (dir)
			closedir(dir);
		if (fd >= 0)
			return fd;
		usleep(20000);
	}
}

static void end_session(struct session *s, struct run *run)
{
	if (s->in != s->ctty)
		close_fd(&s->in);
	close_fd(&s->ctty);
	close_fd(&s->out);
	close_fd(&s->err);
	close_fd(&s->pidfd);
	free(run->argv - 2);
	free(run->envp);
}

/*
 * A host that hears nothing says hello again, and what was answered may have been
 * another's that has given up: each hello is answered, the last one is of who goes on.
 */
static struct header first_frame(struct session *s)
{
	struct header h;

	for (;;) {
		read_exactly(s->port, &h, sizeof(h));
		if (memcmp(&h, MAGIC, MAGIC_LEN))
			return read_rest(s, h);
		answer_hello(s);
	}
}

static void serve_session(struct session *s)
{
	struct header h = first_frame(s);
	struct run run;

	if (h.type != FRAME_RUN)
		abandon();
	/* take_frame() reuses the buffer, after the command has its copy */
	parse_run(s->frame, h.len, &run);
	if (run.flags & RUN_DETACH) {
		start_detached(s, &run);
		end_session(s, &run);
		return;
	}
	if (run.flags & RUN_TTY)
		start_on_tty(s, &run);
	else
		start_on_pipes(s, &run);
	s->pidfd = syscall(SYS_pidfd_open, s->pid, 0);
	if (s->pidfd < 0)
		abandon();
	set_nonblocking(s->in);
	set_nonblocking(s->out);
	set_nonblocking(s->err);
	send_number(s, FRAME_PID, s->pid);
	pump(s);
	end_session(s, &run);
}

void agent_serve(unsigned int port)
{
	struct session *s = &session;

	signal(SIGPIPE, SIG_IGN);
	s->port = open_port(port);
	/* The port stays open: closing it would lose the next host's hello. */
	for (;;) {
		s->pid = 0;
		s->pending = NULL;
		s->in = s->out = s->err = s->ctty = s->pidfd = -1;
		handshake(s);
		serve_session(s);
	}
}
