// SPDX-License-Identifier: GPL-2.0
/* raftblk version. */
#include "log/log.h"
#include "tool.h"
#include "uapi/raftblk.h"
#include "version.h"
#include "wire/wire.h"

static struct json_object *tool(void)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "version", json_object_new_string(RAFTBLK_VERSION));
	json_object_object_add(o, "commit", json_object_new_string(TOOL_COMMIT));
	json_object_object_add(o, "netlink", json_object_new_int(RAFTBLK_FAMILY_VERSION));
	json_object_object_add(o, "protocol", json_object_new_int(WIRE_VERSION));
	json_object_object_add(o, "disk_format", json_object_new_int(DISK_VERSION));
	return o;
}

static bool add_from_sysfs(struct json_object *o, const char *key)
{
	char path[96], text[128] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/sys/module/raftblk/%s", key);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (fgets(text, sizeof(text), f))
		text[strcspn(text, "\n")] = 0;
	fclose(f);
	json_object_object_add(o, key, json_object_new_string(text));
	return true;
}

/* The version of the module; NULL: it is not loaded. */
static struct json_object *module(void)
{
	struct json_object *o = json_object_new_object();

	if (!add_from_sysfs(o, "version")) {
		json_object_put(o);
		return NULL;
	}
	add_from_sysfs(o, "srcversion");
	return o;
}

/* Without PATCH, which changes nothing that the two have to agree on. */
static bool same_minor(const char *a, const char *b)
{
	size_t n = strrchr(a, '.') - a;

	return !strncmp(a, b, n + 1);
}

void version_compare(const char *subject)
{
	struct json_object *o = json_object_new_object();

	if (add_from_sysfs(o, "version") && !same_minor(RAFTBLK_VERSION, jstr(o, "version")))
		fail(0, subject,
		     "note: this tool is %s, but the module that is loaded is %s: use the tool that came with the module",
		     RAFTBLK_VERSION, jstr(o, "version"));
	json_object_put(o);
}

static void print_version(struct json_object *o)
{
	printf("tool %s (%s): netlink family %llu, protocol %llu, disk format %llu\n",
	       jstr(o, "tool.version"), jstr(o, "tool.commit"),
	       (unsigned long long)ju(o, "tool.netlink"),
	       (unsigned long long)ju(o, "tool.protocol"),
	       (unsigned long long)ju(o, "tool.disk_format"));
	if (!js(o, "module")) {
		puts("module not loaded");
		return;
	}
	printf("module %s (%s)\n", jstr(o, "module.version"), jstr(o, "module.srcversion"));
	if (!same_minor(RAFTBLK_VERSION, jstr(o, "module.version")))
		puts("these do not belong together: use the tool that came with the module");
}

int cmd_version(int argc, char **argv)
{
	struct cmdline line = {
		.volume = WANT_NO_VOLUME, .args_doc = "", .takes_json = true,
		.doc = "Print the versions of the tool and, if it is loaded, of the module.\v"
		       "Examples:\n  raftblk version\n  raftblk version --json | jq -r .module.version\n",
	};
	struct json_object *o;

	parse_cmdline(&line, argc, argv);
	o = json_object_new_object();
	json_object_object_add(o, "tool", tool());
	json_object_object_add(o, "module", module());
	if (line.common.json)
		print_json(o);
	else
		print_version(o);
	json_object_put(o);
	return EXIT_OK;
}
