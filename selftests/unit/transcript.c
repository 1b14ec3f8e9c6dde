// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>

#include "transcript.h"

#define FILES_MAX	512

FILE *ts_out;
char *ts_word[TS_WORDS];
int ts_words;

static const struct transcripts *kind;
static const char *files[FILES_MAX];
static u32 at_file;
static bool rewrite;

void ts_wrong(const char *why)
{
	printf("# %s: %s\n", ts_word[0], why);
	longjmp(tap_jmp, 1);
}

u64 ts_num(int i)
{
	char *end;
	u64 v;

	if (i >= ts_words)
		ts_wrong("a number is missing");
	v = strtoull(ts_word[i], &end, 0);
	if (end == ts_word[i])
		ts_wrong("not a number");
	return v;
}

const char *ts_text(const char *name)
{
	size_t len = strlen(name);
	int i;

	for (i = 1; i < ts_words; i++) {
		const char *w = ts_word[i];

		if (!strncmp(w, name, len) && (w[len] == '=' || !w[len]))
			return w[len] ? w + len + 1 : w + len;
	}
	return NULL;
}

u64 ts_option(const char *name, u64 def)
{
	const char *s = ts_text(name);

	return s && *s ? strtoull(s, NULL, 0) : def;
}

static void run_line(char *line)
{
	u32 i;

	for (ts_words = 0; ts_words < TS_WORDS; ts_words++) {
		ts_word[ts_words] = strtok(line, " ");
		if (!ts_word[ts_words])
			break;
		line = NULL;
	}
	CHECK(ts_words && ts_words < TS_WORDS);
	for (i = 0; i < kind->ncommands; i++)
		if (!strcmp(ts_word[0], kind->commands[i].name)) {
			kind->commands[i].run();
			return;
		}
	ts_wrong("no such command");
}

static char *slurp(const char *path)
{
	static char buf[1 << 18];
	FILE *f = fopen(path, "r");

	CHECK(f);
	buf[fread(buf, 1, sizeof(buf) - 1, f)] = 0;
	fclose(f);
	return buf;
}

static void run_lines(const char *want)
{
	char *copy = strdup(want), *line, *next;

	for (line = copy; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		if (line[0] == '#' || !line[0])
			fprintf(ts_out, "%s\n", line);
		if (line[0] != '>')
			continue;
		fprintf(ts_out, "%s\n", line);
		run_line(line + 1);
		fflush(ts_out);
	}
	free(copy);
}

static void compare(const char *made, const char *want)
{
	size_t i, bol = 0, lines = 1;

	if (!strcmp(made, want))
		return;
	for (i = 0; made[i] && made[i] == want[i]; i++)
		if (made[i] == '\n') {
			bol = i + 1;
			lines++;
		}
	printf("# line %zu\n# want: %.*s\n# got:  %.*s\n", lines,
	       (int)strcspn(want + bol, "\n"), want + bol, (int)strcspn(made + bol, "\n"),
	       made + bol);
	CHECK(!"as written");
}

static void run_file(void)
{
	static char *made;
	static size_t len;
	char path[512], *want;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", kind->dir, files[at_file++]);
	want = slurp(path);
	ts_out = open_memstream(&made, &len);
	if (kind->begin)
		kind->begin();
	run_lines(want);
	if (kind->end)
		kind->end();
	fclose(ts_out);
	if (rewrite) {
		f = fopen(path, "w");
		CHECK(f && fwrite(made, 1, len, f) == len && !fclose(f));
	} else {
		compare(made, want);
	}
	free(made);
}

static int pick(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return len > 4 && !strcmp(d->d_name + len - 4, ".txt");
}

int transcript_main(int argc, char **argv, const struct transcripts *t)
{
	static struct tap_case cases[FILES_MAX];
	static struct dirent **names;
	int i, k, n;
	u32 count = 0;

	kind = t;
	n = scandir(t->dir, &names, pick, alphasort);
	if (argc > 1 && !strcmp(argv[1], "--rewrite")) {
		rewrite = true;
		argv++;
		argc--;
	}
	for (i = 0; i < n && count < FILES_MAX; i++) {
		for (k = 1; k < argc && strcmp(argv[k], names[i]->d_name); k++)
			;
		if (argc > 1 && k == argc)
			continue;
		files[count] = names[i]->d_name;
		cases[count++] = (struct tap_case){ names[i]->d_name, run_file };
	}
	return tap_main(1, argv, cases, count);
}
