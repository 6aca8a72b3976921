/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel writes, with what processes put into it. The first byte chooses the file. Texts
 * end in a NUL, as the reader leaves them.
 */
#include "daemon/sources/metrics/maps.h"
#include "daemon/sources/metrics/node_devices.h"
#include "daemon/sources/metrics/proc_events.h"
#include "daemon/sources/metrics/proc_read.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse_stat(const char *text, size_t len)
{
	struct jem_proc_stat stat;

	if (jem_proc_parse_stat(text, len, &stat) < 0)
		return;
	if (strlen(stat.comm) >= sizeof(stat.comm) || stat.pid < 0 || stat.ppid < 0)
		abort();
}

static void parse_devices(const char *text, enum jem_device_class class)
{
	double values[JEM_METRIC_COUNT];
	struct jem_devices devices;

	jem_devices_init(&devices, "/nowhere", class);
	if (class == JEM_DEVICES_DISKS)
		jem_devices_sum_disks(&devices, text, values);
	else
		jem_devices_sum_interfaces(&devices, text, values);
	jem_devices_deinit(&devices);
}

static void read_maps(const uint8_t *data, size_t size)
{
	struct jem_mapping mapping;
	struct jem_maps maps = { .fd = memfd_create("maps", MFD_CLOEXEC) };

	if (maps.fd < 0 || pwrite(maps.fd, data, size, 0) != (ssize_t)size)
		abort();
	while (jem_maps_next(&maps, &mapping))
		if (mapping.end < mapping.start || maps.at > maps.len)
			abort();
	jem_maps_close(&maps);
}

static void parse_event(const uint8_t *data, size_t size)
{
	struct jem_task_event event;

	if (jem_proc_events_parse(data, size, &event) &&
	    strnlen(event.comm, sizeof(event.comm)) == sizeof(event.comm))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jem_proc_status status;
	struct jem_proc_io io;
	char *text;

	if (!size || !(text = malloc(size)))
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0]) {
	case '1':
		parse_stat(text, size - 1);
		break;
	case '2':
		(void)jem_proc_parse_status(text, &status);
		break;
	case '3':
		(void)jem_proc_parse_io(text, &io);
		break;
	case '4':
		parse_devices(text, JEM_DEVICES_DISKS);
		break;
	case '5':
		parse_devices(text, JEM_DEVICES_INTERFACES);
		break;
	case '6':
		read_maps(data + 1, size - 1);
		break;
	case '7':
		parse_event(data + 1, size - 1);
		break;
	default:
		(void)jem_proc_psi_s(text, "some ");
		(void)jem_proc_psi_s(text, "full ");
		break;
	}
	free(text);
	return 0;
}
