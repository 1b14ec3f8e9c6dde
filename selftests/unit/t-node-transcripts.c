// SPDX-License-Identifier: GPL-2.0
/*
 * Stories of a few nodes, one file each, in node-transcripts/. See transcript.h for
 * their form and node-script.h for the commands. "--seed N [NAME...]" draws other numbers
 * than usual, on which no story depends.
 */
#include "node-script.h"

static const struct transcript_command commands[] = {
	{ "nodes", cmd_nodes },		{ "volume", cmd_volume },
	{ "two-histories", cmd_two_histories },
	{ "bootstrap", cmd_bootstrap },	{ "start", cmd_start },
	{ "stop", cmd_stop },		{ "crash", cmd_stop },
	{ "pause", cmd_pause },		{ "resume", cmd_pause },
	{ "lose-device", cmd_lose_device },	{ "break", cmd_break },
	{ "blank", cmd_blank },			{ "attach", cmd_attach },
	{ "image", cmd_image },		{ "restore", cmd_image },
	{ "forgetful", cmd_forget },		{ "set-back", cmd_set_back },
	{ "frees", cmd_frees },
	{ "table", cmd_table },
	{ "newcomers", cmd_newcomers },	{ "rot", cmd_rot },
	{ "damage", cmd_damage },	{ "damage-map", cmd_damage_map },
	{ "copies", cmd_copies },
	{ "lead", cmd_lead },		{ "transfer", cmd_transfer },
	{ "run", cmd_run },		{ "latency", cmd_latency },
	{ "adjust", cmd_adjust },
	{ "rate", cmd_rate },
	{ "cut", cmd_cut },		{ "stall", cmd_cut },
	{ "join", cmd_cut },		{ "reset", cmd_cut },
	{ "flap", cmd_flap },
	{ "narrow", cmd_narrow },	{ "wide", cmd_narrow },
	{ "lose", cmd_frames },		{ "twice", cmd_frames },
	{ "hold", cmd_frames },		{ "free", cmd_frames },
	{ "forget", cmd_frames },	{ "count", cmd_frames },
	{ "counted", cmd_frames },	{ "disk", cmd_disk },
	{ "serves", cmd_serves },
	{ "open", cmd_open },		{ "cancel", cmd_cancel },
	{ "close", cmd_close },		{ "leave", cmd_close },
	{ "use", cmd_use },		{ "reset-session", cmd_reset },
	{ "try", cmd_try },
	{ "write", cmd_write },		{ "zero", cmd_write },
	{ "writes", cmd_writes },	{ "zeroes", cmd_writes },
	{ "read", cmd_read },
	{ "reads", cmd_reads },		{ "read-again", cmd_read_again },
	{ "status", cmd_status },	{ "sessions", cmd_sessions },
	{ "peers", cmd_peers },		{ "alike", cmd_alike },
	{ "verify", cmd_verify },	{ "verified", cmd_verified },
	{ "flip", cmd_flip }, { "unreadable", cmd_unreadable },
	{ "say", cmd_say },
};

int main(int argc, char **argv)
{
	static const struct transcripts t = {
		.dir = "node-transcripts", .commands = commands,
		.ncommands = ARRAY_SIZE(commands),
	};

	if (argc > 2 && !strcmp(argv[1], "--seed")) {
		script_seed = strtoull(argv[2], NULL, 0);
		argv += 2;
		argc -= 2;
	}
	return transcript_main(argc, argv, &t);
}
