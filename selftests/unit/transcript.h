/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Transcripts: scripts with the output that they must produce, one file for each
 * rule or story. Lines that begin with "> " are commands, with "#" comments; the
 * rest is output. "--rewrite [NAME...]" writes what the code does now: read the
 * difference before you believe it.
 */
#ifndef TRANSCRIPT_H
#define TRANSCRIPT_H

#include "os.h"
#include "tap.h"

#define TS_WORDS	32

struct transcript_command {
	const char *name;
	void (*run)(void);
};

struct transcripts {
	const char *dir;
	void (*begin)(void);	/* of a file; may be NULL */
	void (*end)(void);
	const struct transcript_command *commands;
	u32 ncommands;
};

extern FILE *ts_out;
extern char *ts_word[TS_WORDS];	/* words of the command; word 0 is its name */
extern int ts_words;

/* Word @i as a number. */
u64 ts_num(int i);
/* The words "@name=..."; a word that is just @name has the text "". */
const char *ts_text(const char *name);
u64 ts_option(const char *name, u64 def);
/* Ends the file as failed: the script itself is wrong. */
void ts_wrong(const char *why) __attribute__((noreturn));

int transcript_main(int argc, char **argv, const struct transcripts *t);

#endif
