// SPDX-License-Identifier: GPL-2.0
/* raftblk version. */
#include "tool.h"
#include "uapi/raftblk.h"
#include "wire/wire.h"

static void sysfs(const char *what, const char *file)
{
	char path[96], text[128] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/sys/module/raftblk/%s", file);
	f = fopen(path, "re");
	if (!f)
		return;
	if (fgets(text, sizeof(text), f))
		printf("%s %s", what, text);
	fclose(f);
}

int cmd_version(int argc, char **argv)
{
	struct cmdline line = {
		.volume = WANT_NO_VOLUME, .args_doc = "",
		.doc = "Print the versions of the tool, and of the module if it is loaded.\v"
		       "Example:\n  raftblk version\n",
	};
	FILE *f;

	parse_cmdline(&line, argc, argv);
	printf("tool %s (netlink family version %d, wire protocol %d)\n", TOOL_VERSION,
	       RAFTBLK_FAMILY_VERSION, WIRE_VERSION);
	f = fopen("/sys/module/raftblk/initstate", "re");
	if (!f) {
		puts("module not loaded");
		return EXIT_OK;
	}
	fclose(f);
	puts("module loaded");
	sysfs("module version", "version");
	sysfs("module srcversion", "srcversion");
	return EXIT_OK;
}
