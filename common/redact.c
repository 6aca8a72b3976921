/* SPDX-License-Identifier: Apache-2.0 */
#include "common/redact.h"

#include "common/redact_credential.h"
#include "common/redact_scan.h"
#include "common/redact_value.h"

#include <errno.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum {
	MATCH_LIMIT = 100000, /* steps of one pattern on one text: a hostile line costs a ms */
	PATTERNS_MAX = 64,
	KEEP_CAP = 64 << 10, /* memory kept from text to text */
	PEM_LABEL_MAX = 64,
};

struct jem_redactor {
	struct jem_redact_scanner scanner;
	pcre2_code *patterns[PATTERNS_MAX]; /* owned */
	size_t count;
	pcre2_match_data *match;      /* owned */
	pcre2_match_context *context; /* owned */
	/* A text passes stages; each that hides something writes the buffer it does not read. */
	struct jem_buf texts[2];
	unsigned current;
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
	jem_redact_scanner_init(&redactor->scanner);
	jem_buf_init(&redactor->texts[0], 0);
	jem_buf_init(&redactor->texts[1], 0);
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
	jem_buf_deinit(&redactor->texts[0]);
	jem_buf_deinit(&redactor->texts[1]);
	free(redactor);
}

/* A stage: what it hides, and the text that results. */

struct stage {
	struct jem_redactor *redactor;
	struct jem_redact_text in;
	struct jem_buf *out;
	size_t done; /* bytes of `in` that are in `out`, as they are or hidden */
};

static struct stage begin_stage(struct jem_redactor *redactor, struct jem_redact_text in)
{
	struct stage stage = { redactor, in, &redactor->texts[!redactor->current], 0 };

	jem_buf_clear(stage.out);
	return stage;
}

static void hide(struct stage *stage, size_t start, size_t end)
{
	const char *s = stage->in.s;

	if (end - start == 3 && !memcmp(s + start, "***", 3))
		return; /* redacted before */
	jem_buf_add(stage->out, s + stage->done, start - stage->done);
	jem_buf_add(stage->out, "***", 3);
	stage->done = end;
}

static struct jem_redact_text end_stage(struct stage *stage)
{
	if (!stage->done)
		return stage->in;
	jem_buf_add(stage->out, stage->in.s + stage->done, stage->in.len - stage->done);
	if (stage->out->failed) /* no memory: nothing is published rather than too much */
		return (struct jem_redact_text){ "***", 3 };
	stage->redactor->current ^= 1;
	return (struct jem_redact_text){ stage->out->data, stage->out->len };
}

/* PEM blocks (RFC 7468): their labels stay, what is between them goes. */

static const char *find(struct jem_redact_text text, size_t from, const char *what)
{
	return memmem(text.s + from, text.len - from, what, strlen(what));
}

/* Hides the body of the block whose "-----BEGIN " ends at `at`; where to go on. */
static size_t hide_pem(struct stage *stage, size_t at)
{
	struct jem_redact_text text = stage->in;
	size_t label_max = text.len - at < PEM_LABEL_MAX ? text.len - at : PEM_LABEL_MAX;
	const char *label_end = memmem(text.s + at, label_max, "-----", 5);
	const char *end;
	size_t body;

	if (!label_end)
		return at;
	body = (size_t)(label_end - text.s) + 5;
	end = find(text, body, "-----END");
	if (!end)
		end = text.s + text.len;
	if (text.s + body < end)
		hide(stage, body, (size_t)(end - text.s));
	return (size_t)(end - text.s);
}

/* What the words of the contract lead to. */

static struct jem_redact_text hide_words(struct jem_redactor *redactor, struct jem_redact_text text)
{
	struct stage stage = begin_stage(redactor, text);
	struct jem_redact_hit hit = { 0 };
	size_t name_end = 0;
	size_t from = 0;

	while (jem_redact_scan(&redactor->scanner, text.s, text.len, from, &hit)) {
		struct jem_redact_range range = { 0 };
		bool found = false;

		from = hit.start + 1;
		if (hit.word == JEM_REDACT_PEM) {
			from = hide_pem(&stage, hit.end);
		} else if (hit.word == JEM_REDACT_URL) {
			found = jem_redact_userinfo(text, hit.end, &range);
		} else if (hit.word == JEM_REDACT_JWT) {
			found = jem_redact_jwt(text, hit.start, &range);
		} else if (hit.word == JEM_REDACT_BEARER) {
			found = jem_redact_bearer(text, hit.end, &range);
		} else if (hit.word == JEM_REDACT_BASIC) {
			found = jem_redact_basic(text, hit.end, &range);
		} else if (hit.start >= name_end) {
			found = jem_redact_named_value(text, stage.done, hit.start, &name_end,
						       &range);
		}
		if (!found)
			continue;
		hide(&stage, range.start, range.end);
		from = range.end;
	}
	return end_stage(&stage);
}

/* Every match of one pattern of the site. */
static struct jem_redact_text hide_matches(struct jem_redactor *redactor, const pcre2_code *pattern,
					   struct jem_redact_text text)
{
	struct stage stage = begin_stage(redactor, text);
	PCRE2_SIZE *match = pcre2_get_ovector_pointer(redactor->match);
	size_t from = 0;

	while (from <= text.len) {
		int found = pcre2_match(pattern, (PCRE2_SPTR)text.s, text.len, from, 0,
					redactor->match, redactor->context);

		if (found == PCRE2_ERROR_NOMATCH)
			break;
		if (found < 0) { /* the limit: what cannot be judged is not published */
			hide(&stage, from, text.len);
			break;
		}
		if (match[1] > match[0])
			hide(&stage, match[0], match[1]);
		from = match[1] > from ? match[1] : from + 1;
	}
	return end_stage(&stage);
}

static void bound_memory(struct jem_redactor *redactor)
{
	for (int i = 0; i < 2; i++)
		if (redactor->texts[i].cap > KEEP_CAP)
			jem_buf_deinit(&redactor->texts[i]);
}

const char *jem_redact(struct jem_redactor *redactor, const char *text, size_t *len)
{
	struct jem_redact_text t = { text, *len };

	bound_memory(redactor);
	t = hide_words(redactor, t);
	for (size_t i = 0; i < redactor->count; i++)
		t = hide_matches(redactor, redactor->patterns[i], t);
	*len = t.len;
	return t.s;
}

bool jem_redact_name_is_secret(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (jem_redact_name_word(name + i, len - i))
			return true;
	return false;
}
