// SPDX-License-Identifier: GPL-2.0
/*
 * The formats of values in configuration files and on command lines: names, sizes,
 * times, UUIDs, addresses.
 */
#include <ctype.h>

#include "tool.h"

static bool valid_char(char ch, bool first)
{
	return isalnum((unsigned char)ch) || (!first && strchr("._-", ch));
}

int conf_check_name(const char *what, const char *name, const char **why)
{
	size_t i;

	*why = NULL;
	if (!name[0] || strlen(name) >= RBLK_NAME_MAX)
		*why = "it must have 1 to 31 characters";
	for (i = 0; name[i] && !*why; i++)
		if (!valid_char(name[i], !i))
			*why = "it must have letters, digits and, after the first, '.', '_' and '-'";
	return *why ? EXIT_USAGE : 0;
}

int conf_parse_size(const char *text, u64 *bytes)
{
	static const char units[] = "KMGTP";
	const char *unit;
	char *end;
	u64 v;
	int shift = 0;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	if (*end) {
		unit = strchr(units, toupper((unsigned char)*end));
		if (!unit || (end[1] && strcmp(end + 1, "iB") && strcmp(end + 1, "B")))
			return -EINVAL;
		shift = 10 * (unit - units + 1);
	}
	if (v > (U64_MAX >> 1) >> shift)
		return -ERANGE;
	*bytes = v << shift;
	return 0;
}

/* Formats are "1500", "1500ms" and "2s". */
int conf_parse_ms(const char *text, u32 *ms)
{
	char *end;
	unsigned long v;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	v = strtoul(text, &end, 10);
	if (!strcmp(end, "s"))
		v *= 1000;
	else if (*end && strcmp(end, "ms"))
		return -EINVAL;
	if (v > 24 * 3600 * 1000UL)
		return -ERANGE;
	*ms = v;
	return 0;
}

int conf_parse_election(const char *text, u32 *ms)
{
	return conf_parse_ms(text, ms) || *ms < 50 || *ms > 30000 ? -EINVAL : 0;
}

bool uuid_parse_text(const char *text, u8 *uuid)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	unsigned int byte;
	int i, n = 0;

	if (strlen(text) != strlen(form))
		return false;
	for (i = 0; form[i]; i++)
		if (form[i] == 'x' ? !isxdigit((unsigned char)text[i]) : text[i] != '-')
			return false;
	for (i = 0; form[i]; i += form[i] == 'x' ? 2 : 1) {
		if (form[i] != 'x')
			continue;
		sscanf(text + i, "%2x", &byte);
		uuid[n++] = byte;
	}
	return true;
}

void uuid_format(const u8 *uuid, char *text)
{
	int i, n = 0;

	for (i = 0; i < RBLK_UUID_LEN; i++) {
		n += sprintf(text + n, "%02x", uuid[i]);
		if (i == 3 || i == 5 || i == 7 || i == 9)
			text[n++] = '-';
	}
	text[n] = 0;
}

int conf_split_address(const char *address, char *host, size_t size, const char **port)
{
	const char *colon = strrchr(address, ':');
	size_t len;
	char *end;
	long v;

	if (!colon || colon == address || strlen(address) >= RBLK_ADDR_MAX)
		return -EINVAL;
	len = colon - address;
	if (address[0] == '[') {
		if (address[len - 1] != ']' || len < 3)
			return -EINVAL;
		address++;
		len -= 2;
	} else if (memchr(address, ':', len)) {
		return -EINVAL;		/* IPv6 without brackets */
	}
	if (len >= size)
		return -EINVAL;
	memcpy(host, address, len);
	host[len] = 0;
	v = strtol(colon + 1, &end, 10);
	if (!isdigit((unsigned char)colon[1]) || *end || v < 1 || v > 65535)
		return -EINVAL;
	*port = colon + 1;
	return 0;
}
