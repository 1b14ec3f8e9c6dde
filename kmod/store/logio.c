// SPDX-License-Identifier: GPL-2.0
/*
 * I/O to the log device. Every operation is preallocated: as many writes of records
 * as the log keeps in flight, one write of metadata, one of the change map, one
 * readback for each peer, and one for the apply.
 *
 * Durability: every write is FUA. For a device with a volatile cache and no FUA the
 * block layer turns that into a write and a flush, without a pass of the loop in
 * between. To such a device only one record is written at a time (see
 * rblk_start_pool()), so that everything that arrives meanwhile shares the next
 * flush.
 */
#include <linux/blkdev.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "store/lower.h"
#include "store/store.h"

#define RBLK_REC_PAGES	(LOG_HEADER_BYTES_MAX / RBLK_BLOCK_SIZE + RBLK_RECORD_BLOCKS)
#define RBLK_READBACK_BIOS	(NODE_READBACK_BLOCKS + 1)	/* an entry may wrap around */
#define RBLK_META_PAGES		(LOG_META_BYTES / RBLK_BLOCK_SIZE)
#define RBLK_BLOCK_PAGES	NODE_MAP_RUN	/* of either operation */
#define RBLK_LOG_OPF	(REQ_OP_WRITE | REQ_FUA | REQ_SYNC | REQ_IDLE)

struct rblk_record_op {
	struct rblk_io io;
	struct list_head entry;		/* in the free list */
	struct log_record *rec;
	struct bio *bio;		/* 2 */
	struct bio_vec vec[RBLK_REC_PAGES];
	struct rblk_payload *held[RBLK_RECORD_ENTRIES];
};

struct rblk_readback_op {
	struct rblk_io io;
	struct rblk_node_readback *rb;	/* NULL: free */
	u32 nbio, nvec;
	struct bio *bio;		/* RBLK_READBACK_BIOS */
	struct bio_vec vec[RBLK_READBACK_BIOS];
	struct rblk_payload *held[NODE_READBACK_ENTRIES];
};

struct rblk_block_op {
	struct rblk_io io;
	struct bio bio;
	struct bio_vec vec[RBLK_BLOCK_PAGES];
	struct page *page[RBLK_BLOCK_PAGES];
};

struct rblk_logio {
	struct rblk_lower lower;
	struct list_head free;
	struct rblk_block_op meta, block;
	struct rblk_record_op *rec;	/* LOG_INFLIGHT */
	struct rblk_readback_op *readback;
	u32 nreadback;
	struct bio *bios;		/* those of records and readbacks */
};

static void rblk_log_write_ended(struct rblk_volume *v, struct rblk_done *done, u64 now)
{
	struct rblk_record_op *op = container_of(done, struct rblk_record_op, io.done);
	struct log_record *rec = op->rec;
	int error = op->io.error;

	list_add(&op->entry, &v->logio->free);
	if (v->stopped)
		return;
	if (error)
		rblk_err_limited(v, "writing record %llu to log device %s failed: error %d\n",
				 rec->seq, v->up.log_path, -error);
	rblk_node_log_done(v->m, rec, error, now);
}

/* Puts the blocks of a record, in their order, into the extents of the ring. */
struct rblk_log_fill {
	struct rblk_record_op *op;
	struct block_device *bdev;
	struct log_extent ext[2];
	u32 nbio, nvec, left;
};

static void rblk_log_fill_block(struct rblk_log_fill *f, const void *block)
{
	struct rblk_record_op *op = f->op;

	if (!f->left) {
		f->left = f->ext[f->nbio].len;
		bio_init(&op->bio[f->nbio], f->bdev, &op->vec[f->nvec], f->left / RBLK_BLOCK_SIZE,
			 RBLK_LOG_OPF);
		op->bio[f->nbio].bi_iter.bi_sector = f->ext[f->nbio].off >> SECTOR_SHIFT;
		f->nbio++;
	}
	__bio_add_page(&op->bio[f->nbio - 1], rblk_addr_page(block), RBLK_BLOCK_SIZE,
		       offset_in_page(block));
	f->left -= RBLK_BLOCK_SIZE;
	f->nvec++;
}

/**
 * rblk_log_write() - struct rblk_node_ops: write a record and its payload
 * @host: the volume
 * @rec: the record, closed
 * @buf: payload of its entries, in order
 * @n: number of payloads
 *
 * Context: owner.
 */
void rblk_log_write(void *host, struct log_record *rec, struct rblk_buf *const *buf, u32 n)
{
	struct rblk_volume *v = host;
	struct rblk_logio *l = v->logio;
	struct rblk_log_fill f = { .bdev = l->lower.bdev };
	u32 i, j;

	if (WARN_ON_ONCE(list_empty(&l->free) || n > RBLK_RECORD_ENTRIES)) {
		rblk_lower_fail(&l->lower);	/* no operation is left to report an error */
		return;
	}
	f.op = list_first_entry(&l->free, struct rblk_record_op, entry);
	list_del_init(&f.op->entry);
	f.op->rec = rec;
	rblk_log_extents(&v->super, rec->pos,
			 rec->header_bytes + rec->payload_blocks * RBLK_BLOCK_SIZE, f.ext);
	for (i = 0; i < rec->header_bytes; i += RBLK_BLOCK_SIZE)
		rblk_log_fill_block(&f, rec->header + i);
	for (i = 0; i < n; i++) {
		rblk_io_hold(&f.op->io, buf[i]);
		for (j = 0; j < buf[i]->nblocks; j++)
			rblk_log_fill_block(&f, rblk_payload(buf[i])->block[j]);
	}
	rblk_io_submit(&f.op->io, f.op->bio, f.nbio);
}

static void rblk_block_write(struct rblk_volume *v, struct rblk_block_op *op, u64 off,
			     const void *data, u32 pages)
{
	u32 i;

	bio_init(&op->bio, v->logio->lower.bdev, op->vec, RBLK_BLOCK_PAGES, RBLK_LOG_OPF);
	op->bio.bi_iter.bi_sector = off >> SECTOR_SHIFT;
	for (i = 0; i < pages; i++) {
		memcpy(page_address(op->page[i]), data + i * RBLK_BLOCK_SIZE, RBLK_BLOCK_SIZE);
		__bio_add_page(&op->bio, op->page[i], RBLK_BLOCK_SIZE, 0);
	}
	rblk_io_submit(&op->io, &op->bio, 1);
}

static void rblk_meta_ended(struct rblk_volume *v, struct rblk_done *done, u64 now)
{
	int error = v->logio->meta.io.error;

	if (v->stopped)
		return;
	if (error)
		rblk_err_limited(v, "writing metadata to log device %s failed: error %d\n",
				 v->up.log_path, -error);
	rblk_node_meta_done(v->m, error, now);
}

static void rblk_log_block_ended(struct rblk_volume *v, struct rblk_done *done, u64 now)
{
	int error = v->logio->block.io.error;

	if (v->stopped)
		return;
	if (error)
		rblk_err_limited(v, "writing a block to log device %s failed: error %d\n",
				 v->up.log_path, -error);
	rblk_node_block_done(v->m, error, now);
}

/**
 * rblk_meta_write() - struct rblk_node_ops: write a copy of the metadata
 * @host: the volume
 * @off: offset in bytes
 * @data: LOG_META_BYTES, copied
 *
 * Context: owner.
 */
void rblk_meta_write(void *host, u64 off, const void *data)
{
	struct rblk_volume *v = host;

	rblk_block_write(v, &v->logio->meta, off, data, RBLK_META_PAGES);
}

/**
 * rblk_log_block_write() - struct rblk_node_ops: write blocks of the change map, or a superblock
 * @host: the volume
 * @off: offset in bytes
 * @data: the blocks, copied
 * @n: how many, NODE_MAP_RUN at most
 *
 * Context: owner.
 */
void rblk_log_block_write(void *host, u64 off, const void *data, u32 n)
{
	struct rblk_volume *v = host;

	rblk_block_write(v, &v->logio->block, off, data, n);
}

static void rblk_readback_ended(struct rblk_volume *v, struct rblk_done *done, u64 now)
{
	struct rblk_readback_op *op = container_of(done, struct rblk_readback_op, io.done);
	struct rblk_node_readback *rb = op->rb;

	op->rb = NULL;
	if (!v->stopped)
		rblk_node_readback_done(v->m, rb, op->io.error, now);
}

static bool rblk_readback_add(struct rblk_readback_op *op, struct block_device *bdev,
			      const struct log_extent *ext, struct rblk_payload *p, u32 *block)
{
	struct bio *bio = op->nbio ? &op->bio[op->nbio - 1] : NULL;
	u64 sector = ext->off >> SECTOR_SHIFT;
	u32 i;

	if (op->nvec + ext->len / RBLK_BLOCK_SIZE > RBLK_READBACK_BIOS)
		return false;
	if (!bio || bio_end_sector(bio) != sector) {
		bio = &op->bio[op->nbio++];
		bio_init(bio, bdev, &op->vec[op->nvec], RBLK_READBACK_BIOS - op->nvec,
			 REQ_OP_READ | REQ_SYNC);
		bio->bi_iter.bi_sector = sector;
	}
	for (i = 0; i < ext->len; i += RBLK_BLOCK_SIZE) {
		rblk_payload_add(bio, p, (*block)++, RBLK_BLOCK_SIZE, 0);
		op->nvec++;
	}
	return true;
}

static bool rblk_readback_fill(struct rblk_volume *v, struct rblk_readback_op *op)
{
	struct rblk_node_readback *rb = op->rb;
	struct log_extent ext[2];
	u32 i, block;
	int k, n;

	op->nbio = 0;
	op->nvec = 0;
	for (i = 0; i < rb->n; i++) {
		if (!rb->buf[i])
			continue;
		block = 0;
		n = rblk_log_extents(&v->super, rb->pos[i], rb->buf[i]->nblocks * RBLK_BLOCK_SIZE,
				     ext);
		for (k = 0; k < n; k++)
			if (!rblk_readback_add(op, v->logio->lower.bdev, &ext[k],
					       rblk_payload(rb->buf[i]), &block))
				return false;
		rblk_io_hold(&op->io, rb->buf[i]);
	}
	return true;
}

/**
 * rblk_log_read() - struct rblk_node_ops: read payload of entries back from the ring
 * @host: the volume
 * @rb: what to read, and where to
 *
 * Context: owner.
 */
void rblk_log_read(void *host, struct rblk_node_readback *rb)
{
	struct rblk_volume *v = host;
	struct rblk_readback_op *op = NULL;
	bool filled;
	u32 i;

	for (i = 0; i < v->logio->nreadback && !op; i++)
		if (!v->logio->readback[i].rb)
			op = &v->logio->readback[i];
	if (WARN_ON_ONCE(!op)) {
		rblk_lower_fail(&v->logio->lower);
		return;
	}
	op->rb = rb;
	filled = rblk_readback_fill(v, op);
	if (filled && op->nbio) {
		rblk_io_submit(&op->io, op->bio, op->nbio);
		return;
	}
	/* There was nothing to read, or too much. No bio was started. */
	op->io.error = filled ? 0 : -EINVAL;
	for (i = 0; i < op->nbio; i++)
		bio_uninit(&op->bio[i]);
	while (op->io.nheld)
		rblk_payload_put(op->io.held[--op->io.nheld]);
	rblk_volume_done(v, &op->io.done);
}

static void rblk_block_free(struct rblk_block_op *op)
{
	int i;

	for (i = 0; i < RBLK_BLOCK_PAGES; i++)
		if (op->page[i])
			__free_page(op->page[i]);
}

static int rblk_block_alloc(struct rblk_volume *v, struct rblk_block_op *op,
			    void (*run)(struct rblk_volume *v, struct rblk_done *done, u64 now))
{
	int i;

	for (i = 0; i < RBLK_BLOCK_PAGES; i++) {
		op->page[i] = alloc_page(GFP_KERNEL);
		if (!op->page[i])
			return -ENOMEM;
	}
	rblk_io_init(&op->io, v, &v->logio->lower, run);
	return 0;
}

/**
 * rblk_logio_prepare() - allocate the operations; v->up is known
 * @v: the volume, its log device open
 *
 * Context: process; sleeps.
 * Return: 0 or -ENOMEM; rblk_logio_close() frees in either case.
 */
int rblk_logio_prepare(struct rblk_volume *v)
{
	struct rblk_logio *l = v->logio;
	u32 i;

	l->nreadback = v->up.npeers + 1;
	l->rec = kvcalloc(LOG_INFLIGHT, sizeof(*l->rec), GFP_KERNEL);
	l->readback = kvcalloc(l->nreadback, sizeof(*l->readback), GFP_KERNEL);
	l->bios = kvcalloc(2 * LOG_INFLIGHT + l->nreadback * RBLK_READBACK_BIOS, sizeof(*l->bios),
			   GFP_KERNEL);
	if (!l->rec || !l->readback || !l->bios || rblk_block_alloc(v, &l->meta, rblk_meta_ended) ||
	    rblk_block_alloc(v, &l->block, rblk_log_block_ended))
		return -ENOMEM;
	for (i = 0; i < LOG_INFLIGHT; i++) {
		rblk_io_init(&l->rec[i].io, v, &l->lower, rblk_log_write_ended);
		l->rec[i].io.held = l->rec[i].held;
		l->rec[i].bio = &l->bios[2 * i];
		list_add_tail(&l->rec[i].entry, &l->free);
	}
	for (i = 0; i < l->nreadback; i++) {
		rblk_io_init(&l->readback[i].io, v, &l->lower, rblk_readback_ended);
		l->readback[i].io.held = l->readback[i].held;
		l->readback[i].bio = &l->bios[2 * LOG_INFLIGHT + i * RBLK_READBACK_BIOS];
	}
	return 0;
}

/**
 * rblk_logio_open() - open the log device
 * @v: the volume
 * @err: the error text, RBLK_ERR_MAX bytes
 *
 * Context: process; sleeps.
 * Return: 0 or -errno.
 */
int rblk_logio_open(struct rblk_volume *v, char *err)
{
	struct rblk_logio *l = kzalloc(sizeof(*l), GFP_KERNEL);
	int ret;

	if (!l)
		return rblk_error_text(err, -ENOMEM, "no memory to open log device %s",
				       v->up.log_path);
	INIT_LIST_HEAD(&l->free);
	v->logio = l;
	ret = rblk_lower_open(v, &l->lower, v->up.log_dev, "log", v->up.log_path, err);
	if (ret)
		return ret;
	if (bdev_logical_block_size(l->lower.bdev) > RBLK_BLOCK_SIZE)
		return rblk_error_text(err, -EINVAL,
				       "log device %s has blocks of more than 4096 bytes",
				       v->up.log_path);
	if (!bdev_write_cache(l->lower.bdev))
		rblk_info(v,
			  "log device %s claims to have no volatile write cache: trusting that its writes are durable\n",
			  v->up.log_path);
	else if (rblk_logio_flushes(v))
		rblk_info(v, "log device %s has no FUA: each record is followed by a flush\n",
			  v->up.log_path);
	return 0;
}

/**
 * rblk_logio_start() - start the threads that submit to the log device
 * @v: the volume, its log device open and its minor known
 *
 * Context: process; sleeps.
 * Return: 0 or -errno.
 */
int rblk_logio_start(struct rblk_volume *v)
{
	return rblk_lower_start(&v->logio->lower, "log");
}

/**
 * rblk_logio_bytes() - tell the size of the log device
 * @v: the volume, its log device open
 *
 * Context: any.
 * Return: bytes.
 */
u64 rblk_logio_bytes(const struct rblk_volume *v)
{
	return bdev_nr_bytes(v->logio->lower.bdev);
}

/**
 * rblk_logio_lower() - get the log device
 * @v: the volume, its log device open
 *
 * Context: any.
 * Return: the device.
 */
struct rblk_lower *rblk_logio_lower(const struct rblk_volume *v)
{
	return &v->logio->lower;
}

/**
 * rblk_logio_failed() - is the log device gone?
 * @v: the volume, its log device open
 *
 * Context: any.
 * Return: true if it is gone for good.
 */
bool rblk_logio_failed(const struct rblk_volume *v)
{
	return rblk_lower_failed(&v->logio->lower);
}

/**
 * rblk_logio_flushes() - does each write to the log device cost a flush?
 * @v: the volume, its log device open
 *
 * Context: any.
 * Return: true if it has a volatile cache and no FUA.
 */
bool rblk_logio_flushes(const struct rblk_volume *v)
{
	struct block_device *bdev = v->logio->lower.bdev;

	return bdev_write_cache(bdev) && !bdev_fua(bdev);
}

/**
 * rblk_logio_flush() - flush the volatile cache of the log device, synchronously
 * @v: the volume, its log device open
 *
 * Context: process; sleeps.
 * Return: 0 or -errno.
 */
int rblk_logio_flush(struct rblk_volume *v)
{
	return blkdev_issue_flush(v->logio->lower.bdev);
}

static int rblk_logio_read(void *ctx, u64 off, void *buf, u32 len)
{
	struct rblk_volume *v = ctx;

	return rblk_lower_read(&v->logio->lower, off, buf, len);
}

/**
 * rblk_logio_reader() - get a synchronous reader for recovery
 * @v: the volume, its log device open
 * @rd: filled; the caller frees rd->scratch by vfree()
 *
 * Context: process; sleeps.
 * Return: 0 or -ENOMEM.
 */
int rblk_logio_reader(struct rblk_volume *v, struct log_reader *rd)
{
	rd->read = rblk_logio_read;
	rd->ctx = v;
	rd->scratch = vmalloc(LOG_SCRATCH_BYTES);
	return rd->scratch ? 0 : -ENOMEM;
}

/**
 * rblk_logio_wait() - wait until no bio is in flight; none may be started any more
 * @v: the volume
 *
 * Context: process; sleeps for as long as the device takes.
 */
void rblk_logio_wait(struct rblk_volume *v)
{
	if (v->logio)
		rblk_lower_wait(&v->logio->lower);
}

/**
 * rblk_logio_close() - close the log device and free its operations
 * @v: the volume; rblk_logio_wait() was called
 *
 * Context: process; sleeps.
 */
void rblk_logio_close(struct rblk_volume *v)
{
	struct rblk_logio *l = v->logio;

	if (!l)
		return;
	rblk_lower_close(&l->lower);
	rblk_block_free(&l->meta);
	rblk_block_free(&l->block);
	kvfree(l->rec);
	kvfree(l->readback);
	kvfree(l->bios);
	kfree(l);
	v->logio = NULL;
}
