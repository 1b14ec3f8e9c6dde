/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by the files of the raftblk tool. */
#ifndef RAFTBLK_TOOL_H
#define RAFTBLK_TOOL_H

#include <argp.h>
#include <json.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <uuid/uuid.h>

/* The kernel's headers for userspace declare these, too, as other types of the same size. */
#define __le16 rblk_le16
#define __le32 rblk_le32
#define __le64 rblk_le64
#include "log/log.h"
#undef __le16
#undef __le32
#undef __le64

/* Exit codes: they do not change. */
enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,	/* it was tried and failed, or was refused */
	EXIT_USAGE = 2,		/* wrong command line */
	EXIT_ABSENT = 3,	/* no such volume, file, device, module, host name; not running */
	EXIT_CONFIG = 4,	/* the configuration file is wrong, or not that of the volume that runs */
	EXIT_TIMEOUT = 5,	/* still in progress when --timeout had passed */
};

struct command {
	const char *name;
	const char *args;
	const char *help;
	int (*run)(int argc, char **argv);
};

/* ---- main.c ---- */

/*
 * Prints "raftblk: SUBJECT: ..." to stderr and returns @code. @fmt says what
 * failed: cause; what to do.
 */
__attribute__((format(printf, 3, 4)))
int fail(int code, const char *subject, const char *fmt, ...);
/* From now on fail() keeps the last text in @text instead, until this is called with NULL. */
void fail_keep(char *text, size_t size);
const char *permission_step(void);

void flush_stdout(void);		/* does not return if it cannot */

/* Options that most commands take; the first child parser of their argp. */
struct common {
	const char *volume;	/* its name; or /dev/raftblkN, see cmdline.takes_device */
	const char *config;	/* --config FILE */
	const char *node;	/* --node N */
	bool json;
};

enum { WANT_NO_VOLUME, WANT_VOLUME, MAY_VOLUME };

/* A command line: the volume, and options and arguments that @parse gets; it may be NULL. */
struct cmdline {
	struct common common;
	const struct command *command;
	const struct argp_option *options;
	const char *args_doc;
	const char *doc;
	int volume;		/* WANT_* */
	bool takes_json, takes_config;
	bool takes_device;	/* the volume may be named by its device, in any network namespace */
	struct table *table;	/* what it prints as one, with --output and --noheadings; or NULL */
	int usage_error;	/* exit code of a wrong command line; 0: EXIT_USAGE */
	error_t (*parse)(int key, char *arg, struct argp_state *state, void *ctx);
	void *ctx;
};

void parse_cmdline(struct cmdline *c, int argc, char **argv);

/* ---- address.c ---- */

struct address {
	char host[RBLK_ADDR_MAX];	/* without brackets */
	bool literal;			/* the host is an IP address rather than a name */
	struct sockaddr_in6 sin6;	/* the port; of a literal, the address as well */
};

const char *address_parse(const char *text, struct address *a);
const char *address_resolve(const struct address *a, struct sockaddr_in6 *to, bool *loopback);
bool address_same(const struct address *a, const struct address *b);
bool address_is_loopback(const struct sockaddr_in6 *a);

/* ---- conf.c: /etc/raftblk/VOLUME.conf ---- */

struct conf_node {
	char name[RBLK_NAME_MAX];
	char address[RBLK_ADDR_MAX];	/* as written */
	struct address at;
	char log[256], data[256];
	bool client;			/* it has no devices */
	int line;
};

struct conf {
	char volume[RBLK_NAME_MAX];
	char *path;
	u8 uuid[RBLK_UUID_LEN];
	char uuid_text[37];
	u64 size;		/* bytes; 0: what the smallest data device allows */
	u64 ring_size;		/* 0: as large as the log device allows */
	u32 block_size;
	int minor;		/* -1: any */
	u32 election_ms, io_timeout_ms;
	u32 resync_min;		/* MiB in a second; 0: the default */
	u32 resync_max;		/* MiB in a second; 0: no bound */
	bool shared;
	u64 pool;		/* bytes */
	char self[RBLK_NAME_MAX];
	u32 nnodes;
	struct conf_node node[RBLK_MEMBERS_MAX];
	const struct conf_node *me;	/* NULL: this node is not in the file */
};

/* These print what is wrong to stderr, and return an exit code. */
int conf_load(struct conf *c, const struct common *opt);
int conf_parse(struct conf *c, const struct common *opt, const char *text, size_t len);
int conf_need_me(const struct conf *c);
int conf_resolve(const struct conf *c, const struct conf_node *n, struct sockaddr_in6 *addr);
u32 conf_members(const struct conf *c);		/* nodes that have devices */
void conf_path(char *path, size_t size, const struct common *opt);

/* ---- value.c ---- */

int conf_check_name(const char *what, const char *name, const char **why);
int conf_parse_size(const char *text, u64 *bytes);
#define MINOR_MAX	4095
int parse_device(const char *name);	/* N of /dev/raftblkN; -1: it is something else */
#define TIME_MAX_MS	(24 * 3600 * 1000UL)
#define ELECTION_MIN_MS	50
#define ELECTION_MAX_MS	30000

int conf_parse_ms(const char *text, u32 *ms);
/* Of commands that have something done which takes time. */
#define TIMEOUT_OPTION \
	{ "timeout", 't', "TIME", 0, "stop waiting after TIME; the operation goes on", 2 }

int parse_time(const char *option, const char *arg, u32 least, u32 most, struct argp_state *state,
	       u32 *ms);
const char *time_text(u32 ms, char *buf, size_t size);
u64 now_ms(void);
int conf_parse_election(const char *text, u32 *ms);

/* ---- device.c ---- */

enum thin {
	THIN_NOT,
	THIN_ZEROED,		/* a thin device; what was never written reads as zeroes */
	THIN_UNZEROED,		/* but may not do so any more when something beside it is written */
};

struct device {
	const char *what;	/* "log", "data" */
	const char *path;
	int fd;
	bool file;		/* an image */
	bool direct;		/* to be read past the page cache, which a volume that is up does not fill */
	u64 bytes;
	u32 sector;		/* logical */
	enum thin thin;		/* if it is to be written to */
};

int device_open(struct device *d, const char *volume, bool write);
void device_close(struct device *d);
bool device_in_use(const struct device *d);
int device_number(const char *what, const char *path, const char *volume, u32 *number);
int device_foreign(struct device *d, const char *volume, bool ours);
u64 device_signature(struct device *d);
int device_overlap(const struct device *a, const struct device *b, const char *volume);
int device_zero(struct device *d, u64 off, u64 len, const char *volume);
int device_zero_for(struct device *d, u64 off, u64 len, u64 ms, const char *volume, bool progress,
		    u64 *done);
int device_write(struct device *d, u64 off, const void *buf, size_t len, const char *volume);
int device_sync(struct device *d, const char *volume);
void device_reader(struct device *d, struct log_reader *rd);

/* ---- thin.c ---- */

enum thin device_thin(const struct device *d);
int thin_zero(struct device *d, u64 off, u64 len, const char *volume);

/* ---- users.c ---- */

const char *device_users(u32 minor, char *buf, size_t size, bool *stay);

/* ---- store.c ---- */

/* What raftblk has on a device. */
struct found {
	const char *kind;	/* "log", "data"; NULL: nothing */
	bool left_over;		/* a copy is there, but the beginning is somebody else's */
	int damage;		/* what is wrong with it; the rest is as it seems, then */
	u8 volume[RBLK_UUID_LEN];
	char volume_name[RBLK_NAME_MAX], node[RBLK_NAME_MAX];
	u64 store;
};

void store_find(struct device *d, struct found *s);
bool store_never_used(struct device *log, struct log_super *s, bool *unwritten);
bool store_overwritten(struct device *d, const struct found *s);
const char *store_name(const struct found *s, char *buf, size_t size);

/* ---- verify_offline.c ---- */

int verify_offline(const struct common *opt);

/* ---- version.c ---- */

void version_compare(const char *subject);	/* says so if tool and module do not belong together */

/* ---- nl.c ---- */

struct nl;
struct nlmsghdr;

int nl_open(struct nl **nl, const char *subject);
void nl_close(struct nl *nl);
struct nlmsghdr *nl_request(struct nl *nl, u8 cmd, bool dump);
void nl_put_volume(struct nlmsghdr *nlh, const char *volume);	/* by name or device */
/*
 * Sends the request and waits for the end of the operation @op_id. @text is the
 * text of the event, or of the extended acknowledgment. Returns 0 or -errno;
 * -ETIME: it is still in progress.
 */
int nl_do(struct nl *nl, struct nlmsghdr *nlh, u64 op_id, u32 timeout_ms, char *text,
	  size_t size);
/* Sends "get" and hands over each volume as JSON. 0 or -errno. */
int nl_get(struct nl *nl, const char *volume, int (*fn)(struct json_object *o, void *ctx),
	   void *ctx);
u64 nl_op_id(void);
u64 netns_here(void);
/* Only another network namespace than that of the caller is worth telling. */
void netns_hide(struct json_object *o);
int nl_event_fd(struct nl *nl);
int nl_read_events(struct nl *nl, int (*fn)(struct json_object *o, void *ctx), void *ctx);

/* ---- volume.c ---- */

/* Says what the kernel's error is and what to do about it; returns an exit code. */
int change_failed(const char *volume, const char *what, int err, const char *text, u32 timeout_ms);

/* ---- running.c ---- */

/* What of the configuration the volume with status @o does not run with; "" if there is nothing. */
const char *running_differs(const struct conf *c, struct json_object *o, char *buf, size_t size);
/* ... and of what can be changed while it runs, with "raftblk adjust". */
const char *running_adjustable(const struct conf *c, struct json_object *o, char *buf, size_t size);

struct tunable {
	const char *key;	/* in the file; NULL: the end */
	const char *status;	/* in the status */
	int attr;		/* of a request */
	size_t offset;		/* in struct conf, a u32 */
	u32 mib;		/* if the file does not say */
};
extern const struct tunable tunables[];
u32 tunable_says(const struct tunable *t, const struct conf *c);
bool tunable_differs(const struct tunable *t, const struct conf *c, struct json_object *o);

/* ---- print.c ---- */

const char *paint(const char *colour, FILE *f);	/* "" if @f is not a terminal */
#define BOLD	"\033[1m"
#define RED	"\033[31m"
#define GREEN	"\033[32m"
#define YELLOW	"\033[33m"
#define PLAIN	"\033[0m"
const char *human_bytes(u64 bytes, char *buf, size_t size);
void print_json(struct json_object *o);
/* A status that is older than this: the loop did not answer in time. */
#define STATUS_OLD_MS	1000

void print_status(struct json_object *o);
/* The name of the volume, with its network namespace if that is another one. Returns @buf. */
const char *volume_title(struct json_object *o, char *buf, size_t size);
#define TITLE_MAX	64

/* Values in a status object; 0, "" or false if they are absent. */
struct json_object *js(struct json_object *o, const char *path);
u64 ju(struct json_object *o, const char *path);
const char *jstr(struct json_object *o, const char *path);
bool jb(struct json_object *o, const char *path);

/* ---- commands ---- */

int cmd_new(int argc, char **argv);
int cmd_config(int argc, char **argv);
int cmd_format(int argc, char **argv);
int cmd_up(int argc, char **argv);
int cmd_down(int argc, char **argv);
int cmd_adjust(int argc, char **argv);
int cmd_bootstrap(int argc, char **argv);
int cmd_transfer(int argc, char **argv);
int cmd_take(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_attach(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_sessions(int argc, char **argv);
int cmd_hold(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_why(int argc, char **argv);
int cmd_events(int argc, char **argv);
int cmd_wait(int argc, char **argv);
int cmd_dump(int argc, char **argv);
int cmd_wipe(int argc, char **argv);
int cmd_version(int argc, char **argv);

#endif /* RAFTBLK_TOOL_H */
