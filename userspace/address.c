// SPDX-License-Identifier: GPL-2.0
/*
 * "HOST:PORT" as in configuration files: what it may be, whether two of them are the same,
 * and what it resolves to. Addresses of IPv4 are mapped into IPv6 until the kernel gets them.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <net/if.h>
#include <netdb.h>

#include "tool.h"

static void map_v4(const struct in_addr *v4, struct sockaddr_in6 *a)
{
	a->sin6_addr.s6_addr[10] = 0xff;
	a->sin6_addr.s6_addr[11] = 0xff;
	memcpy(a->sin6_addr.s6_addr + 12, v4, sizeof(*v4));
}

/* A name of DNS or of /etc/hosts. One of digits and dots alone is an address that is wrong. */
static bool is_host_name(const char *host)
{
	size_t i;

	for (i = 0; host[i]; i++)
		if (!isalnum((unsigned char)host[i]) && !strchr("-._", host[i]))
			return false;
	return isalnum((unsigned char)host[0]) && strspn(host, "0123456789.") < i;
}

/* "fe80::1%eth0": the interface, which only addresses of one link need. */
static const char *parse_v6(const char *host, struct sockaddr_in6 *a)
{
	char text[INET6_ADDRSTRLEN];
	const char *percent = strchrnul(host, '%');
	bool local;

	if ((size_t)(percent - host) >= sizeof(text))
		return "is not an IPv6 address";
	snprintf(text, sizeof(text), "%.*s", (int)(percent - host), host);
	if (inet_pton(AF_INET6, text, &a->sin6_addr) != 1)
		return "is not an IPv6 address";
	local = IN6_IS_ADDR_LINKLOCAL(&a->sin6_addr);
	if (*percent && !local)
		return "needs no interface; remove what follows the '%'";
	if (local && (!*percent || !percent[1] || strlen(percent + 1) >= IF_NAMESIZE))
		return "is good on one link only, so it needs an interface, as in [fe80::1%eth0]:7800";
	return NULL;
}

static bool is_v4(const struct sockaddr_in6 *a)
{
	return IN6_IS_ADDR_V4MAPPED(&a->sin6_addr);
}

bool address_is_loopback(const struct sockaddr_in6 *a)
{
	return is_v4(a) ? a->sin6_addr.s6_addr[12] == 127 : IN6_IS_ADDR_LOOPBACK(&a->sin6_addr);
}

/* What no node can be reached at. */
static const char *unusable(const struct sockaddr_in6 *a)
{
	const u8 *b = a->sin6_addr.s6_addr;

	if (IN6_IS_ADDR_UNSPECIFIED(&a->sin6_addr) || (is_v4(a) && !b[12]))
		return "is no address of one node; write the one at which the others reach it";
	if (IN6_IS_ADDR_MULTICAST(&a->sin6_addr) || (is_v4(a) && b[12] >= 224))
		return "is no address of one node, but of a group";
	return NULL;
}

static const char *parse_host(struct address *a, bool bracket)
{
	struct in_addr v4;

	a->sin6.sin6_family = AF_INET6;
	a->literal = true;
	if (bracket)
		return parse_v6(a->host, &a->sin6) ?: unusable(&a->sin6);
	if (inet_pton(AF_INET, a->host, &v4) == 1) {
		map_v4(&v4, &a->sin6);
		return unusable(&a->sin6);
	}
	a->literal = false;
	return is_host_name(a->host) ? NULL : "is not an IPv4 address, nor the name of a host";
}

static bool parse_port(const char *text, struct address *a)
{
	char *end;
	long v = strtol(text, &end, 10);

	if (!isdigit((unsigned char)text[0]) || *end || v < 1 || v > 65535)
		return false;
	a->sin6.sin6_port = htons(v);
	return true;
}

/* Returns NULL, or what is wrong, to follow "'TEXT' ". */
const char *address_parse(const char *text, struct address *a)
{
	static const char form[] =
		"is not an address; write HOST:PORT, such as 10.0.0.1:7800 or [fd00::1]:7800";
	const char *colon = strrchr(text, ':');
	bool bracket = text[0] == '[';
	size_t len = colon ? colon - text : 0;

	memset(a, 0, sizeof(*a));
	if (!len || strlen(text) >= RBLK_ADDR_MAX || !parse_port(colon + 1, a))
		return form;
	if (bracket && (len < 3 || text[len - 1] != ']'))
		return form;
	if (!bracket && memchr(text, ':', len))
		return form;		/* of IPv6, and without brackets */
	snprintf(a->host, sizeof(a->host), "%.*s", (int)(bracket ? len - 2 : len), text + bracket);
	return parse_host(a, bracket);
}

/* Names are the same if they are written the same, in capitals or not. */
bool address_same(const struct address *a, const struct address *b)
{
	if (a->sin6.sin6_port != b->sin6.sin6_port || a->literal != b->literal)
		return false;
	if (!a->literal)
		return !strcasecmp(a->host, b->host);
	return !memcmp(&a->sin6.sin6_addr, &b->sin6.sin6_addr, sizeof(a->sin6.sin6_addr)) &&
	       (!IN6_IS_ADDR_LINKLOCAL(&a->sin6.sin6_addr) || !strcmp(a->host, b->host));
}

static void from_info(const struct addrinfo *i, struct sockaddr_in6 *to)
{
	memset(to, 0, sizeof(*to));
	to->sin6_family = AF_INET6;
	if (i->ai_family == AF_INET)
		map_v4(&((struct sockaddr_in *)i->ai_addr)->sin_addr, to);
	else
		memcpy(to, i->ai_addr, sizeof(*to));
}

/* Addresses of IPv4 first, then by their value. */
static bool before(const struct sockaddr_in6 *a, const struct sockaddr_in6 *b)
{
	if (is_v4(a) != is_v4(b))
		return is_v4(a);
	return memcmp(&a->sin6_addr, &b->sin6_addr, sizeof(a->sin6_addr)) < 0;
}

/*
 * A name with several addresses is the same one on all nodes. The order that getaddrinfo()
 * gives depends on what the node that asks can reach.
 */
static int resolve_name(const struct address *a, struct sockaddr_in6 *to)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all, *i;
	struct sockaddr_in6 one;
	int err = getaddrinfo(a->host, NULL, &hints, &all);

	if (err)
		return err;
	for (i = all; i; i = i->ai_next) {
		if (i->ai_family != AF_INET && i->ai_family != AF_INET6)
			continue;
		from_info(i, &one);
		if (!to->sin6_family || before(&one, to))
			*to = one;
	}
	freeaddrinfo(all);
	return to->sin6_family ? 0 : EAI_NONAME;
}

static const char *resolve(const struct address *a, struct sockaddr_in6 *to)
{
	static char text[160];
	const char *percent = strchr(a->host, '%');
	int err;

	if (!a->literal) {
		err = resolve_name(a, to);
		to->sin6_port = a->sin6.sin6_port;
		if (!err)
			return unusable(to);
		snprintf(text, sizeof(text), "cannot be resolved: %s; write an IP address, or see resolver(5)",
			 gai_strerror(err));
		return text;
	}
	*to = a->sin6;
	if (!percent)
		return NULL;
	to->sin6_scope_id = if_nametoindex(percent + 1);
	if (to->sin6_scope_id)
		return NULL;
	snprintf(text, sizeof(text), "names the interface '%s', which this node does not have",
		 percent + 1);
	return text;
}

/*
 * Returns NULL, or what is wrong, to follow "'TEXT' ". *@to has room for either family;
 * *@loopback says whether only this node can reach it.
 */
const char *address_resolve(const struct address *a, struct sockaddr_in6 *to, bool *loopback)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	const char *wrong;

	memset(to, 0, sizeof(*to));
	wrong = resolve(a, to);
	*loopback = !wrong && address_is_loopback(to);
	if (wrong || !is_v4(to))
		return wrong;
	v4.sin_port = to->sin6_port;
	memcpy(&v4.sin_addr, to->sin6_addr.s6_addr + 12, sizeof(v4.sin_addr));
	memset(to, 0, sizeof(*to));
	memcpy(to, &v4, sizeof(v4));
	return NULL;
}
