// SPDX-License-Identifier: GPL-2.0
/*
 * What "raftblk hold" does is in a file, for the other commands: /run/raftblk/VOLUME@NODE.hold. It is
 * replaced with each change, and locked as long as the program lives.
 */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "hold.h"
#include "status.h"

#define SUFFIX	".hold"

const char *hold_state_dir(void)
{
	const char *dir = getenv("RAFTBLK_RUN_DIR");

	dir = dir ? dir : "/run/raftblk";
	mkdir(dir, 0755);
	return dir;
}

static struct json_object *describe(const struct hold *h, const char *node, const char *text)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "event", json_object_new_string("hold"));
	json_object_object_add(o, "volume", json_object_new_string(h->name));
	json_object_object_add(o, "node", json_object_new_string(node));
	json_object_object_add(o, "text", json_object_new_string(text));
	/* For whoever reads it in another one: two volumes there may have one name. */
	json_object_object_add(o, "netns", json_object_new_uint64(ju(h->status, "netns") ?: netns_here()));
	json_object_object_add(o, "since", json_object_new_int64(time(NULL)));
	json_object_object_add(o, "pid", json_object_new_int64(getpid()));
	if (h->trouble[0])
		json_object_object_add(o, "trouble", json_object_new_string(h->trouble));
	return o;
}

/* A file that cannot be written does not keep a service from running. */
void hold_state_write(struct hold *h, const char *text)
{
	const char *dir = hold_state_dir(), *node = h->status ? jstr(h->status, "node") : "";
	char new[sizeof(h->state_path) + 8];
	struct json_object *o;
	int fd;

	if (!node[0])
		return;
	snprintf(h->state_path, sizeof(h->state_path), "%s/%s@%s" SUFFIX, dir, h->name, node);
	snprintf(new, sizeof(new), "%s.new", h->state_path);
	fd = open(new, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return;
	o = describe(h, node, text);
	if (flock(fd, LOCK_EX | LOCK_NB) || json_object_to_fd(fd, o, 0) || rename(new, h->state_path)) {
		close(fd);
	} else {
		if (h->state_fd >= 0)
			close(h->state_fd);
		h->state_fd = fd;
	}
	json_object_put(o);
}

void hold_state_end(struct hold *h)
{
	if (h->state_fd < 0)
		return;
	unlink(h->state_path);
	close(h->state_fd);
}

/* What @name in the directory has, or NULL: it is not one of those, or nobody has it locked. */
struct json_object *hold_state_read(const char *name)
{
	size_t n = strlen(name), s = strlen(SUFFIX);
	struct json_object *o = NULL;
	char path[512];
	int fd;

	if (n < s || strcmp(name + n - s, SUFFIX))
		return NULL;
	snprintf(path, sizeof(path), "%s/%s", hold_state_dir(), name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	if (flock(fd, LOCK_SH | LOCK_NB))
		o = json_object_from_fd(fd);
	close(fd);
	netns_hide(o);
	return o;
}

void hold_state_add(struct json_object *status)
{
	char name[2 * RBLK_NAME_MAX + 8];
	struct json_object *o;

	snprintf(name, sizeof(name), "%s@%s" SUFFIX, jstr(status, "volume"), jstr(status, "node"));
	o = hold_state_read(name);
	if (!o)
		return;
	json_object_object_del(o, "event");
	json_object_object_del(o, "volume");
	json_object_object_del(o, "node");
	json_object_object_del(o, "netns");
	json_object_object_add(status, "hold", o);
}
