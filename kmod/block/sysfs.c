// SPDX-License-Identifier: GPL-2.0
/* /sys/block/raftblkN/raftblk/: facts about the volume, one a file, read-only. */
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "block/internal.h"

static struct rblk_volume *rblk_sysfs_volume(struct device *dev)
{
	struct rblk_disk *d = dev_to_disk(dev)->private_data;

	return d->v;
}

static ssize_t rblk_volume_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", rblk_sysfs_volume(dev)->name);
}

static struct device_attribute rblk_attr_volume = __ATTR(volume, 0444, rblk_volume_show, NULL);

static ssize_t rblk_node_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", rblk_sysfs_volume(dev)->up.node);
}

static struct device_attribute rblk_attr_node = __ATTR(node, 0444, rblk_node_show, NULL);

static ssize_t rblk_state_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n",
			  rblk_volume_state_name(READ_ONCE(rblk_sysfs_volume(dev)->state)));
}

static struct device_attribute rblk_attr_state = __ATTR(state, 0444, rblk_state_show, NULL);

enum rblk_fact {
	RBLK_FACT_READY, RBLK_FACT_ROLE, RBLK_FACT_LEADER, RBLK_FACT_TERM, RBLK_FACT_AGE_MS
};

static ssize_t rblk_fact_show(struct device *dev, enum rblk_fact fact, char *buf)
{
	struct rblk_volume_info *info = kvmalloc(sizeof(*info), GFP_KERNEL);
	struct rblk_volume *v = rblk_sysfs_volume(dev);
	struct rblk_node_status *st;
	ssize_t r;

	if (!info)
		return -ENOMEM;
	st = &info->st;
	r = rblk_volume_info(v, info, rblk_look_until());
	if (r)
		goto out;
	switch (fact) {
	case RBLK_FACT_READY:
		r = sysfs_emit(buf, "%d\n", st->ready);
		break;
	case RBLK_FACT_ROLE:
		r = sysfs_emit(buf, "%s\n", rblk_role_name(st->raft.role));
		break;
	case RBLK_FACT_LEADER:
		r = sysfs_emit(buf, "%s\n", st->raft.leader ? rblk_leader_name(v, st) : "");
		break;
	case RBLK_FACT_TERM:
		r = sysfs_emit(buf, "%llu\n", st->raft.term);
		break;
	case RBLK_FACT_AGE_MS:
		r = sysfs_emit(buf, "%llu\n", info->age_ms);
		break;
	}
out:
	kvfree(info);
	return r;
}

static ssize_t rblk_ready_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return rblk_fact_show(dev, RBLK_FACT_READY, buf);
}

static struct device_attribute rblk_attr_ready = __ATTR(ready, 0444, rblk_ready_show, NULL);

static ssize_t rblk_role_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return rblk_fact_show(dev, RBLK_FACT_ROLE, buf);
}

static struct device_attribute rblk_attr_role = __ATTR(role, 0444, rblk_role_show, NULL);

static ssize_t rblk_leader_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return rblk_fact_show(dev, RBLK_FACT_LEADER, buf);
}

static struct device_attribute rblk_attr_leader = __ATTR(leader, 0444, rblk_leader_show, NULL);

static ssize_t rblk_term_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return rblk_fact_show(dev, RBLK_FACT_TERM, buf);
}

static struct device_attribute rblk_attr_term = __ATTR(term, 0444, rblk_term_show, NULL);

static ssize_t rblk_age_ms_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return rblk_fact_show(dev, RBLK_FACT_AGE_MS, buf);
}

static struct device_attribute rblk_attr_age_ms = __ATTR(age_ms, 0444, rblk_age_ms_show, NULL);

static struct attribute *rblk_attrs[] = {
	&rblk_attr_volume.attr,
	&rblk_attr_node.attr,
	&rblk_attr_state.attr,
	&rblk_attr_ready.attr,
	&rblk_attr_role.attr,
	&rblk_attr_leader.attr,
	&rblk_attr_term.attr,
	&rblk_attr_age_ms.attr,
	NULL
};

static const struct attribute_group rblk_group = {
	.name = RBLK_NAME,
	.attrs = rblk_attrs,
};

const struct attribute_group *rblk_disk_groups[] = { &rblk_group, NULL };

/**
 * rblk_disk_link() - show in sysfs which devices the disk stands on
 * @v: the volume, whose disk was added, and whose devices are open
 *
 * Context: process; sleeps.
 */
void rblk_disk_link(struct rblk_volume *v)
{
	rblk_lower_link(rblk_logio_lower(v), v->disk->gd);
	rblk_lower_link(rblk_dataio_lower(v), v->disk->gd);
}
