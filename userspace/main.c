// SPDX-License-Identifier: GPL-2.0
/* raftblk: administration of replicated block devices. The table of commands. */
#include <stdio_ext.h>
#include <unistd.h>

#include "table.h"

static const struct command commands[] = {
	{ "new", "VOLUME --node N=ADDRESS,LOG,DATA ...", "write a configuration file", cmd_new },
	{ "config", "VOLUME", "check the configuration file and print it", cmd_config },
	{ "format", "VOLUME", "prepare the devices of this node", cmd_format },
	{ "up", "VOLUME", "start the volume on this node", cmd_up },
	{ "adjust", "VOLUME", "apply what has changed in the configuration file", cmd_adjust },
	{ "bootstrap", "VOLUME", "give a new volume its first configuration, on one node",
	  cmd_bootstrap },
	{ "status", "[VOLUME]", "show volumes that are up", cmd_status },
	{ "sessions", "[VOLUME]", "show which nodes may write", cmd_sessions },
	{ "why", "VOLUME", "explain why a volume cannot be written to here", cmd_why },
	{ "check", "[VOLUME]", "check volumes, for monitoring", cmd_check },
	{ "events", "[VOLUME]", "print events as they happen", cmd_events },
	{ "wait", "VOLUME --for STATE", "wait until the volume is in a certain state here", cmd_wait },
	{ "transfer", "VOLUME [NODE]", "hand leadership to another node", cmd_transfer },
	{ "verify", "VOLUME", "compare the copies that the members have, and mend them", cmd_verify },
	{ "attach", "VOLUME", "give this node its lost replica back", cmd_attach },
	{ "take", "VOLUME --force", "take the session from another node", cmd_take },
	{ "hold", "VOLUME [DIR]", "mount the volume whenever this node gets the session",
	  cmd_hold },
	{ "down", "VOLUME", "stop the volume on this node", cmd_down },
	{ "dump", "DEVICE", "show what is on a log or data device, offline", cmd_dump },
	{ "wipe", "DEVICE", "remove what raftblk has on a device", cmd_wipe },
	{ "version", "", "print the versions of the tool and the module", cmd_version },
};

static struct {
	char *text;			/* NULL: failures are printed */
	size_t size;
} kept;

void fail_keep(char *text, size_t size)
{
	kept.text = text;
	kept.size = size;
	if (text)
		text[0] = 0;
}

int fail(int code, const char *subject, const char *fmt, ...)
{
	char line[2048];
	va_list args;
	size_t n;

	n = snprintf(line, sizeof(line), "raftblk: %s%s", subject ?: "", subject ? ": " : "");
	va_start(args, fmt);
	vsnprintf(line + n, sizeof(line) - n, fmt, args);
	va_end(args);
	if (kept.text) {
		snprintf(kept.text, kept.size, "%s", line);
		return code;
	}
	fflush(stdout);
	fprintf(stderr, "%s\n", line);
	return code;
}

/* What to do if something is not permitted. Root may lack the right, too. */
const char *permission_step(void)
{
	return geteuid() ? "run as root" :
	       "root may not do this here, by a container, its unit or a security module: the kernel log may have the denial";
}

/* The embedding program's part of RBLK_ASSERT(): an offline tool just stops. */
void rblk_assert_failed(const char *what, const char *file, int line);
void rblk_assert_failed(const char *what, const char *file, int line)
{
	fail(0, NULL, "%s:%d: broken invariant: %s; please report this", file, line, what);
	abort();
}

static void usage(FILE *f)
{
	size_t i;

	fputs("usage: raftblk [--config FILE] [--node NODE] COMMAND [OPTION...] [ARGUMENT...]\n\n"
	      "Administer replicated block devices on this node.\n\n", f);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(f, "  %-10s %-38s %s\n", commands[i].name, commands[i].args,
			commands[i].help);
	fputs("\n'raftblk COMMAND --help' lists the options of a command, with examples; see raftblk(8).\n"
	      "To set up a new volume: new; then format and up on each node; then bootstrap on one.\n",
	      f);
}

/* Options that may come before the command, for every command. */
static struct common global;

enum { KEY_CONFIG = 0x1000, KEY_NODE, KEY_JSON };

static const struct argp_option config_options[] = {
	{ "config", KEY_CONFIG, "FILE", 0, "configuration file (default: /etc/raftblk/VOLUME.conf)", 90 },
	{ "node", KEY_NODE, "NODE", 0, "name of this node (default: the host name)", 90 },
	{ 0 },
};

static const struct argp_option json_options[] = {
	{ "json", KEY_JSON, NULL, 0, "print JSON", 80 },
	{ 0 },
};

static error_t parse_config(int key, char *arg, struct argp_state *state)
{
	struct cmdline *c = state->input;

	switch (key) {
	case KEY_CONFIG:
		c->common.config = arg;
		return 0;
	case KEY_NODE:
		c->common.node = arg;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t parse_json(int key, char *arg, struct argp_state *state)
{
	struct cmdline *c = state->input;

	if (key != KEY_JSON)
		return ARGP_ERR_UNKNOWN;
	c->common.json = true;
	return 0;
}

static error_t parse_table(int key, char *arg, struct argp_state *state)
{
	struct cmdline *c = state->input;

	return table_parse(key, arg, state, c->table);
}

/* NULL: the volume can be named so. */
static const char *wrong_volume(const struct cmdline *c, const char *arg)
{
	bool device = parse_device(arg) >= 0;
	const char *why;

	if (device)
		return c->takes_device ? NULL : "it is a device, and this command goes by the configuration file, which has the name";
	return conf_check_name("volume", arg, &why) ? why : NULL;
}

static error_t parse_own(int key, char *arg, struct argp_state *state)
{
	struct cmdline *c = state->input;
	const char *why;
	unsigned int i;

	switch (key) {
	case ARGP_KEY_INIT:
		for (i = 0; state->root_argp->children && state->root_argp->children[i].argp; i++)
			state->child_inputs[i] = c;
		break;
	case ARGP_KEY_ARG:
		if (c->volume == WANT_NO_VOLUME || c->common.volume)
			break;
		why = wrong_volume(c, arg);
		if (why)
			argp_error(state, "'%s' is not a valid name for a volume: %s", arg, why);
		c->common.volume = arg;
		return 0;
	case ARGP_KEY_END:
		if (c->volume == WANT_VOLUME && !c->common.volume)
			argp_error(state, "VOLUME is missing");
		break;
	}
	return c->parse ? c->parse(key, arg, state, c->ctx) : ARGP_ERR_UNKNOWN;
}

void parse_cmdline(struct cmdline *c, int argc, char **argv)
{
	static const struct argp config_argp = { .options = config_options,
						 .parser = parse_config };
	static const struct argp json_argp = { .options = json_options, .parser = parse_json };
	static const struct argp table_argp = { .options = table_options, .parser = parse_table };
	struct argp_child children[4] = {};
	struct argp argp = { .options = c->options, .parser = parse_own, .args_doc = c->args_doc,
			     .doc = c->doc, .children = children };
	int n = 0;

	if (c->takes_json)
		children[n++].argp = &json_argp;
	if (c->table)
		children[n++].argp = &table_argp;
	if (c->takes_config)
		children[n++].argp = &config_argp;
	c->common.config = global.config;
	c->common.node = global.node;
	argp_err_exit_status = c->usage_error ? c->usage_error : EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, c);
}

/* Returns how many words it took, or 0 if there is no such option here. */
static int global_option(char **argv, int argc)
{
	static const struct {
		const char *name;
		const char **value;
	} options[] = { { "--config", &global.config }, { "--node", &global.node } };
	size_t i, n;

	for (i = 0; i < ARRAY_SIZE(options); i++) {
		n = strlen(options[i].name);
		if (strncmp(argv[0], options[i].name, n))
			continue;
		if (argv[0][n] == '=') {
			*options[i].value = argv[0] + n + 1;
			return 1;
		}
		if (argv[0][n])
			continue;
		if (argc < 2)
			exit(fail(EXIT_USAGE, NULL, "option '%s' needs an argument; see: raftblk --help",
				  argv[0]));
		*options[i].value = argv[1];
		return 2;
	}
	return 0;
}

static int run(const struct command *c, int argc, char **argv)
{
	static char name[64];

	/* In messages and help of argp. */
	snprintf(name, sizeof(name), "raftblk %s", c->name);
	argv[0] = name;
	program_invocation_name = name;
	program_invocation_short_name = name;
	return c->run(argc, argv);
}

/* How many letters have to be changed, added or left out to make one word of the other. */
static size_t distance(const char *a, const char *b)
{
	size_t row[32], diagonal, above, i, j;

	for (j = 0; j < ARRAY_SIZE(row); j++)
		row[j] = j;
	for (i = 0; a[i]; i++) {
		diagonal = row[0];
		row[0] = i + 1;
		for (j = 0; b[j]; j++) {
			above = row[j + 1];
			row[j + 1] = min_t(size_t, min_t(size_t, above, row[j]) + 1,
					   diagonal + (a[i] != b[j]));
			diagonal = above;
		}
	}
	return row[strlen(b)];
}

static int no_such_command(const char *name)
{
	size_t best = strlen(name) / 2 + 1, d, i;
	const char *meant = NULL;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		d = distance(name, commands[i].name);
		if (d >= best)
			continue;
		best = d;
		meant = commands[i].name;
	}
	return fail(EXIT_USAGE, NULL, "there is no %s '%s'%s%s%s; see: raftblk --help",
		    name[0] == '-' ? "option" : "command", name, meant ? " (did you mean '" : "",
		    meant ?: "", meant ? "'?)" : "");
}

/* What was printed has to get where it should: a full disk, for instance, is a failure. */
void flush_stdout(void)
{
	bool any = __fpending(stdout);

	if (!fflush(stdout) && !ferror(stdout))
		return;
	if (errno == EBADF && !any)
		return;			/* it was closed, and nothing is missed there */
	fail(0, NULL, "cannot write the output: %s", strerror(errno));
	_exit(EXIT_FAILED);
}

int main(int argc, char **argv)
{
	int skip;
	size_t i;

	atexit(flush_stdout);
	argc--;
	argv++;
	while (argc && (skip = global_option(argv, argc)) > 0) {
		argc -= skip;
		argv += skip;
	}
	if (!argc) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h") || !strcmp(argv[0], "help")) {
		usage(stdout);
		return EXIT_OK;
	}
	if (!strcmp(argv[0], "--version") || !strcmp(argv[0], "-V"))
		argv[0] = "version";
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(argv[0], commands[i].name))
			return run(&commands[i], argc, argv);
	return no_such_command(argv[0]);
}
