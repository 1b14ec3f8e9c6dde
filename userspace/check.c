// SPDX-License-Identifier: GPL-2.0
/*
 * raftblk check: one line, and an exit code as monitoring wants them (the plugin interface of
 * Nagios, which Icinga, Naemon, Checkmk and Zabbix understand as well).
 */
#include "status.h"

enum { OK, WARNING, CRITICAL, UNKNOWN };

static const char *const verdicts[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };

__attribute__((format(printf, 3, 4)))
static void append(char *buf, size_t size, const char *fmt, ...)
{
	size_t n = strlen(buf);
	va_list args;

	va_start(args, fmt);
	vsnprintf(buf + n, size - n, fmt, args);
	va_end(args);
}

/* That another node writes is not a fault. */
static int judge_rule(const char *rule)
{
	return !rule[0] || !strcmp(rule, "held-elsewhere") ? OK : CRITICAL;
}

void check_volume(struct json_object *o, struct check *c)
{
	struct json_object *r = why_explain(o), *remarks = js(r, "remarks");
	int verdict = js(o, "hold.trouble") ? CRITICAL : judge_rule(jstr(r, "rule"));
	size_t all, n = able_members(o, &all), i;
	char volume[TITLE_MAX];

	volume_title(o, volume, sizeof(volume));
	append(c->text, sizeof(c->text), "%s%s: ", c->text[0] ? "; " : "", volume);
	if (js(r, "cause") && verdict > OK)
		append(c->text, sizeof(c->text), "%s, ", jstr(r, "cause"));
	append(c->text, sizeof(c->text), "%zu of %zu replicas", n, all);
	if (verdict == OK && (n < all || log_percent(o) > LOG_FULL || ju(o, "data_late_ms") ||
			      jb(o, "absent") || ju(o, "owed_index") || ju(o, "blocks_left") ||
			      peer_with(o, peer_is_absent, NULL) ||
			      peer_with(o, peer_is_impaired, NULL) ||
			      peer_with(o, peer_flaps, NULL) ||
			      (js(o, "verify") && !is(o, "verify.open", "none"))))
		verdict = WARNING;
	for (i = 0; verdict > OK && i < json_object_array_length(remarks); i++)
		append(c->text, sizeof(c->text), ", %s",
		       json_object_get_string(json_object_array_get_idx(remarks, i)));
	append(c->data, sizeof(c->data), " '%s_replicas'=%zu;;;0;%zu '%s_log'=%u%%;%u;;0;100", volume,
	       n, all, volume, log_percent(o), LOG_FULL);
	c->verdict = verdict > c->verdict ? verdict : c->verdict;
	json_object_put(r);
}

static int print(const struct check *c)
{
	printf("RAFTBLK %s - %s%s%s\n", verdicts[c->verdict], c->text, c->data[0] ? " |" : "",
	       c->data);
	return c->verdict;
}

/* A volume that is known not to be up is a fault; one that cannot be asked for may be well. */
static int not_known(struct check *c, const char *volume, const char *from, int err)
{
	c->verdict = volume && !from && err == EXIT_ABSENT ? CRITICAL : UNKNOWN;
	append(c->text, sizeof(c->text), "%s",
	       c->verdict == CRITICAL ? "the volume is not up on this node" :
					"the status cannot be read; the error is on stderr");
	return print(c);
}

int cmd_check(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "input", 'i', "FILE", 0, "check the status that 'status --json' saved in FILE", 1 },
		{ 0 },
	};
	const char *from = NULL;
	struct cmdline line = {
		.volume = MAY_VOLUME,
		.takes_device = true,
		.options = options,
		.args_doc = "[VOLUME]",
		.parse = status_parse_input,
		.ctx = &from,
		.usage_error = UNKNOWN,
		.doc = "Check VOLUME, or all volumes that are up, for monitoring: one line with performance data. "
		       "The exit code is 0 (OK), 1 (WARNING: it can be written to, but a replica is missing or its log is nearly full), "
		       "2 (CRITICAL: I/O fails or waits, or the volume is not up) or 3 (UNKNOWN).\v"
		       "Examples:\n  raftblk check r0\n  raftblk check\n",
	};
	struct check c = {};
	struct json_object *all;
	size_t i;
	int err;

	parse_cmdline(&line, argc, argv);
	err = status_get(line.common.volume, from, &all);
	if (err)
		return not_known(&c, line.common.volume, from, err);
	for (i = 0; i < json_object_array_length(all); i++)
		check_volume(json_object_array_get_idx(all, i), &c);
	if (!i) {
		c.verdict = UNKNOWN;
		append(c.text, sizeof(c.text), "no volume is up in this network namespace");
	}
	json_object_put(all);
	return print(&c);
}
