// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel TCP sockets: creation, options, callbacks, release. Nothing here blocks,
 * except for the socket's lock.
 *
 * Callbacks and release: a callback finds its connection in sk_user_data, under
 * sk_callback_lock, and touches nothing once that is NULL. The release clears it,
 * and puts TCP's own callbacks back, under the same lock for writing. Closing the
 * socket then waits for the holder of its lock, so none of our callbacks is running
 * when rblk_sock_close() returns.
 *
 * A closed socket holds nothing of the module. It has TCP's callbacks again, and it
 * is closed by a reset, so it does not linger to deliver what nobody will answer,
 * or hold the network namespace meanwhile. Connections that were never accepted
 * have the listener's callback, copied when they were made. They end with the
 * listener, and a softirq that is just making one is an RCU reader, which rmmod
 * waits for. Where sockets have lock classes of ours (lockdep), each holds a
 * reference to the module until it is freed (sk_owner). So the keys can be static,
 * and lockdep drops them with the module.
 */
#include <linux/sched/mm.h>
#include <linux/tcp.h>
#include <net/tcp.h>

#include "net/internal.h"
#include "compat.h"

#define RBLK_TCP_KEEPALIVE_IDLE_S	5
#define RBLK_TCP_KEEPALIVE_PROBES	3
/*
 * A connection is lost if data stays unacknowledged for this long. The bulk
 * connection may stand still for longer, while the peer has no memory to receive
 * into.
 */
#define RBLK_USER_TIMEOUT_MS	4000
#define RBLK_USER_TIMEOUT_BULK_MS	10000

/*
 * A kernel socket does not hold its network namespace, but TCP needs it even after
 * the close: hold it, as a user's socket would.
 */
static void hold_net(struct sock *sk)
{
	rblk_sk_hold_net(sk);
}

/*
 * Our sockets are locked while memory is being written back; others allocate memory
 * under the same lock class. So lockdep must tell them apart. An accepted socket
 * may be in use already, for packets that arrive, so its lock is not initialised
 * again.
 */
static void reclassify(struct sock *sk)
{
#ifdef CONFIG_DEBUG_LOCK_ALLOC
	static struct lock_class_key slock_key[2], lock_key[2];
	bool v6 = sk->sk_family == AF_INET6;

	sk_owner_set(sk, THIS_MODULE);
	spin_lock_bh(&sk->sk_lock.slock);
	lockdep_set_class_and_name(&sk->sk_lock.slock, &slock_key[v6],
				   v6 ? "slock-AF_INET6-RAFTBLK" : "slock-AF_INET-RAFTBLK");
	lockdep_init_map(&sk->sk_lock.dep_map,
			 v6 ? "sk_lock-AF_INET6-RAFTBLK" : "sk_lock-AF_INET-RAFTBLK",
			 &lock_key[v6], 0);
	spin_unlock_bh(&sk->sk_lock.slock);
#endif
}

static int address_len(const struct sockaddr_storage *addr)
{
	return addr->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
					     sizeof(struct sockaddr_in);
}

static int create(struct net *net, int family, struct socket **sock)
{
	int ret = sock_create_kern(net, family, SOCK_STREAM, IPPROTO_TCP, sock);

	if (ret)
		return ret;
	hold_net((*sock)->sk);
	reclassify((*sock)->sk);
	(*sock)->sk->sk_allocation = GFP_NOIO;
	rblk_sk_own_frag((*sock)->sk);
	return 0;
}

static void rblk_listener_ready(struct sock *sk)
{
	struct rblk_peers *ps;

	/*
	 * Child sockets have this callback until they are accepted, and must not
	 * use the user data that they inherited with it.
	 */
	if (sk->sk_state != TCP_LISTEN)
		return;
	read_lock_bh(&sk->sk_callback_lock);
	ps = sk->sk_user_data;
	if (ps) {
		set_bit(RBLK_CONN_READ, &ps->bits);
		rblk_volume_kick(ps->v, RBLK_KICK_NET);
	}
	read_unlock_bh(&sk->sk_callback_lock);
}

static void kick_conn(struct sock *sk, enum rblk_conn_bit bit)
{
	struct rblk_conn *c;

	read_lock_bh(&sk->sk_callback_lock);
	c = sk->sk_user_data;
	if (c) {
		set_bit(bit, &c->bits);
		rblk_volume_kick(c->v, RBLK_KICK_NET);
	}
	read_unlock_bh(&sk->sk_callback_lock);
}

static void rblk_data_ready(struct sock *sk)
{
	kick_conn(sk, RBLK_CONN_READ);
}

static void rblk_write_space(struct sock *sk)
{
	if (!sk_stream_is_writeable(sk))
		return;
	if (sk->sk_socket)
		clear_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	kick_conn(sk, RBLK_CONN_WRITE);
}

static void rblk_state_change(struct sock *sk)
{
	kick_conn(sk, RBLK_CONN_STATE);
}

/* Opens the one listener of a volume. Returns 0 or -errno of socket, bind or listen. */
int rblk_sock_listen(struct rblk_peers *ps, const struct sockaddr_storage *addr)
{
	struct socket *sock;
	struct sock *sk;
	int ret;

	ret = create(ps->v->net, addr->ss_family, &sock);
	if (ret)
		return ret;
	sk = sock->sk;
	sock_set_reuseaddr(sk);
	ret = kernel_bind(sock, (struct sockaddr_unsized *)addr, address_len(addr));
	if (ret)
		goto release;

	ps->listener = sock;
	write_lock_bh(&sk->sk_callback_lock);
	ps->sk_data_ready = sk->sk_data_ready;
	ps->sk_write_space = sk->sk_write_space;
	ps->sk_state_change = sk->sk_state_change;
	sk->sk_data_ready = rblk_listener_ready;
	sk->sk_user_data = ps;
	write_unlock_bh(&sk->sk_callback_lock);
	ret = kernel_listen(sock, RBLK_BACKLOG);
	if (ret)
		rblk_sock_unlisten(ps);
	return ret;

release:
	sock_release(sock);
	return ret;
}

void rblk_sock_unlisten(struct rblk_peers *ps)
{
	struct sock *sk;

	if (!ps->listener)
		return;
	sk = ps->listener->sk;
	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_data_ready = ps->sk_data_ready;
	sk->sk_user_data = NULL;
	write_unlock_bh(&sk->sk_callback_lock);
	sock_release(ps->listener);
	ps->listener = NULL;
}

/*
 * Accepts a connection from the listener; @sock is to be given to
 * rblk_sock_attach(), or released. @addr is that of the other side, or zeroes if the
 * connection has ended already. Returns 0; -EAGAIN: there is none; else -errno.
 */
int rblk_sock_accept(struct rblk_peers *ps, struct socket **sock, struct sockaddr_storage *addr)
{
	unsigned int noio = memalloc_noio_save();
	int ret = kernel_accept(ps->listener, sock, O_NONBLOCK);

	memalloc_noio_restore(noio);
	if (ret)
		return ret;
	reclassify((*sock)->sk);
	memset(addr, 0, sizeof(*addr));
	kernel_getpeername(*sock, (struct sockaddr *)addr);
	return 0;
}

static void set_options(struct socket *sock)
{
	struct sock *sk = sock->sk;

	sk->sk_allocation = GFP_NOIO;
	rblk_sk_own_frag(sk);
	sock_no_linger(sk);
	tcp_sock_set_nodelay(sk);
	sock_set_keepalive(sk);
	tcp_sock_set_keepidle(sk, RBLK_TCP_KEEPALIVE_IDLE_S);
	tcp_sock_set_keepintvl(sk, 1);
	tcp_sock_set_keepcnt(sk, RBLK_TCP_KEEPALIVE_PROBES);
	tcp_sock_set_user_timeout(sk, RBLK_USER_TIMEOUT_MS);
}

/*
 * Memory may only become free when a socket has sent something: a write is
 * complete, and its pages are clean, when a peer has it and has said so. So the
 * sockets of peers may use the reserves (__GFP_MEMALLOC, from sk_set_memalloc(); TCP
 * hands it on to what it allocates in softirqs), as those of nbd do. Packets for
 * other sockets that took from the reserves are dropped then. Who connects to this
 * node may be anybody, and gets nothing from there before its hello was accepted; a
 * node that is dialled is one of the configuration. See also rblk_link_flush().
 */
void rblk_sock_reserves(struct rblk_conn *c)
{
	struct sock *sk = c->sock->sk;

	lock_sock(sk);
	sk_set_memalloc(sk);
	release_sock(sk);
}

/* Gives a connection its socket. */
void rblk_sock_attach(struct rblk_conn *c, struct socket *sock)
{
	struct sock *sk = sock->sk;

	set_options(sock);
	c->sock = sock;
	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_user_data = c;
	sk->sk_data_ready = rblk_data_ready;
	sk->sk_write_space = rblk_write_space;
	sk->sk_state_change = rblk_state_change;
	write_unlock_bh(&sk->sk_callback_lock);
}

/* Tells the peer that nothing more will be sent. */
void rblk_sock_end(struct rblk_conn *c)
{
	kernel_sock_shutdown(c->sock, SHUT_WR);
}

/* The connection is the bulk one of its link now. */
void rblk_sock_keepalive(struct rblk_conn *c)
{
	tcp_sock_set_user_timeout(c->sock->sk, RBLK_USER_TIMEOUT_BULK_MS);
}

/*
 * Starts to connect to @c->addr; RBLK_CONN_STATE is set at the end. Returns 0 or
 * -errno. Even if connecting fails, the connection has a socket afterwards.
 */
int rblk_sock_dial(struct rblk_conn *c)
{
	unsigned int noio = memalloc_noio_save();
	struct socket *sock;
	int ret;

	ret = create(c->v->net, c->addr.ss_family, &sock);
	if (ret)
		goto restore;
	rblk_sock_attach(c, sock);
	rblk_sock_reserves(c);
	ret = kernel_connect(sock, (struct sockaddr_unsized *)&c->addr, address_len(&c->addr),
			     O_NONBLOCK);
	if (ret == -EINPROGRESS)
		ret = 0;
restore:
	memalloc_noio_restore(noio);
	return ret;
}

/* Closes the socket of a connection, if it has one. No callback for it runs afterwards. */
void rblk_sock_close(struct rblk_conn *c)
{
	struct socket *sock = c->sock;
	struct sock *sk;

	if (!sock)
		return;
	sk = sock->sk;
	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_user_data = NULL;
	sk->sk_data_ready = c->v->peers->sk_data_ready;
	sk->sk_write_space = c->v->peers->sk_write_space;
	sk->sk_state_change = c->v->peers->sk_state_change;
	write_unlock_bh(&sk->sk_callback_lock);
	lock_sock(sk);
	if (sock_flag(sk, SOCK_MEMALLOC))
		sk_clear_memalloc(sk);
	release_sock(sk);
	sock_release(sock);
	c->sock = NULL;
}

/*
 * Sends a frame of the handshake, at once or not at all: the socket of a new
 * connection has room unless something is wrong. On -errno the connection is of no
 * use.
 */
int rblk_sock_send(struct rblk_conn *c, void *frame, u32 len)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
	struct kvec vec = { .iov_base = frame, .iov_len = len };
	int ret = kernel_sendmsg(c->sock, &msg, &vec, 1, len);

	if (ret < 0)	/* the caller takes -EAGAIN for a socket that has nothing to read */
		return ret == -EAGAIN ? -EPIPE : ret;
	c->v->peers->bytes_sent += ret;
	return ret == len ? 0 : -EPIPE;
}

/*
 * Receives up to @len bytes of what is there. Returns their number, > 0; -EAGAIN:
 * there is nothing; -ECONNRESET: the connection was closed; else -errno.
 */
int rblk_sock_recv(struct rblk_conn *c, void *buf, u32 len)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT };
	struct kvec vec = { .iov_base = buf, .iov_len = len };
	int ret = kernel_recvmsg(c->sock, &msg, &vec, 1, len, MSG_DONTWAIT);

	if (ret > 0)
		c->v->peers->bytes_received += ret;
	return ret ? ret : -ECONNRESET;
}
