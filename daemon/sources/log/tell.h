/* SPDX-License-Identifier: Apache-2.0 */
/* tell: what people must know about the following of logs, as STATUS records. */
#ifndef JEM_DAEMON_SOURCES_LOG_TELL_H
#define JEM_DAEMON_SOURCES_LOG_TELL_H

#include "daemon/batcher.h"
#include "daemon/sources/log/follow.h"

/* `observing` log: how many names and rules, and whether lines come at once or by polling. */
void jem_log_tell_start(struct jem_batcher *batcher, size_t files, size_t rules, bool is_watched);

/* `observing` stdout or stderr: `r` is what following its `target` came to. */
void jem_log_tell_stream(struct jem_batcher *batcher, const char *name, const char *target, int r);

/* `degraded`, with what, file and text. */
void jem_log_tell_degraded(struct jem_batcher *batcher, const char *file, const char *text);

/* `degraded` for a faulty or slow rule; `arg` is the batcher (jem_rule_fault_fn). */
void jem_log_tell_rule(void *arg, const char *name, const char *text);

/* `degraded` with the range that can no more be read; from == to: nothing is known to be lost. */
void jem_log_tell_cut(struct jem_batcher *batcher, const struct jem_follow *follow,
		      const struct jem_follow_file *file, uint64_t from, uint64_t to,
		      uint64_t suppressed);

/* `degraded` for each file with bytes left, which are counted as undelivered. */
void jem_log_tell_left(struct jem_batcher *batcher, const struct jem_follow *follow);

#endif
