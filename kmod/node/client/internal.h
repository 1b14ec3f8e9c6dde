/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the client share, and no other room sees. */
#ifndef RBLK_NODE_CLIENT_INTERNAL_H
#define RBLK_NODE_CLIENT_INTERNAL_H

#include "client.h"

/* client.c */
void rblk_client_state(struct rblk_client *c, enum rblk_session_state s);

/* session.c */
void rblk_client_closed(struct rblk_client *c, int error);
bool rblk_client_left_over(const struct rblk_client *c);

/* opener.c */
void rblk_client_opening(struct rblk_client *c);
void rblk_client_refused(struct rblk_client *c, u64 keepalive);
void rblk_client_openers_restart(struct rblk_client *c);
void rblk_client_openers_fail(struct rblk_client *c, int error);
u64 rblk_client_openers_deadline(const struct rblk_client *c);

/* window.c */
void rblk_client_end_request(struct rblk_client *c, u64 seq, int error);
bool rblk_client_due(const struct rblk_client *c);
bool rblk_client_keepalive(struct rblk_client *c, u32 slot);

/* remote.c */
bool rblk_client_lost(const struct rblk_client *c);
void rblk_client_seek(struct rblk_client *c);
u64 rblk_client_seek_deadline(const struct rblk_client *c);
void rblk_client_reads_restart(struct rblk_client *c);
void rblk_client_reads_again(struct rblk_client *c);
void rblk_client_reads_send(struct rblk_client *c, u32 slot);
bool rblk_client_read_send(struct rblk_client *c, u32 slot, struct rblk_read *rd);

/* away.c: reads that the own data device has failed */
void rblk_client_away_run(struct rblk_client *c);
u64 rblk_client_away_deadline(const struct rblk_client *c);
void rblk_client_away_refused(struct rblk_client *c);
void rblk_client_away_failed(struct rblk_client *c, struct rblk_read *rd, u32 slot, int error);

#endif /* RBLK_NODE_CLIENT_INTERNAL_H */
