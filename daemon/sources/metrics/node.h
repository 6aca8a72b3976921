/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node: what the kernel tells of the whole machine, read once a tick.
 *
 * Thread:    loop thread; every file is a read of kernel memory that cannot wait for a device
 *            (free space, which can, is folders')
 * Ownership: owns its descriptors and its buffer; the root is borrowed and outlives it
 * Invariant: what cannot be read is NAN, never 0
 */
#ifndef JEM_DAEMON_METRICS_NODE_H
#define JEM_DAEMON_METRICS_NODE_H

#include "common/metric.h"

#include <stdint.h>
#include <sys/types.h>

struct jem_core {
	unsigned id;
	double busy_s;
};

struct jem_node;

int jem_node_create(const char *root, struct jem_node **ret);
void jem_node_destroy(struct jem_node *node);

/* Fills the NODE values that come from the kernel; leaves the others alone. */
void jem_node_read(struct jem_node *node, double values[JEM_METRIC_COUNT]);

/* Cores of the last read; valid until the next. */
const struct jem_core *jem_node_cores(const struct jem_node *node, size_t *count);

/* The pid made last (loadavg), 0 when unknown. */
pid_t jem_node_last_pid(const struct jem_node *node);

#endif
