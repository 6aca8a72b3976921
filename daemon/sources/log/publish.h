/* SPDX-License-Identifier: Apache-2.0 */
/*
 * publish: lines into LOG records, matches into ALERT records, losses into STATUS records.
 *
 * Flow:      line -> rules -> policy -> redactor -> record -> batcher
 * Ownership: owns its scratch memory; batcher, redactor and rules are borrowed and outlive it
 * Invariant: lines == records + filtered
 *
 * The redactor comes before the captures: what it hides in a line is in no field and no alert. The
 * first rule-matched line leaves at once; those that follow within JEM_PUBLISH_GATHER_NS leave
 * together at the end of a pass, so that a rule that matches everything costs no message a line.
 */
#ifndef JEM_DAEMON_SOURCES_LOG_PUBLISH_H
#define JEM_DAEMON_SOURCES_LOG_PUBLISH_H

#include "daemon/batcher.h"
#include "daemon/job.h"
#include "daemon/sources/log/follow.h"
#include "daemon/sources/log/rules.h"

#define JEM_PUBLISH_GATHER_NS 10000000u

enum jem_log_policy {
	JEM_LOG_ALL,
	JEM_LOG_MATCHED,
	JEM_LOG_OFF
};

struct jem_log_account {
	uint64_t lines;
	uint64_t records;  /* handed to the batcher, which accounts for them from there */
	uint64_t filtered; /* by log.publish */
	uint64_t known;    /* an earlier daemon has spooled them */
	uint64_t matched;
	uint64_t cut;    /* lines over log.line_max */
	uint64_t alerts; /* published; those over the rate are dropped as rate_limited */
	uint64_t ranges_lost;
	uint64_t bytes_lost; /* known to be */
	uint64_t bytes;
};

/* At most `burst` at once and one a second in the long run. */
struct jem_log_bucket {
	uint64_t full_at_ns;
	uint64_t suppressed; /* since the last one that was let through */
};

struct jem_log_publisher {
	struct jem_batcher *batcher;       /* borrowed, outlives us */
	struct jem_redactor *redactor;     /* borrowed, outlives us */
	struct jem_rules *rules;           /* borrowed, outlives us */
	struct jem_job *job;               /* borrowed: is told alerts and error lines; or NULL */
	const struct jem_spooled *spooled; /* borrowed: lines that are on disk already */
	enum jem_log_policy policy;
	uint64_t now_ns; /* of this pass */
	uint64_t urgent_ns;
	bool holds_match; /* a matched line waits in the batcher */
	const char *region_end;
	const char *pem; /* the next begin of a PEM block in the region */
	struct jem_buf copy;
	struct jem_buf text;
	struct jem_log_bucket lost;
	struct jem_log_bucket alerts[JEM_RULES_MAX];
	struct jem_log_account account;
};

void jem_log_publisher_init(struct jem_log_publisher *publisher, struct jem_batcher *batcher,
			    struct jem_redactor *redactor, struct jem_rules *rules,
			    enum jem_log_policy policy);
void jem_log_publisher_deinit(struct jem_log_publisher *publisher);

/* The lines of a pass happened now; at its end what is urgent leaves. */
void jem_log_publisher_begin_pass(struct jem_log_publisher *publisher, uint64_t now_ns);
void jem_log_publisher_end_pass(struct jem_log_publisher *publisher);

/* The sink of all follows; arg is the publisher. */
struct jem_follow_sink jem_log_publisher_sink(struct jem_log_publisher *publisher);

#endif
