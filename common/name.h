/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name: names and topics of the contract (DESIGN section 3).
 *
 * A name on the wire is 1 to 48 characters of [A-Za-z0-9_-]. Anything else is reduced: foreign
 * characters become `_`, and a changed name ends in `-` and six hex digits of the hash (FNV-1a,
 * 24 bits) of the true name, which travels in the head.
 *
 * A topic is jem.<site>.<user>.<job>.<node>.<kind>. A pattern is a topic in which `*` stands for
 * one level and a trailing or inner `#` for any number of levels, none included.
 */
#ifndef JEM_COMMON_NAME_H
#define JEM_COMMON_NAME_H

#include "common/kind.h"

#define JEM_NAME_MAX  48
#define JEM_TOPIC_MAX 256

struct jem_source_names {
	char site[JEM_NAME_MAX + 1];
	char user[JEM_NAME_MAX + 1];
	char job[JEM_NAME_MAX + 1];
	char node[JEM_NAME_MAX + 1];
};

bool jem_name_is_valid(const char *name, size_t len);

/* Reduces `truth` to a valid name; returns true if it had to change. */
bool jem_name_reduce(const char *truth, char ret[JEM_NAME_MAX + 1]);

/* Writes the topic; the names are valid, so it always fits. */
void jem_topic_format(const struct jem_source_names *names, enum jem_kind kind,
		      char ret[JEM_TOPIC_MAX]);

/* Takes a topic apart: 0, or -EINVAL for anything that jem_topic_format did not write. */
int jem_topic_parse(const char *topic, size_t len, struct jem_source_names *names,
		    enum jem_kind *kind);

/* Whether `pattern` is one of ours: levels of names, `*` or `#`, at most JEM_TOPIC_MAX - 1 long. */
bool jem_pattern_is_valid(const char *pattern, size_t len);

bool jem_pattern_matches(const char *pattern, size_t pattern_len, const char *topic,
			 size_t topic_len);

#endif
