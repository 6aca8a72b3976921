/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call_text: a call as text for people, in calls.log, `jem calls`, `jem log` and pages.
 *
 *	12345/12346   fit::Fit::run(n=3, track={...})  fit.cc:41, from main.cc:12
 *	12345/12346   <- fit::Fit::run  0.123 ms  return 3.5  [chi2=1.07]
 *
 * Two spaces a level after process and thread. Files without their folders.
 *
 * Bounds:    JEM_CALL_TEXT bytes a line, values JEM_CALL_VALUES of them
 * Invariant: as record_text: no control character, whatever the job has in its names
 */
#ifndef JEM_RECEIVER_CALLS_CALL_TEXT_H
#define JEM_RECEIVER_CALLS_CALL_TEXT_H

#include "receiver/calls/call.h"

enum {
	JEM_CALL_TEXT = 2048,
	JEM_CALL_VALUES = 480,
	JEM_CALL_NAME = 200,
	JEM_CALL_INDENT = 40, /* levels; deeper ones tell their depth in brackets */
};

/* `12345/12346` and the indentation. */
void jem_call_write_place(struct jem_buf *buf, const struct jem_call *call);

/* name(values)  file:line; of an exit the name alone. */
void jem_call_write_function(struct jem_buf *buf, const struct jem_call *call);

/* Of an exit: its duration, return value and locals, each after two spaces. */
void jem_call_write_result(struct jem_buf *buf, const struct jem_call *call);

/* The whole line, without time and newline. */
void jem_call_write(struct jem_buf *buf, const struct jem_call *call);

/* Cuts what was written from `start` on at JEM_CALL_TEXT bytes, with a mark. */
void jem_call_cut(struct jem_buf *buf, size_t start);

/* 1.23 us, 12.3 ms, 1.23 s. */
void jem_call_write_duration(struct jem_buf *buf, uint64_t ns);

#endif
