/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/credential.h"

#include "common/cleanup.h"
#include "daemon/sources/expiry.h"
#include "daemon/sources/job_environ.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum {
	INTERVAL_MS = 60000
};

/* What one look at a credential came to. */
struct finding {
	const char *name; /* the variable that names it; NULL: there is none */
	int fault;        /* 0, or why its end is not known */
	int64_t until_s;
};

enum trouble {
	TROUBLE_NONE,
	TROUBLE_LOW,
	TROUBLE_OVER,
	TROUBLE_UNREADABLE
};

/* What was last told of one kind of credential. */
struct known {
	bool was_there;
	enum trouble trouble;
};

struct jem_credential_source {
	struct jem_credential_options options;
	struct jem_job_environ environ;
	char root[PATH_MAX];
	uid_t uid;
	struct known proxy;
	struct known token;
	uv_timer_t timer;
};

static void on_due(uv_timer_t *timer);
static void on_closed(uv_handle_t *handle);

int jem_credential_source_create(const struct jem_credential_options *options,
				 struct jem_credential_source **ret)
{
	struct jem_credential_source *source = calloc(1, sizeof(*source));
	char path[PATH_MAX + 32];
	struct stat st;

	if (!source)
		return -ENOMEM;
	source->options = *options;
	snprintf(source->root, sizeof(source->root), "%s", options->root);
	snprintf(path, sizeof(path), "%s/proc/%d", source->root, (int)options->pid);
	source->uid = stat(path, &st) ? geteuid() : st.st_uid;
	jem_job_environ_init(&source->environ, source->root, options->pid);
	uv_timer_init(options->loop, &source->timer);
	source->timer.data = source;
	*ret = source;
	return 0;
}

void jem_credential_source_destroy(struct jem_credential_source *source)
{
	if (source)
		uv_close((uv_handle_t *)&source->timer, on_closed);
}

static void on_closed(uv_handle_t *handle)
{
	struct jem_credential_source *source = handle->data;
	struct jem_buf *text = &source->environ.text;

	if (text->data)
		explicit_bzero(text->data, text->len);
	jem_job_environ_deinit(&source->environ);
	free(source);
}

static const char *get(const struct jem_credential_source *source, const char *name)
{
	const char *value = jem_job_environ_get(&source->environ, name);

	return value && *value ? value : NULL;
}

/* The bytes of a small regular file, to be wiped by the caller; a negative errno. */
static ssize_t read_small(const char *path, char **ret)
{
	auto_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	ssize_t n;
	char *text;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	text = malloc(JEM_CREDENTIAL_SIZE_MAX);
	if (!text)
		return -ENOMEM;
	n = read(fd, text, JEM_CREDENTIAL_SIZE_MAX);
	if (n < 0) {
		n = -errno;
		free(text);
		return n;
	}
	*ret = text;
	return n;
}

typedef int (*expiry_fn)(const char *text, size_t len, int64_t *ret_s);

static int expiry_of_file(const char *path, expiry_fn expiry, int64_t *ret_s)
{
	char *text = NULL;
	ssize_t n = read_small(path, &text);
	int r = n < 0 ? (int)n : expiry(text, (size_t)n, ret_s);

	if (text)
		explicit_bzero(text, (size_t)n);
	free(text);
	return r;
}

/* A file named by `variable`, else one in a default place, which need not exist. */
static void find_file(const struct jem_credential_source *source, const char *variable,
		      const char *const *folders, const char *stem, expiry_fn expiry,
		      struct finding *ret)
{
	const char *named = get(source, variable);
	char path[PATH_MAX + 64];

	if (named) {
		ret->name = variable;
		ret->fault = expiry_of_file(named, expiry, &ret->until_s);
		return;
	}
	for (; *folders && !ret->name; folders++) {
		snprintf(path, sizeof(path), "%s%s/%s_u%u", source->root, *folders, stem,
			 (unsigned)source->uid);
		ret->fault = expiry_of_file(path, expiry, &ret->until_s);
		if (ret->fault != -ENOENT)
			ret->name = variable;
	}
}

static struct finding find_proxy(const struct jem_credential_source *source)
{
	static const char *const folders[] = { "/tmp", NULL };
	struct finding finding = { 0 };

	find_file(source, "X509_USER_PROXY", folders, "x509up", jem_expiry_of_proxy, &finding);
	if (finding.fault == -ENODATA)
		finding.fault = -EBADMSG; /* a proxy without a certificate is broken */
	return finding;
}

static struct finding find_token(const struct jem_credential_source *source)
{
	const char *runtime = get(source, "XDG_RUNTIME_DIR");
	const char *const folders[] = { runtime ? runtime : "/tmp", "/tmp", NULL };
	const char *token = get(source, "BEARER_TOKEN");
	struct finding finding = { 0 };

	if (token) {
		finding.name = "BEARER_TOKEN";
		finding.fault = jem_expiry_of_token(token, strlen(token), &finding.until_s);
	} else {
		find_file(source, "BEARER_TOKEN_FILE", folders, "bt", jem_expiry_of_token,
			  &finding);
	}
	return finding;
}

static void describe(const struct finding *finding, int64_t left_s, char *ret, size_t size)
{
	int64_t minutes = (left_s < 0 ? -left_s : left_s) / 60;

	if (finding->fault == -ENODATA)
		snprintf(ret, size, "%s does not say until when it is valid", finding->name);
	else if (finding->fault == -EBADMSG)
		snprintf(ret, size, "%s holds no certificate that can be read", finding->name);
	else if (finding->fault)
		snprintf(ret, size, "%s cannot be read: %s", finding->name,
			 strerror(-finding->fault));
	else
		snprintf(ret, size, "%s %s %" PRId64 " h %02" PRId64 " min%s", finding->name,
			 left_s > 0 ? "is valid for another" : "expired", minutes / 60,
			 minutes % 60, left_s > 0 ? "" : " ago");
}

/* A token that is none of ours to read (no JWT) is no trouble: its users know it. */
static enum trouble judge(const struct jem_credential_source *source, const struct finding *finding,
			  int64_t left_s)
{
	if (finding->fault)
		return finding->fault == -ENODATA ? TROUBLE_NONE : TROUBLE_UNREADABLE;
	if (left_s <= 0)
		return TROUBLE_OVER;
	return (uint64_t)left_s < source->options.warn_ns / 1000000000u ? TROUBLE_LOW
									: TROUBLE_NONE;
}

static void alert(const struct jem_credential_source *source, const struct finding *finding,
		  enum trouble trouble, int64_t left_s, const char *text)
{
	struct jem_record *record =
		jem_batcher_begin(source->options.batcher, JEM_KIND_alert, jem_now_ns());

	jem_record_word(record, "rule", "credential");
	jem_record_word(record, "severity", trouble == TROUBLE_LOW ? "warning" : "critical");
	jem_record_str(record, "text", text);
	jem_record_object_begin(record, "values");
	if (!finding->fault)
		jem_record_i64(record, "remaining_s", left_s);
	jem_record_object_end(record);
	jem_batcher_end(source->options.batcher, JEM_URGENT);
}

static void tell(struct jem_credential_source *source, struct known *known, struct finding finding,
		 const char *missing_name, int64_t now_s)
{
	int64_t left_s = finding.until_s - now_s;
	struct jem_record *record;
	enum trouble trouble;
	char text[160];

	if (!finding.name) {
		if (!known->was_there)
			return;
		finding.name = missing_name; /* it was in its place a minute ago */
		finding.fault = -ENOENT;
	}
	known->was_there = true;
	describe(&finding, left_s, text, sizeof(text));
	trouble = judge(source, &finding, left_s);
	record = jem_batcher_begin(source->options.batcher, JEM_KIND_status, jem_now_ns());
	jem_record_word(record, "state", "credential");
	jem_record_word(record, "name", finding.name);
	if (!finding.fault)
		jem_record_i64(record, "remaining_s", left_s);
	jem_record_str(record, "text", text);
	jem_batcher_end(source->options.batcher, JEM_IN_TIME);
	if (trouble != TROUBLE_NONE && trouble != known->trouble)
		alert(source, &finding, trouble, left_s, text);
	known->trouble = trouble;
}

void jem_credential_source_look(struct jem_credential_source *source, int64_t now_s)
{
	tell(source, &source->proxy, find_proxy(source), "X509_USER_PROXY", now_s);
	tell(source, &source->token, find_token(source), "BEARER_TOKEN_FILE", now_s);
}

static void on_due(uv_timer_t *timer)
{
	jem_credential_source_look(timer->data, time(NULL));
}

void jem_credential_source_start(struct jem_credential_source *source)
{
	jem_credential_source_look(source, time(NULL));
	uv_timer_start(&source->timer, on_due, INTERVAL_MS, INTERVAL_MS);
}
