// SPDX-License-Identifier: GPL-2.0
/*
 * Options, campaigns, reports. Seeds run in forked workers: what a seed breaks
 * (an assertion, a crash) ends one worker, is reported with the command that
 * replays it, and the campaign goes on.
 */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"

#ifndef SIM_COMMIT
#define SIM_COMMIT "unknown"
#endif

#define JOBS_MAX	64
#define FAILS_MAX	256
#define CHUNKS		10

struct fail {
	u64 seed;
	char why[400];
};

static struct shared {
	u64 next;		/* seed to take */
	u64 current[JOBS_MAX];
	u64 ran, failed, nfail, twice;
	u64 events, sim_ns, again_ns, stats[8];	/* again_ns: in second runs */
	unsigned long long marks[MARK_NR];
	struct fail fail[FAILS_MAX];
} *sh;

static struct {
	u64 from, to, minutes, jobs, twice;
	bool one, trace, marks, stop, cost;
	const char *file;
} opt = { .from = 1, .to = 1000, .jobs = 1, .twice = 50 };

static u32 tests;
static bool bad;

static void ktap(bool ok, const char *what)
{
	printf("%sok %u %s\n", ok ? "" : "not ", ++tests, what);
	if (!ok)
		bad = true;
	fflush(stdout);
}

/* ---- one seed ---- */

static void add_fail(u64 seed, const char *why)
{
	u64 i = __atomic_fetch_add(&sh->nfail, 1, __ATOMIC_SEQ_CST);

	__atomic_fetch_add(&sh->failed, 1, __ATOMIC_SEQ_CST);
	if (i >= FAILS_MAX)
		return;
	sh->fail[i].seed = seed;
	snprintf(sh->fail[i].why, sizeof(sh->fail[i].why), "%s", why);
}

static void run_seed(u64 seed)
{
	u32 i;
	u64 hash;

	if (!sim_seed(seed, false, opt.cost)) {
		add_fail(seed, world.why);
	} else if (opt.twice && seed % opt.twice == 0) {
		hash = world.hash;
		__atomic_fetch_add(&sh->twice, 1, __ATOMIC_SEQ_CST);
		__atomic_fetch_add(&sh->again_ns, world.now, __ATOMIC_SEQ_CST);
		if (!sim_seed(seed, false, opt.cost) || world.hash != hash)
			add_fail(seed, "not deterministic: a second run went another way");
	}
	__atomic_fetch_add(&sh->ran, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&sh->events, world.events, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&sh->sim_ns, world.now, __ATOMIC_SEQ_CST);
	for (i = 0; i < ARRAY_SIZE(world.stats); i++)
		__atomic_fetch_add(&sh->stats[i], world.stats[i], __ATOMIC_SEQ_CST);
	for (i = 0; i < MARK_NR; i++) {
		__atomic_fetch_add(&sh->marks[i], mark_count[i], __ATOMIC_SEQ_CST);
		mark_count[i] = 0;
	}
}

static int replay(u64 seed)
{
	bool ok = sim_seed(seed, opt.trace, opt.cost);

	printf("# seed %llu: %.3f s simulated, %llu events, %llu elections, %llu writes, %llu reads, %llu checkpoints, %llu crashes, %llu starts, hash %016llx\n",
	       (unsigned long long)seed, (double)world.now / 1e9, (unsigned long long)world.events,
	       (unsigned long long)world.stats[ST_ELECTIONS],
	       (unsigned long long)world.stats[ST_WRITES], (unsigned long long)world.stats[ST_READS],
	       (unsigned long long)world.stats[ST_CKPT], (unsigned long long)world.stats[ST_CRASHES],
	       (unsigned long long)world.stats[ST_RECOVERIES], (unsigned long long)world.hash);
	if (opt.cost)
		cost_print();
	if (!ok)
		printf("# at %.6f ms: %s\n", (double)world.now / 1e6, world.why);
	printf("%sok 1 seed %llu\n1..1\n", ok ? "" : "not ", (unsigned long long)seed);
	return !ok;
}

/* ---- workers ---- */

static u64 take(u64 to)
{
	u64 seed = __atomic_fetch_add(&sh->next, 1, __ATOMIC_SEQ_CST);

	return seed <= to ? seed : U64_MAX;
}

static void worker(u32 slot, u64 to, u64 deadline)
{
	u64 seed;

	while ((!deadline || (u64)time(NULL) < deadline) && !(opt.stop && sh->failed)) {
		seed = take(to);
		if (seed == U64_MAX)
			break;
		sh->current[slot] = seed;
		run_seed(seed);
		sh->current[slot] = 0;
	}
	_exit(0);
}

static pid_t start_worker(u32 slot, u64 to, u64 deadline)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(2);
	}
	if (!pid)
		worker(slot, to, deadline);
	return pid;
}

/* Runs seeds from sh->next on; restarts workers that a seed killed. */
static void run_range(u64 to, u64 deadline)
{
	pid_t pid[JOBS_MAX], got;
	u32 i, running = 0;
	int st;

	for (i = 0; i < opt.jobs; i++, running++)
		pid[i] = start_worker(i, to, deadline);
	while (running) {
		got = waitpid(-1, &st, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			break;
		for (i = 0; i < opt.jobs && pid[i] != got; i++)
			;
		if (i == opt.jobs)
			continue;
		if (WIFEXITED(st) && !WEXITSTATUS(st)) {
			running--;
			continue;
		}
		add_fail(sh->current[i], "the simulator itself died: a signal or sanitizer");
		sh->ran++;
		pid[i] = start_worker(i, to, deadline);
	}
}

static void print_fails(u64 *from)
{
	u64 n = min_t(u64, sh->nfail, FAILS_MAX);

	for (; *from < n; ++*from)
		printf("# seed %llu: %s\n#   replay: selftests/sim/build/sim %s--seed %llu --trace\n",
		       (unsigned long long)sh->fail[*from].seed, sh->fail[*from].why,
		       opt.cost ? "--cost " : "", (unsigned long long)sh->fail[*from].seed);
}

/* ---- reports ---- */

static void print_marks(bool demand)
{
	char what[128];
	u32 i;

	printf("# rare paths:\n");
	for (i = 0; i < MARK_NR; i++)
		printf("#   %10llu %-18s %s\n", sh->marks[i], mark_info[i].name,
		       mark_info[i].text);
	for (i = 0; demand && i < MARK_NR; i++) {
		if (!mark_info[i].required || sh->marks[i])
			continue;
		snprintf(what, sizeof(what), "never reached: %s (%s)", mark_info[i].name,
			 mark_info[i].text);
		ktap(false, what);
	}
	if (demand)
		ktap(true, "rare paths were looked at");
}

static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_CHILDREN, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void print_totals(double secs)
{
	double cpu = cpu_s();

	printf("# %llu seeds in %.1f s, %.0f a minute of CPU; %llu of them twice; %.0f s simulated, %.0f hours an hour of CPU; %llu events\n",
	       (unsigned long long)sh->ran, secs, (double)(sh->ran + sh->twice) * 60 / cpu,
	       (unsigned long long)sh->twice, (double)sh->sim_ns / 1e9,
	       (double)(sh->sim_ns + sh->again_ns) / 1e9 / cpu, (unsigned long long)sh->events);
	printf("# %llu elections, %llu writes, %llu reads, %llu checkpoints, %llu MiB of log, %llu power cuts, %llu starts, %llu without liveness\n",
	       (unsigned long long)sh->stats[ST_ELECTIONS],
	       (unsigned long long)sh->stats[ST_WRITES], (unsigned long long)sh->stats[ST_READS],
	       (unsigned long long)sh->stats[ST_CKPT],
	       (unsigned long long)sh->stats[ST_BYTES] >> 20,
	       (unsigned long long)sh->stats[ST_CRASHES],
	       (unsigned long long)sh->stats[ST_RECOVERIES],
	       (unsigned long long)sh->stats[ST_SKIPPED]);
}

static double clock_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void campaign(void)
{
	u64 count = opt.to - opt.from + 1, chunk = count / CHUNKS, from, to, seen = 0, failed;
	u64 deadline = opt.minutes ? (u64)time(NULL) + opt.minutes * 60 : 0;
	double start = clock_s();
	char what[128];

	if (!chunk)
		chunk = count;
	if (deadline && chunk > 10000)
		chunk = 10000;
	for (from = opt.from; from <= opt.to; from = to + 1) {
		to = from + chunk - 1;
		if (to > opt.to || opt.to - to < chunk)
			to = opt.to - from < 2 * chunk ? opt.to : to;
		sh->next = from;
		failed = sh->failed;
		run_range(to, deadline);
		print_fails(&seen);
		snprintf(what, sizeof(what), "seeds %llu..%llu", (unsigned long long)from,
			 (unsigned long long)to);
		ktap(sh->failed == failed, what);
		if ((deadline && (u64)time(NULL) >= deadline) || (opt.stop && sh->failed))
			break;
	}
	print_totals(clock_s() - start);
	print_marks(opt.marks);
}

/* Lines "SEED  what it found"; empty lines and comments are skipped. */
static void regressions(const char *path)
{
	char line[512], what[560], *end;
	u64 seed, seen = sh->nfail, failed;
	FILE *f = fopen(path, "r");

	if (!f) {
		perror(path);
		exit(2);
	}
	while (fgets(line, sizeof(line), f)) {
		seed = strtoull(line, &end, 0);
		if (line[0] == '#' || end == line)
			continue;
		line[strcspn(line, "\n")] = 0;
		while (*end == ' ' || *end == '\t')
			end++;
		failed = sh->failed;
		sh->next = seed;
		run_range(seed, 0);
		print_fails(&seen);
		snprintf(what, sizeof(what), "seed %llu: %s", (unsigned long long)seed, end);
		ktap(sh->failed == failed, what);
	}
	fclose(f);
}

static void usage(int rc)
{
	printf("usage: sim --seed S [--trace]        replays one seed\n"
	       "       sim --seeds A..B [--marks]    a campaign; --marks: fail on paths never reached\n"
	       "           --minutes M               until then, whatever B says\n"
	       "           --jobs J                  workers (1)\n"
	       "           --stop                    at the first seed that fails\n"
	       "           --cost                    worlds without faults: what is sent, how often\n"
	       "           --twice N                 every N-th seed runs twice (50; 0: none)\n"
	       "       sim --regressions FILE        the seeds listed there\n");
	exit(rc);
}

static void options(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		const char *a = argv[i], *v = i + 1 < argc ? argv[i + 1] : NULL;
		char *end;

		if (!strcmp(a, "--trace")) {
			opt.trace = true;
			continue;
		}
		if (!strcmp(a, "--marks")) {
			opt.marks = true;
			continue;
		}
		if (!strcmp(a, "--stop")) {
			opt.stop = true;
			continue;
		}
		if (!strcmp(a, "--cost")) {
			opt.cost = true;
			continue;
		}
		if (!strcmp(a, "--help") || !v)
			usage(strcmp(a, "--help") ? 2 : 0);
		i++;
		if (!strcmp(a, "--seed")) {
			opt.one = true;
			opt.from = opt.to = strtoull(v, NULL, 0);
		} else if (!strcmp(a, "--seeds")) {
			opt.from = strtoull(v, &end, 0);
			opt.to = !strncmp(end, "..", 2) ? strtoull(end + 2, NULL, 0) : opt.from;
		} else if (!strcmp(a, "--minutes")) {
			opt.minutes = strtoull(v, NULL, 0);
			opt.to = U64_MAX / 2;
		} else if (!strcmp(a, "--jobs")) {
			opt.jobs = strtoull(v, NULL, 0);
		} else if (!strcmp(a, "--twice")) {
			opt.twice = strtoull(v, NULL, 0);
		} else if (!strcmp(a, "--regressions")) {
			opt.file = v;
		} else {
			usage(2);
		}
	}
	if (!opt.jobs || opt.jobs > JOBS_MAX || opt.to < opt.from || !opt.from)
		usage(2);
}

int main(int argc, char **argv)
{
	options(argc, argv);
	if (opt.trace)
		setvbuf(stdout, NULL, _IOLBF, 0);
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sh == MAP_FAILED) {
		perror("mmap");
		return 2;
	}
	printf("TAP version 13\n# raftblk simulator, commit %s\n", SIM_COMMIT);
	if (opt.one)
		return replay(opt.from);
	if (opt.file)
		regressions(opt.file);
	else
		campaign();
	printf("1..%u\n# %llu passed, %llu failed\n", tests,
	       (unsigned long long)(sh->ran - sh->failed), (unsigned long long)sh->failed);
	return bad;
}
