// SPDX-License-Identifier: GPL-2.0
/*
 * The formats of values in configuration files and on command lines: names, sizes,
 * times, UUIDs, addresses.
 */
#include <ctype.h>

#include "tool.h"

#define TIME_MAX_MS	(24 * 3600 * 1000UL)

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

/* "500ms", "30s", "5m", "2h"; no unit is needed with 0. At most a day. */
int conf_parse_ms(const char *text, u32 *ms)
{
	static const struct {
		const char *name;
		u32 ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 }, { "h", 3600 * 1000 } };
	unsigned long v;
	char *end;
	size_t i;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno || v > TIME_MAX_MS)
		return -ERANGE;
	if (!v && !*end) {
		*ms = 0;
		return 0;
	}
	for (i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(end, units[i].name))
			continue;
		if (v > TIME_MAX_MS / units[i].ms)
			return -ERANGE;
		*ms = v * units[i].ms;
		return 0;
	}
	return -EINVAL;
}

int conf_parse_election(const char *text, u32 *ms)
{
	return conf_parse_ms(text, ms) || *ms < 50 || *ms > 30000 ? -EINVAL : 0;
}
