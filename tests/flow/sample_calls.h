/* SPDX-License-Identifier: Apache-2.0 */
/* sample_calls: calls and profile of the made-up job of sample_report. */
#ifndef JEM_TESTS_FLOW_SAMPLE_CALLS_H
#define JEM_TESTS_FLOW_SAMPLE_CALLS_H

#include "receiver/model.h"

/* Feeds `samples` seconds of them, from t0_us on; equal arguments give equal calls. */
void sample_calls_feed(struct jem_job_model *model, uint64_t t0_us, unsigned samples,
		       bool is_hostile);

#endif
