/* SPDX-License-Identifier: Apache-2.0 */
/* options: the command line of `jem run`, and what it hands on to the monitors. */
#ifndef JEM_TOOLS_RUN_OPTIONS_H
#define JEM_TOOLS_RUN_OPTIONS_H

#include "common/config.h"
#include "common/job_id.h"
#include "tools/run/voice.h"

struct jem_run_options {
	struct jem_config *config; /* owned */
	struct jem_job_id id;
	char **command; /* borrowed from argv, NULL-terminated */
	char **words; /* owned: the options as --set SECTION.KEY=VALUE, without run.job, run.out */
	int word_count;  /* of them */
	const char *out; /* borrowed from config: --out, or NULL */
	bool has_broker;
	bool is_strict;
	bool is_tee;
	uint64_t start_wait_ns;
	uint64_t drain_ns;
};

/*
 * 0: go on; 1: help or version was printed; negative errno: a fault on the command line, told.
 * Faults in environment and configuration file are told and counted by `voice`.
 */
int jem_run_options_parse(struct jem_run_options *options, int argc, char **argv,
			  struct jem_voice *voice);
void jem_run_options_deinit(struct jem_run_options *options);

#endif
