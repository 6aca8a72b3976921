/* SPDX-License-Identifier: Apache-2.0 */
/* observing: says once what can be observed, at which level, and what would give more. */
#ifndef JEM_DAEMON_METRICS_OBSERVING_H
#define JEM_DAEMON_METRICS_OBSERVING_H

#include "daemon/batcher.h"
#include "daemon/sources/metrics/sampler.h"

/* Publishes a STATUS record `observing` for each part. */
void jem_observing_publish(struct jem_batcher *batcher, const struct jem_sampler *sampler);

#endif
