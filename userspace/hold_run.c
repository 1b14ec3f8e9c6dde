// SPDX-License-Identifier: GPL-2.0
/*
 * What "raftblk hold" runs: the commands of its user, fsck, mount and umount. Each
 * has a deadline, and none is waited for that hangs in the volume.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hold.h"

#define UMOUNT_MS	10000

/* ---- commands ---- */

static void child(struct hold *h, char *const argv[], bool lost)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0);
	setenv("RAFTBLK_VOLUME", h->name, 1);
	setenv("RAFTBLK_DEVICE", h->device, 1);
	setenv("RAFTBLK_DIR", h->dir ? h->dir : "", 1);
	setenv("RAFTBLK_LOST", lost ? "1" : "", 1);
	unsetenv("NOTIFY_SOCKET");
	execvp(argv[0], argv);
	_exit(127);
}

/*
 * Its exit code; -ETIME: it took too long; -ESTALE: the session was lost meanwhile,
 * so that it can only fail. It is killed then, or left behind if it is stuck in I/O.
 */
static int run(struct hold *h, char *const argv[], u64 ms, bool until_lost, bool lost)
{
	u64 end = now_ms() + ms, looked = now_ms();
	int status, err = 0;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid)
		child(h, argv, lost);
	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (until_lost && now_ms() - looked >= HOLD_RETRY_MS) {
			hold_look(h);
			looked = now_ms();
			err = hold_is_lost(h) ? -ESTALE : 0;
		}
		if (now_ms() >= end)
			err = -ETIME;
		if (err) {
			kill(-pid, SIGKILL);
			usleep(100 * 1000);
			waitpid(pid, &status, WNOHANG);
			return err;
		}
		hold_rest(h, 100);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int hold_run_hook(struct hold *h, const char *what, const char *command, bool until_lost,
		    bool lost)
{
	char *const argv[] = { "sh", "-c", (char *)command, NULL };
	int ret;

	if (!command)
		return 0;
	ret = run(h, argv, h->command_ms, until_lost, lost);
	if (ret == -ETIME)
		fail(0, h->volume, "%s: not over after %u s, killed: %s", what,
		     h->command_ms / 1000, command);
	else if (ret && ret != -ESTALE)
		fail(0, h->volume, "%s: exit code %d: %s", what, ret, command);
	return ret;
}

/* Notes why the service does not run, for the other commands; not if the session was lost. */
void hold_failed(struct hold *h, const char *what, int ret)
{
	if (ret == -ETIME)
		snprintf(h->trouble, sizeof(h->trouble), "%s was not over after %u s", what,
			 h->command_ms / 1000);
	else if (ret && ret != -ESTALE)
		snprintf(h->trouble, sizeof(h->trouble), "%s failed (exit code %d)", what, ret);
}

/* ---- mounting ---- */

static int check_fs(struct hold *h)
{
	char *const argv[] = { "fsck", "-T", "-a", h->device, NULL };
	int ret;

	if (!h->fsck)
		return 0;
	hold_say(h, "checking the file system");
	ret = run(h, argv, 24 * 3600 * 1000ULL, true, false);
	if (ret >= 0 && !(ret & ~1))
		return 0;
	if (ret == -ESTALE)
		return ret;
	fail(0, h->volume, "fsck %s: exit code %d; repair it by hand", h->device, ret);
	snprintf(h->trouble, sizeof(h->trouble),
		 "the file system for %s cannot be repaired automatically (exit code %d of fsck)", h->dir,
		 ret);
	return ret;
}

int hold_mount(struct hold *h)
{
	char *argv[9] = { "mount" };
	int n = 1, ret;

	if (!h->dir)
		return 0;
	ret = check_fs(h);
	if (ret)
		return ret;
	if (h->type) {
		argv[n++] = "-t";
		argv[n++] = (char *)h->type;
	}
	if (h->mount_options) {
		argv[n++] = "-o";
		argv[n++] = (char *)h->mount_options;
	}
	argv[n++] = h->device;
	argv[n++] = (char *)h->dir;
	hold_say(h, "mounting");
	ret = run(h, argv, h->command_ms, true, false);
	/* Killed too late, it may have been mounted all the same. */
	h->mounted = !ret || hold_find_mount(h);
	hold_failed(h, "mount", ret);
	if (ret && ret != -ESTALE)
		fail(0, h->volume, "mount %s %s: exit code %d", h->device, h->dir, ret);
	if (h->mounted && hold_mount_is_hidden(h))
		fail(0, h->volume,
		     "%s is mounted in a mount namespace of its own, and is not seen outside; PrivateMounts=, ProtectSystem= and others in the unit of a service have this effect: leave them out there",
		     h->dir);
	return ret;
}

/*
 * What is left behind by a lazy unmount still has the device open: the session
 * is not given up, or this node stays fenced, until that is gone.
 */
void hold_umount(struct hold *h, bool lost)
{
	char *const plain[] = { "umount", (char *)h->dir, NULL };
	char *const lazy[] = { "umount", "-l", (char *)h->dir, NULL };
	u64 end = now_ms() + UMOUNT_MS;
	int ret;

	if (!h->mounted)
		return;
	do {
		ret = run(h, plain, UMOUNT_MS, false, lost);
		if (ret)
			usleep(500 * 1000);
	} while (ret && hold_find_mount(h) && now_ms() < end);
	h->mounted = ret && hold_find_mount(h);
	if (!h->mounted)
		return;
	fail(0, h->volume, "%s is in use ('fuser -vm %s' tells by whom); unmounted lazily",
	     h->dir, h->dir);
	run(h, lazy, UMOUNT_MS, false, lost);
	h->mounted = hold_find_mount(h);
}
