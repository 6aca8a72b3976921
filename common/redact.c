/* SPDX-License-Identifier: Apache-2.0 */
#include "common/redact.h"

#include "common/cleanup.h"

#include <errno.h>
#include <stdint.h>
#include <strings.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum {
	MATCH_LIMIT = 100000, /* steps of one pattern on one text: a hostile line costs a ms */
	PATTERNS_MAX = 64,
};

struct jem_redactor {
	pcre2_code *patterns[PATTERNS_MAX]; /* owned */
	size_t count;
	pcre2_match_data *match;      /* owned */
	pcre2_match_context *context; /* owned */
	struct jem_buf text;          /* the last text that had something to hide */
	struct jem_buf previous;      /* the other half of the swap, when several patterns match */
};

static int compile(struct jem_redactor *redactor, const char *pattern, struct jem_err *err)
{
	PCRE2_UCHAR8 reason[128];
	PCRE2_SIZE offset;
	int code;
	pcre2_code *compiled =
		pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
			      PCRE2_UTF | PCRE2_MATCH_INVALID_UTF, &code, &offset, NULL);

	if (!compiled) {
		pcre2_get_error_message(code, reason, sizeof(reason));
		return jem_err_set(err, -EINVAL, "pattern '%s': %s at character %zu", pattern,
				   (char *)reason, offset);
	}
	pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
	redactor->patterns[redactor->count++] = compiled;
	return 0;
}

int jem_redactor_create(const char *const *patterns, size_t count, struct jem_redactor **ret,
			struct jem_err *err)
{
	struct jem_redactor *redactor;
	int status = 0;

	if (count > PATTERNS_MAX)
		return jem_err_set(err, -EINVAL, "more than %d patterns", PATTERNS_MAX);
	redactor = calloc(1, sizeof(*redactor));
	if (!redactor)
		return -ENOMEM;
	jem_buf_init(&redactor->text, 0);
	jem_buf_init(&redactor->previous, 0);
	redactor->match = pcre2_match_data_create(1, NULL);
	redactor->context = pcre2_match_context_create(NULL);
	if (!redactor->match || !redactor->context)
		status = -ENOMEM;
	else
		pcre2_set_match_limit(redactor->context, MATCH_LIMIT);
	for (size_t i = 0; i < count && status == 0; i++)
		status = compile(redactor, patterns[i], err);
	if (status < 0) {
		jem_redactor_destroy(redactor);
		return status;
	}
	*ret = redactor;
	return 0;
}

void jem_redactor_destroy(struct jem_redactor *redactor)
{
	if (!redactor)
		return;
	for (size_t i = 0; i < redactor->count; i++)
		pcre2_code_free(redactor->patterns[i]);
	pcre2_match_data_free(redactor->match);
	pcre2_match_context_free(redactor->context);
	jem_buf_deinit(&redactor->text);
	jem_buf_deinit(&redactor->previous);
	free(redactor);
}

/* Replaces every match of one pattern; `text` itself when there is none. */
static const char *hide_matches(struct jem_redactor *redactor, const pcre2_code *pattern,
				const char *text, size_t *len)
{
	PCRE2_SIZE *range = pcre2_get_ovector_pointer(redactor->match);
	struct jem_buf swap = redactor->previous;
	size_t done = 0;
	size_t from = 0;

	redactor->previous = redactor->text;
	redactor->text = swap;
	jem_buf_clear(&redactor->text);
	while (from <= *len) {
		int found = pcre2_match(pattern, (PCRE2_SPTR)text, *len, from, 0, redactor->match,
					redactor->context);

		if (found == PCRE2_ERROR_NOMATCH)
			break;
		if (found < 0) { /* the limit: what cannot be judged is not published */
			range[0] = from;
			range[1] = *len;
		}
		if (range[1] > range[0]) {
			jem_buf_add(&redactor->text, text + done, range[0] - done);
			jem_buf_add(&redactor->text, "***", 3);
			done = range[1];
		}
		from = range[1] > from ? range[1] : from + 1;
	}
	if (!done) {
		swap = redactor->previous;
		redactor->previous = redactor->text;
		redactor->text = swap;
		return text;
	}
	jem_buf_add(&redactor->text, text + done, *len - done);
	*len = redactor->text.len;
	return redactor->text.data;
}

const char *jem_redact(struct jem_redactor *redactor, const char *text, size_t *len)
{
	for (size_t i = 0; i < redactor->count; i++)
		text = hide_matches(redactor, redactor->patterns[i], text, len);
	if (redactor->text.failed) {
		*len = 3;
		return "***";
	}
	return text;
}

bool jem_redact_name_is_secret(const char *name, size_t len)
{
	static const char *const words[] = { "pass", "secret", "token",  "key",
					     "cred", "auth",   "cookie", "proxy" };

	for (size_t i = 0; i < len; i++)
		for (size_t w = 0; w < sizeof(words) / sizeof(*words); w++) {
			size_t n = strlen(words[w]);

			if (n <= len - i && !strncasecmp(name + i, words[w], n))
				return true;
		}
	return false;
}
