/* SPDX-License-Identifier: GPL-2.0 */
/* Sockets to the other nodes, all driven by the loop, without ever blocking. */
#ifndef RBLK_NET_H
#define RBLK_NET_H

#include "host/status.h"
#include "host/volume.h"

int rblk_peers_start(struct rblk_volume *v, char *err);
void rblk_peers_cut(struct rblk_volume *v, u64 now);
void rblk_peers_shutdown(struct rblk_volume *v);
void rblk_peers_free(struct rblk_volume *v);
bool rblk_peers_poll(struct rblk_volume *v, u64 now);
u64 rblk_peers_deadline(const struct rblk_volume *v);
const char *rblk_peers_copy(const struct rblk_volume *v, u32 slot);
void rblk_peers_info(struct rblk_volume *v, struct rblk_volume_info *info);

/* struct rblk_node_ops */
void *rblk_peer_tx_begin(void *host, u32 slot, enum wire_channel ch);
void rblk_peer_tx_end(void *host, u32 slot, enum wire_channel ch, u32 len,
		      struct rblk_buf *const *buf, u32 n);
u64 rblk_peer_tx_unacked(void *host, u32 slot, bool *waits);

#endif /* RBLK_NET_H */
