// SPDX-License-Identifier: GPL-2.0
/*
 * A QEMU TCG plugin: counts the instructions a guest executes.
 *
 *   -plugin insn.so,to=PATH[,profile=PATH]
 *
 * PATH becomes an array of 64-bit counters, one cache line a processor, that
 * anyone may map or read at any time. An idle guest halts and executes
 * nothing, so the difference over a window, divided by the requests completed
 * in it, is what a request costs: a figure that repeats within a few percent
 * on hosts where times do not.
 *
 * The profile is a table of struct place: where in the kernel they were executed,
 * block by block. What programs execute is counted at place 0, all together.
 *
 * The few declarations are here because not every distribution ships
 * qemu-plugin.h; they are the same in versions 1 to 5 of the interface.
 * INSN_PLUGIN_VERSION is the one to claim.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef INSN_PLUGIN_VERSION
#define INSN_PLUGIN_VERSION 1
#endif

#define MAX_CPUS	256
#define PLACES		(1u << 19)

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;

typedef struct {
	const char *target_name;
	struct {
		int min;
		int cur;
	} version;
	bool system_emulation;
	struct {
		int smp_vcpus;
		int max_vcpus;
	} system;
} qemu_info_t;

typedef void (*tb_trans_cb)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*tb_exec_cb)(unsigned int cpu, void *data);
typedef void (*tb_exec_inline_fn)(struct qemu_plugin_tb *tb, int op, void *ptr, uint64_t imm);

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, tb_trans_cb cb);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, tb_exec_cb cb, int flags,
					  void *data);

#define CB_NO_REGS		0
#define INLINE_ADD_U64		0

struct counter {
	uint64_t executed;
	uint64_t pad[7];
};

struct place {
	uint64_t address;	/* 0: not in the kernel, or free */
	uint64_t executed;
};

__attribute__((visibility("default"))) int qemu_plugin_version = INSN_PLUGIN_VERSION;

static struct counter *counters;
static struct place *places;
static pthread_mutex_t places_lock = PTHREAD_MUTEX_INITIALIZER;
static tb_exec_inline_fn add_inline;

static void block_executed(unsigned int cpu, void *data)
{
	if (cpu < MAX_CPUS)
		counters[cpu].executed += (uintptr_t)data;
}

/* The place of an address, which never changes. A full table counts at place 0. */
static struct place *place_of(uint64_t address)
{
	uint32_t i = (address * 0x9e3779b97f4a7c15ull) >> 32;
	struct place *p = places;
	unsigned int tries;

	if (!(address >> 63))
		return p;
	pthread_mutex_lock(&places_lock);
	for (tries = 0; tries < 1024; tries++) {
		struct place *try = &places[1 + (i + tries) % (PLACES - 1)];

		if (!try->address)
			try->address = address;
		if (try->address == address) {
			p = try;
			break;
		}
	}
	pthread_mutex_unlock(&places_lock);
	return p;
}

static void block_translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	if (!add_inline) {
		qemu_plugin_register_vcpu_tb_exec_cb(tb, block_executed, CB_NO_REGS,
						     (void *)(uintptr_t)n);
		return;
	}
	add_inline(tb, INLINE_ADD_U64, &counters[0].executed, n);
	if (places)
		add_inline(tb, INLINE_ADD_U64, &place_of(qemu_plugin_tb_vaddr(tb))->executed, n);
}

static void *map_file(const char *path, size_t size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	void *map = MAP_FAILED;

	if (fd >= 0 && !ftruncate(fd, size))
		map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		perror(path);
	if (fd >= 0)
		close(fd);
	return map == MAP_FAILED ? NULL : map;
}

__attribute__((visibility("default")))
int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	int i;

	for (i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "to=", 3))
			counters = map_file(argv[i] + 3, MAX_CPUS * sizeof(*counters));
		else if (!strncmp(argv[i], "profile=", 8))
			places = map_file(argv[i] + 8, PLACES * sizeof(*places));
	}
	if (!counters) {
		fprintf(stderr, "insn: want to=PATH, and perhaps profile=PATH\n");
		return -1;
	}
	/*
	 * An addition inside the translated code is several times cheaper than
	 * a call, but two processors would lose each other's. There is no
	 * profile of those.
	 */
	if (info->system_emulation && info->system.smp_vcpus == 1)
		add_inline = (tb_exec_inline_fn)
			dlsym(RTLD_DEFAULT, "qemu_plugin_register_vcpu_tb_exec_inline");
	qemu_plugin_register_vcpu_tb_trans_cb(id, block_translated);
	return 0;
}
