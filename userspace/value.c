// SPDX-License-Identifier: GPL-2.0
/*
 * The formats of values in configuration files and on command lines: names, sizes,
 * times, UUIDs, addresses.
 */
#include <ctype.h>
#include <time.h>

#include "tool.h"

/* With the largest unit that leaves no remainder, as conf_parse_ms() reads it. */
const char *time_text(u32 ms, char *buf, size_t size)
{
	if (ms % 1000 || !ms)
		snprintf(buf, size, "%ums", ms);
	else if (ms % 60000)
		snprintf(buf, size, "%us", ms / 1000);
	else if (ms % 3600000)
		snprintf(buf, size, "%um", ms / 60000);
	else
		snprintf(buf, size, "%uh", ms / 3600000);
	return buf;
}

int parse_device(const char *name)
{
	static const char prefix[] = "/dev/raftblk";
	const char *digits = name + strlen(prefix);
	char *end;
	long minor;

	if (strncmp(name, prefix, strlen(prefix)) || !isdigit((unsigned char)*digits))
		return -1;
	minor = strtol(digits, &end, 10);
	return *end || minor > MINOR_MAX ? -1 : minor;
}

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

/* Since some moment: for differences. */
u64 now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

int parse_time(const char *option, const char *arg, u32 least, u32 most, struct argp_state *state,
	       u32 *ms)
{
	char low[16], high[16];

	if (conf_parse_ms(arg, ms) || *ms < least || *ms > most)
		argp_error(state, "--%s: '%s' is not a valid time; write it with its unit, as 500ms or 90s, %s to %s",
			   option, arg, time_text(least, low, sizeof(low)),
			   time_text(most, high, sizeof(high)));
	return 0;
}

int conf_parse_election(const char *text, u32 *ms)
{
	return conf_parse_ms(text, ms) || *ms < ELECTION_MIN_MS || *ms > ELECTION_MAX_MS ? -EINVAL : 0;
}
