/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node_devices: which disks and interfaces count, so that nothing counts twice.
 *
 * Disks: whole ones that hold data themselves; partitions (part of a disk), device-mapper and RAID
 * (made of disks), loop and RAM devices do not count. Interfaces: those with hardware below them
 * where there is one, because bridges, bonds and tunnels carry the same bytes again; in a container,
 * where none has, all but loopback.
 */
#ifndef JEM_DAEMON_METRICS_NODE_DEVICES_H
#define JEM_DAEMON_METRICS_NODE_DEVICES_H

#include "common/metric.h"

#include <stdbool.h>

#define JEM_DEVICE_NAME 32

enum jem_device_class {
	JEM_DEVICES_DISKS,
	JEM_DEVICES_INTERFACES
};

struct jem_device {
	char name[JEM_DEVICE_NAME];
	bool counts; /* a whole disk; an interface with hardware */
};

/* What was found out about the devices, in the order the kernel lists them. */
struct jem_devices {
	const char *root; /* borrowed, outlives us */
	enum jem_device_class class;
	struct jem_device *known; /* owned */
	unsigned count;
};

void jem_devices_init(struct jem_devices *devices, const char *root, enum jem_device_class class);
void jem_devices_deinit(struct jem_devices *devices);

/* From the text of /proc/diskstats and /proc/net/dev. */
void jem_devices_sum_disks(struct jem_devices *devices, const char *text, double *values);
void jem_devices_sum_interfaces(struct jem_devices *devices, const char *text, double *values);

#endif
