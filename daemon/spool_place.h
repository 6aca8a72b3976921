/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool_place: where the spool of this daemon is, and its bounds, from the configuration.
 *
 * One folder, with a spool for each outlet in it: `broker`, and `collector` of `jem run`.
 */
#ifndef JEM_DAEMON_SPOOL_PLACE_H
#define JEM_DAEMON_SPOOL_PLACE_H

#include "broker-client/spool/spool.h"
#include "common/config.h"
#include "daemon/batcher.h"

#include <limits.h>

struct jem_spool_place {
	char folder[PATH_MAX];           /* "": no spool */
	char outlet[PATH_MAX];           /* of the outlet that was asked for last */
	struct jem_spool_options bounds; /* `dir` is set by jem_spool_place_options */
};

/*
 * spool.dir; else `spool` in the report's folder; else memory_jem-JOB.spool in the working folder or,
 * where that cannot be written, in $TMPDIR or /tmp. `memory_` keeps a pilot from taking it for progress.
 */
void jem_spool_place_find(const struct jem_config *config, const char *job,
			  struct jem_spool_place *ret);

/* Options of an outlet's spool, made in the folder; `dir` NULL where there is none. */
struct jem_spool_options jem_spool_place_options(struct jem_spool_place *place, const char *outlet);

/* A status record that names the epoch of an earlier daemon and the last batches it spooled, if any. */
void jem_spool_tell_previous(const struct jem_spool_last *last, struct jem_batcher *batcher);

/* Takes the folder away if nothing is left in it. */
void jem_spool_place_leave(const struct jem_spool_place *place);

#endif
