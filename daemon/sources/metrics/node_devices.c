/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/node_devices.h"

#include "daemon/sources/metrics/proc_file.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	DEVICES_MAX = 1024,
	SECTOR_BYTES = 512, /* of diskstats, whatever the device's own */
};

void jem_devices_init(struct jem_devices *devices, const char *root, enum jem_device_class class)
{
	*devices = (struct jem_devices){ .root = root, .class = class };
}

void jem_devices_deinit(struct jem_devices *devices)
{
	free(devices->known);
	devices->known = NULL;
	devices->count = 0;
}

static bool starts_with(const char *name, const char *start)
{
	return !strncmp(name, start, strlen(start));
}

static bool device_counts(const struct jem_devices *devices, const char *name)
{
	static const char *const made_of_others[] = {
		"loop", "ram", "zram", "dm-", "md", "sr", "fd"
	};
	char path[PATH_MAX];

	if (devices->class == JEM_DEVICES_INTERFACES) {
		snprintf(path, sizeof(path), "%s/sys/class/net/%s/device", devices->root, name);
		return !access(path, F_OK);
	}
	for (size_t i = 0; i < sizeof(made_of_others) / sizeof(*made_of_others); i++)
		if (starts_with(name, made_of_others[i]))
			return false;
	snprintf(path, sizeof(path), "%s/sys/block/%s", devices->root, name);
	for (char *c = path + strlen(devices->root) + strlen("/sys/block/"); *c; c++)
		if (*c == '/')
			*c = '!'; /* as sysfs writes cciss/c0d0 */
	return !access(path, F_OK);
}

/* The i-th device of the list. Looked up in /sys only when it is not who stood there before. */
static bool counts(struct jem_devices *devices, unsigned i, const char *name)
{
	struct jem_device *device;

	if (i >= DEVICES_MAX)
		return false;
	if (i >= devices->count) {
		struct jem_device *larger = realloc(devices->known, (i + 1) * sizeof(*larger));

		if (!larger)
			return false;
		memset(larger + devices->count, 0, (i + 1 - devices->count) * sizeof(*larger));
		devices->known = larger;
		devices->count = i + 1;
	}
	device = &devices->known[i];
	if (strcmp(device->name, name)) {
		snprintf(device->name, sizeof(device->name), "%s", name);
		device->counts = device_counts(devices, name);
	}
	return device->counts;
}

static const char *next_line(const char *at)
{
	at = strchr(at, '\n');
	return at && at[1] ? at + 1 : NULL;
}

static bool take_name(const char **at, const char *end_marks, char name[JEM_DEVICE_NAME])
{
	size_t len;

	*at += strspn(*at, " ");
	len = strcspn(*at, end_marks);
	if (!len || len >= JEM_DEVICE_NAME || (*at)[len] == '\n' || !(*at)[len])
		return false;
	memcpy(name, *at, len);
	name[len] = '\0';
	*at += len + 1;
	return true;
}

/* Numbers of a line; true if all `count` are there. */
static bool take_numbers(const char *at, uint64_t *numbers, int count)
{
	for (int i = 0; i < count; i++)
		if (!jem_proc_next(&at, &numbers[i]))
			return false;
	return true;
}

/* Documentation/admin-guide/iostats.rst */
void jem_devices_sum_disks(struct jem_devices *devices, const char *text, double *values)
{
	enum {
		READS,
		READ_SECTORS = 2,
		WRITES = 4,
		WRITE_SECTORS = 6,
		BUSY_MS = 9,
		COUNT = 10
	};
	double sums[4] = { 0 };
	double busiest_s = 0;
	unsigned i = 0;

	for (const char *line = text; line; line = next_line(line), i++) {
		char name[JEM_DEVICE_NAME];
		uint64_t n[COUNT];
		const char *at = line;
		uint64_t number[2];

		if (!jem_proc_next(&at, &number[0]) || !jem_proc_next(&at, &number[1]) ||
		    !take_name(&at, " \n", name) || !take_numbers(at, n, COUNT) ||
		    !counts(devices, i, name))
			continue;
		sums[0] += (double)n[READ_SECTORS] * SECTOR_BYTES;
		sums[1] += (double)n[WRITE_SECTORS] * SECTOR_BYTES;
		sums[2] += (double)n[READS];
		sums[3] += (double)n[WRITES];
		if ((double)n[BUSY_MS] / 1000 > busiest_s)
			busiest_s = (double)n[BUSY_MS] / 1000;
	}
	values[JEM_METRIC_disk_read_bytes] = sums[0];
	values[JEM_METRIC_disk_write_bytes] = sums[1];
	values[JEM_METRIC_disk_reads] = sums[2];
	values[JEM_METRIC_disk_writes] = sums[3];
	values[JEM_METRIC_disk_busy_s] = busiest_s;
}

void jem_devices_sum_interfaces(struct jem_devices *devices, const char *text, double *values)
{
	enum {
		RX_BYTES,
		RX_PACKETS,
		TX_BYTES = 8,
		TX_PACKETS,
		COUNT
	};
	static const int columns[4] = { RX_BYTES, TX_BYTES, RX_PACKETS, TX_PACKETS };
	double all[4] = { 0 };
	double hardware[4] = { 0 };
	bool has_hardware = false;
	unsigned i = 0;

	for (const char *line = text; line; line = next_line(line), i++) {
		char name[JEM_DEVICE_NAME];
		uint64_t n[COUNT];
		const char *at = line;
		bool is_hardware;

		if (!take_name(&at, ":\n", name) || !take_numbers(at, n, COUNT) ||
		    !strcmp(name, "lo"))
			continue;
		is_hardware = counts(devices, i, name);
		has_hardware |= is_hardware;
		for (int c = 0; c < 4; c++) {
			all[c] += (double)n[columns[c]];
			hardware[c] += is_hardware ? (double)n[columns[c]] : 0;
		}
	}
	for (int c = 0; c < 4; c++) {
		static const int metrics[4] = { JEM_METRIC_net_receive_bytes,
						JEM_METRIC_net_transmit_bytes,
						JEM_METRIC_net_receive_packets,
						JEM_METRIC_net_transmit_packets };

		values[metrics[c]] = has_hardware ? hardware[c] : all[c];
	}
}
