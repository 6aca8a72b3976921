/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tints: which colour a task has in the graphs of scheduling, the same in every run and every window.
 *
 * By thread number and by parent the colour is that of the number, so neighbours differ. By command
 * the commands that ran longest choose first, each the colour of its name where that is free; so the
 * same command mostly has the same colour in graphs that are drawn apart, too. With a target, tasks
 * of other names are black.
 *
 * The twelve colours are Okabe and Ito's six strongest and six more, chosen so that each pair stays
 * apart for readers without red or green cones and on light and dark ground.
 *
 * Ownership: owns its table; the models are borrowed for the call that makes it
 */
#ifndef JEM_RECEIVER_SCHED_TINTS_H
#define JEM_RECEIVER_SCHED_TINTS_H

#include "common/sched/model.h"
#include "receiver/graph/canvas.h"

enum {
	JEM_TINT_OTHER, /* black */
	JEM_TINT_FIRST,
	JEM_TINT_COUNT = 13,
};

enum jem_tint_by {
	JEM_TINT_BY_PID, /* of the thread, as the kernel calls it */
	JEM_TINT_BY_COMMAND,
	JEM_TINT_BY_PARENT,
};

struct jem_tints {
	enum jem_tint_by by;
	const char *target;  /* borrowed; NULL: all have colours */
	const char *foreign; /* borrowed; NULL: none */
	uint8_t **of_name;   /* owned; by model and index of the name */
	size_t count;        /* of models */
};

/* 0 or -ENOMEM. */
int jem_tints_init(struct jem_tints *tints, enum jem_tint_by by, const char *target,
		   const struct jem_sched_model *const *models, size_t count);
/* Makes that name black in all models: what a job's folder calls tasks that are not its own. */
void jem_tints_set_foreign(struct jem_tints *tints, const char *foreign,
			   const struct jem_sched_model *const *models);
void jem_tints_deinit(struct jem_tints *tints);

/* Of a slice of the model that was number `which`: JEM_TINT_OTHER up to JEM_TINT_COUNT - 1. */
unsigned jem_tints_of(const struct jem_tints *tints, size_t which,
		      const struct jem_sched_model *model, const struct jem_sched_slice *slice);
/* Of a command, whatever the colours are by; as the legend shows it. */
unsigned jem_tints_of_name(const struct jem_tints *tints, size_t which, uint32_t comm);

struct jem_paint jem_tint_paint(unsigned tint);
/* 0xRRGGBB on light ground. */
uint32_t jem_tint_rgb(unsigned tint);

#endif
