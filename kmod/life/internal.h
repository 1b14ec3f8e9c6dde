/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by the files of life/: the loop of a volume, its operations, up and down. */
#ifndef RBLK_LIFE_INTERNAL_H
#define RBLK_LIFE_INTERNAL_H

#include "life/life.h"

#define RBLK_ELECTION_MS_MIN	50
#define RBLK_NOTES_MAX		32

struct dentry;
struct task_struct;

struct rblk_note {
	enum rblk_node_note what;
	u64 arg;
};

struct rblk_op {			/* an operation in progress */
	u64 id;				/* 0: none, or nobody waits for its end */
	u64 deadline;
};

struct rblk_take {			/* take.c; owner */
	bool on;			/* the node asks, or its end remains to be reported */
	int error;			/* -EINPROGRESS while the node asks */
	struct rblk_op told;
	char from[RBLK_NAME_MAX];	/* the node that is being fenced */
};

/* What the devices of a store hold, on its way to the node. */
struct rblk_recovery {
	struct log_reader rd;
	struct log_copies copies;
	struct log_super super;
	struct data_super ds;
	struct rblk_node *m;		/* vmalloc */
	void *pages;			/* vmalloc */
};

struct rblk_life {
	struct rblk_volume *v;
	struct work_struct start_work, stop_work, release_work, attach_work;
	u64 up_op, down_op, attach_op;
	bool attaching;			/* under rblk_volumes_lock */
	struct rblk_store attach;	/* the devices to attach; those that were tried last */
	bool force;			/* "down --force": do not wait for anything */
	struct task_struct *loop;
	void *node_pages;		/* vmalloc */
	struct rblk_node *replica;	/* vmalloc: what a replica that was attached is part of */
	void *replica_pages;		/* vmalloc */
	struct dentry *debugfs, *debugfs_link;

	/* Owner. */
	bool released;			/* the devices of a lost replica are let go of */
	bool data_released;		/* ... or its data device, as it goes on with its log */
	bool data_closed;		/* ... and that was closed since it was attached */
	bool looked;			/* a snapshot was asked for */
	struct rblk_note note[RBLK_NOTES_MAX];	/* noted in the current pass */
	u32 nnotes;
	char session_noted[RBLK_TEXT_MAX];	/* the latest text about the session */
	struct rblk_op bootstrap, transfer, verify;
	struct rblk_take take;
};

/* up.c */
void rblk_volume_start_work(struct work_struct *work);
int rblk_recovery_open(struct rblk_volume *v, struct rblk_recovery *r, char *err);
int rblk_recovery_data(struct rblk_volume *v, struct rblk_recovery *r, char *err);
int rblk_recovery_start(struct rblk_volume *v, struct rblk_recovery *r, char *err);
void rblk_recovery_free(struct rblk_recovery *r);

/* attach.c */
void rblk_volume_release_work(struct work_struct *work);
void rblk_volume_attach_work(struct work_struct *work);
bool rblk_volume_released(struct rblk_volume *v);	/* owner */
bool rblk_data_released(struct rblk_volume *v);		/* owner */

/* down.c */
void rblk_volume_stop_work(struct work_struct *work);
void rblk_volume_teardown(struct rblk_volume *v);
void rblk_volume_gone(struct rblk_volume *v, u64 op_id, int error, const char *text);

int rblk_volume_loop(void *arg);	/* loop.c: the thread function */
extern const struct rblk_node_ops rblk_host_ops;	/* ops.c */

/* call.c */
int rblk_volume_call(struct rblk_volume *v,
		     void (*fn)(struct rblk_volume *v, void *arg, u64 now), void *arg);
int rblk_volume_call_running(struct rblk_volume *v,
			     void (*fn)(struct rblk_volume *v, void *arg, u64 now), void *arg,
			     char *err);

/* status.c; owner */
void rblk_status_publish(struct rblk_volume *v);
void rblk_status_step(struct rblk_volume *v, bool looked, u64 now);
u64 rblk_status_deadline(const struct rblk_volume *v);

/* event.c; owner */
void rblk_note(void *host, enum rblk_node_note what, u64 arg);	/* struct rblk_node_ops */
void rblk_volume_notes(struct rblk_volume *v, u64 now);
bool rblk_volume_op_end(struct rblk_volume *v, struct rblk_op *t, u64 now, int error,
			const char *text);
u64 rblk_volume_ops_deadline(const struct rblk_volume *v);

/* verify.c; owner */
void rblk_note_verify(struct rblk_volume *v, char *text, size_t size);
void rblk_verify_tell(struct rblk_volume *v, u64 now);

/* take.c; owner */
void rblk_take_done(struct rblk_volume *v, int error);
void rblk_take_stop(struct rblk_volume *v);
void rblk_take_tell(struct rblk_volume *v, u64 now);

/* debugfs.c */
void rblk_debugfs_add(struct rblk_volume *v);
void rblk_debugfs_del(struct rblk_volume *v);

#endif /* RBLK_LIFE_INTERNAL_H */
