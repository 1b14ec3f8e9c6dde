// SPDX-License-Identifier: GPL-2.0
/* raftblk why: what the rules say of the status, for people. */
#include "status.h"

static void print_why(struct json_object *r)
{
	struct json_object *list = js(r, "remarks");
	char title[TITLE_MAX];
	size_t i;

	volume_title(r, title, sizeof(title));
	if (jb(r, "writable"))
		printf("%s on %s: %scan be written to%s\n", title, jstr(r, "node"),
		       paint(GREEN, stdout), paint(PLAIN, stdout));
	else
		printf("%s on %s: %scannot be written to%s: %s\nnext: %s\n", title, jstr(r, "node"),
		       paint(RED, stdout), paint(PLAIN, stdout),
		       jstr(r, "cause"), jstr(r, "next_step"));
	for (i = 0; i < json_object_array_length(list); i++)
		printf("also: %s\n", json_object_get_string(json_object_array_get_idx(list, i)));
}

int cmd_why(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "input", 'i', "FILE", 0, "explain the status that 'status --json' saved in FILE", 1 },
		{ 0 },
	};
	const char *from = NULL;
	struct cmdline line = {
		.volume = WANT_VOLUME,
		.takes_json = true,
		.takes_device = true,
		.options = options,
		.args_doc = "VOLUME",
		.parse = status_parse_input,
		.ctx = &from,
		.doc = "Explain why VOLUME cannot be written to on this node, which nodes are missing, and what to do next. "
		       "The exit code is 0 if it can be written to, and 1 if it cannot.\v"
		       "Examples:\n  raftblk why r0\n  raftblk why r0 --json\n",
	};
	struct json_object *all, *r;
	int err;

	parse_cmdline(&line, argc, argv);
	err = status_get(line.common.volume, from, &all);
	if (err)
		return err;
	r = why_explain(json_object_array_get_idx(all, 0));
	if (line.common.json)
		print_json(r);
	else
		print_why(r);
	err = jb(r, "writable") ? EXIT_OK : EXIT_FAILED;
	json_object_put(r);
	json_object_put(all);
	return err;
}
