/* SPDX-License-Identifier: Apache-2.0 */
/*
 * threshold: rules on metrics, as ALERT records.
 *
 * Flow:      sample -> each [rule NAME] with `when` -> ALERT
 * Thread:    loop thread
 * Ownership: owns the parsed rules; configuration, batcher and job are borrowed and outlive it
 * Invariant: one alert an episode. An episode begins when the condition has held for its time, and
 *            ends, with an alert of severity info, when the value is 5 % of the bound beyond it
 */
#ifndef JEM_DAEMON_RULES_THRESHOLD_H
#define JEM_DAEMON_RULES_THRESHOLD_H

#include "common/config.h"
#include "daemon/batcher.h"
#include "daemon/job.h"
#include "daemon/sample.h"

struct jem_threshold_rules;

/* A rule that does not parse is left out: jem check and the start have told it. `job` may be NULL. */
int jem_threshold_rules_create(const struct jem_config *config, struct jem_batcher *batcher,
			       struct jem_job *job, struct jem_threshold_rules **ret);
void jem_threshold_rules_destroy(struct jem_threshold_rules *rules);

size_t jem_threshold_rules_count(const struct jem_threshold_rules *rules);

void jem_threshold_rules_sample(struct jem_threshold_rules *rules, const struct jem_sample *sample);

#endif
