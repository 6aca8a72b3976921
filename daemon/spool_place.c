/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/spool_place.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void find_folder(const struct jem_config *config, const char *job, char ret[PATH_MAX])
{
	const char *given = jem_config_str(config, JEM_OPTION_spool_dir);
	const char *report = getenv("JEM_FOLDER");
	const char *temporary = getenv("TMPDIR");
	const char *where = "";

	ret[0] = '\0';
	if (!strcmp(jem_config_str(config, JEM_OPTION_spool_durability), "off"))
		return;
	if (given) {
		snprintf(ret, PATH_MAX, "%s", given);
		return;
	}
	if (report) {
		snprintf(ret, PATH_MAX, "%s/spool", report);
		return;
	}
	if (access(".", W_OK) < 0)
		where = temporary && *temporary ? temporary : "/tmp";
	snprintf(ret, PATH_MAX, "%s%smemory_jem-%s.spool", where, *where ? "/" : "", job);
}

void jem_spool_place_find(const struct jem_config *config, const char *job,
			  struct jem_spool_place *ret)
{
	*ret = (struct jem_spool_place){
		.bounds = { .max_bytes = jem_config_u64(config, JEM_OPTION_spool_max_bytes),
			    .max_age_us = jem_config_ns(config, JEM_OPTION_spool_max_age) / 1000,
			    .min_free =
				    (double)jem_config_u64(config, JEM_OPTION_spool_min_free) / 100,
			    .is_power = !strcmp(jem_config_str(config, JEM_OPTION_spool_durability),
						"power") },
	};
	find_folder(config, job, ret->folder);
}

struct jem_spool_options jem_spool_place_options(struct jem_spool_place *place, const char *outlet)
{
	struct jem_spool_options options = place->bounds;

	options.dir = NULL;
	if (!place->folder[0])
		return options;
	(void)mkdir(place->folder,
		    0700); /* what is wrong with it is told when the spool in it is opened */
	if ((size_t)snprintf(place->outlet, sizeof(place->outlet), "%s/%s", place->folder, outlet) <
	    sizeof(place->outlet))
		options.dir = place->outlet;
	return options;
}

void jem_spool_place_leave(const struct jem_spool_place *place)
{
	if (place->folder[0])
		rmdir(place->folder);
}

static void tell_epoch(const struct jem_spool_last *last, uint64_t epoch,
		       struct jem_batcher *batcher)
{
	struct jem_record *record = jem_batcher_begin(batcher, JEM_KIND_status, jem_now_ns());
	char text[JEM_EPOCH_SIZE];

	snprintf(text, sizeof(text), "%016" PRIx64, epoch);
	jem_record_word(record, "state", "epoch");
	jem_record_word(record, "text",
			"an earlier daemon left batches on disk; they are sent now");
	jem_record_word(record, "previous", text);
	jem_record_object_begin(record, "last");
	for (int kind = 0; kind < JEM_KIND_COUNT; kind++)
		if (last[kind].epoch == epoch)
			jem_record_u64(record, jem_kinds[kind].name, last[kind].seq);
	jem_record_object_end(record);
	jem_batcher_end(batcher, JEM_URGENT);
}

/*
 * The receiver can name what it misses at the end of an earlier epoch only if it is told how far that came. A
 * daemon that ends early has not spooled every kind: what is found last is of several epochs then.
 */
void jem_spool_tell_previous(const struct jem_spool_last *last, struct jem_batcher *batcher)
{
	for (int kind = 0; kind < JEM_KIND_COUNT; kind++) {
		bool is_told = !last[kind].epoch;

		for (int before = 0; before < kind; before++)
			is_told |= last[before].epoch == last[kind].epoch;
		if (!is_told)
			tell_epoch(last, last[kind].epoch, batcher);
	}
}
