/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model_sink: what a machine tells -> a model. Names are those of the model: the decoder is given them.
 *
 * Ownership: the sink borrows the model
 */
#ifndef JEM_TRACER_SCHED_MODEL_SINK_H
#define JEM_TRACER_SCHED_MODEL_SINK_H

#include "common/sched/model.h"
#include "tracer/sched/machine.h"

struct jem_sched_sink jem_sched_model_sink(struct jem_sched_model *model);

/* Once the machine has finished: counts and times of the data; the model is sealed. */
int jem_sched_model_complete(struct jem_sched_model *model,
			     const struct jem_sched_machine *machine);

#endif
