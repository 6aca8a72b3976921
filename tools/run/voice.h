/* SPDX-License-Identifier: Apache-2.0 */
/*
 * voice: what the launcher says on standard error, which is the job's own stream.
 *
 * One line each, "jem: ...", control characters made harmless, written by one write(2) and only
 * where it cannot block: a full pipe or a stopped terminal costs the line, never the job's time.
 */
#ifndef JEM_TOOLS_RUN_VOICE_H
#define JEM_TOOLS_RUN_VOICE_H

#include <stdbool.h>
#include <stdint.h>

#define JEM_FAULTS_MAX 64

struct jem_voice {
	bool is_quiet;
	unsigned fault_count;          /* different ones */
	uint32_t told[JEM_FAULTS_MAX]; /* their hashes */
};

/* A line for people; not with --quiet. */
void jem_voice_say(const struct jem_voice *voice, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Why nothing is run; --quiet or not. */
void jem_voice_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A fault in the monitoring, once: the same text is not told again, nor more than 64 of them. */
void jem_voice_fault(struct jem_voice *voice, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
