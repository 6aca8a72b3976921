/* SPDX-License-Identifier: Apache-2.0 */
#include "common/batch.h"

#include "common/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

struct level {
	const char *key;
	size_t name;  /* offset in struct jem_source_names */
	size_t truth; /* offset in struct jem_identity */
};

static const struct level levels[] = {
	{ "site", offsetof(struct jem_source_names, site),
	  offsetof(struct jem_identity, true_site) },
	{ "user", offsetof(struct jem_source_names, user),
	  offsetof(struct jem_identity, true_user) },
	{ "job", offsetof(struct jem_source_names, job), offsetof(struct jem_identity, true_job) },
	{ "node", offsetof(struct jem_source_names, node),
	  offsetof(struct jem_identity, true_node) },
};

enum {
	LEVEL_COUNT = sizeof(levels) / sizeof(*levels)
};

static const char *level_name(const struct jem_identity *source, const struct level *level)
{
	return (const char *)&source->names + level->name;
}

static const char *level_truth(const struct jem_identity *source, const struct level *level)
{
	return (const char *)source + level->truth;
}

static void put_str(struct jem_json *json, const char *key, const char *text)
{
	jem_json_key(json, key);
	jem_json_str(json, text);
}

static void put_u64(struct jem_json *json, const char *key, uint64_t value)
{
	jem_json_key(json, key);
	jem_json_u64(json, value);
}

static void put_source(struct jem_json *json, const struct jem_identity *source)
{
	bool is_open = false;

	jem_json_key(json, "src");
	jem_json_object_begin(json);
	for (int i = 0; i < LEVEL_COUNT; i++)
		put_str(json, levels[i].key, level_name(source, &levels[i]));
	for (int i = 0; i < LEVEL_COUNT; i++) {
		const char *truth = level_truth(source, &levels[i]);
		/* Replacing broken bytes would make it longer than readers take. */
		size_t len = jem_utf8_prefix(truth, strlen(truth));

		if (!len)
			continue;
		if (!is_open) {
			jem_json_key(json, "names");
			jem_json_object_begin(json);
			is_open = true;
		}
		jem_json_key(json, levels[i].key);
		jem_json_text(json, truth, len);
	}
	if (is_open)
		jem_json_object_end(json);
	jem_json_object_end(json);
}

static void put_dropped(struct jem_json *json, const uint64_t dropped[JEM_CAUSE_COUNT])
{
	jem_json_key(json, "dropped");
	jem_json_object_begin(json);
	for (int i = 0; i < JEM_CAUSE_COUNT; i++)
		if (dropped[i])
			put_u64(json, jem_causes[i], dropped[i]);
	jem_json_object_end(json);
}

void jem_head_write_json(const struct jem_head *head, struct jem_json *json)
{
	char mono[24];

	snprintf(mono, sizeof(mono), "%" PRIu64, head->mono_ns);
	jem_json_object_begin(json);
	put_u64(json, "v", JEM_CONTRACT_VERSION);
	put_str(json, "kind", jem_kinds[head->kind].name);
	put_u64(json, "schema", head->schema);
	put_source(json, &head->source);
	put_str(json, "epoch", head->epoch);
	put_u64(json, "seq", head->seq);
	put_u64(json, "first", head->first);
	put_u64(json, "n", head->n);
	put_u64(json, "t0_us", head->t0_us);
	put_str(json, "mono_ns", mono);
	put_str(json, "boot_id", head->boot_id);
	put_dropped(json, head->dropped);
	jem_json_key(json, "final");
	jem_json_bool(json, head->is_final);
	jem_json_object_end(json);
}

/* Decoding: one table of fields per object, so that each is read once, by its own rule. */

struct field {
	const char *name;
	/* 0 or a negative errno; `err` says what is wrong with the value. */
	int (*read)(const struct jem_json_doc *doc, uint32_t token, void *out, struct jem_err *err);
	size_t offset; /* of the output in the object's struct */
	bool is_optional;
};

static int bad(struct jem_err *err, const char *what)
{
	return jem_err_set(err, -EBADMSG, "%s", what);
}

/*
 * Reads all members of an object by the table. The reason names the field by its path: what comes
 * from an object inside begins with a dot.
 */
static int read_fields(const struct jem_json_doc *doc, uint32_t object, const struct field *fields,
		       size_t count, void *out, struct jem_err *err)
{
	uint32_t seen = 0;

	if (jem_json_type(doc, object) != JEM_JSON_OBJECT)
		return bad(err, "not an object");
	for (uint32_t i = jem_json_first(doc, object); i < jem_json_end(doc, object);
	     i = jem_json_next(doc, i + 1)) {
		struct jem_err why = { "" };
		size_t f = 0;

		while (f < count && !jem_json_equals(doc, i, fields[f].name))
			f++;
		if (f == count)
			continue;
		if (seen & 1u << f)
			return jem_err_set(err, -EBADMSG, ".%s: given twice", fields[f].name);
		seen |= 1u << f;
		if (fields[f].read(doc, i + 1, (char *)out + fields[f].offset, &why) < 0)
			return jem_err_set(err, -EBADMSG, ".%s%s%s", fields[f].name,
					   why.text[0] == '.' ? "" : ": ", why.text);
	}
	for (size_t f = 0; f < count; f++)
		if (!(seen & 1u << f) && !fields[f].is_optional)
			return jem_err_set(err, -EBADMSG, ".%s: missing", fields[f].name);
	return 0;
}

static int read_number(const struct jem_json_doc *doc, uint32_t token, void *out,
		       struct jem_err *err)
{
	uint64_t value;

	if (jem_json_get_u64(doc, token, &value) < 0 || value > JEM_NUMBER_MAX)
		return bad(err, "not an integer from 0 to 2^53 - 1");
	*(uint64_t *)out = value;
	return 0;
}

static int read_version(const struct jem_json_doc *doc, uint32_t token, void *out,
			struct jem_err *err)
{
	uint64_t value;

	if (jem_json_get_u64(doc, token, &value) < 0 || value != JEM_CONTRACT_VERSION)
		return jem_err_set(err, -EBADMSG, "not %d, the version read here",
				   JEM_CONTRACT_VERSION);
	return 0;
}

static int read_schema(const struct jem_json_doc *doc, uint32_t token, void *out,
		       struct jem_err *err)
{
	uint64_t value;

	if (jem_json_get_u64(doc, token, &value) < 0 || !value || value > UINT16_MAX)
		return bad(err, "not an integer from 1 to 65535");
	*(uint32_t *)out = (uint32_t)value;
	return 0;
}

static int read_kind(const struct jem_json_doc *doc, uint32_t token, void *out, struct jem_err *err)
{
	char name[16];
	int kind = -1;

	if (jem_json_get_str(doc, token, name, sizeof(name)) == 0)
		kind = jem_kind_find(name, strlen(name));
	if (kind < 0)
		return bad(err, "no kind of this version");
	*(enum jem_kind *)out = (enum jem_kind)kind;
	return 0;
}

static int read_name(const struct jem_json_doc *doc, uint32_t token, void *out, struct jem_err *err)
{
	char *name = out;

	if (jem_json_get_str(doc, token, name, JEM_NAME_MAX + 1) < 0 ||
	    !jem_name_is_valid(name, strlen(name)))
		return bad(err, "not a name: 1 to 48 of [A-Za-z0-9_-]");
	return 0;
}

static int read_truth(const struct jem_json_doc *doc, uint32_t token, void *out,
		      struct jem_err *err)
{
	if (jem_json_get_str(doc, token, out, JEM_TRUE_NAME_SIZE) < 0 || !*(char *)out)
		return bad(err, "not a text of 1 to 255 bytes without NUL");
	return 0;
}

static int read_names(const struct jem_json_doc *doc, uint32_t token, void *out,
		      struct jem_err *err)
{
	static const struct field fields[] = {
		{ "site", read_truth, offsetof(struct jem_identity, true_site), true },
		{ "user", read_truth, offsetof(struct jem_identity, true_user), true },
		{ "job", read_truth, offsetof(struct jem_identity, true_job), true },
		{ "node", read_truth, offsetof(struct jem_identity, true_node), true },
	};

	return read_fields(doc, token, fields, LEVEL_COUNT, out, err);
}

static int read_source(const struct jem_json_doc *doc, uint32_t token, void *out,
		       struct jem_err *err)
{
	static const struct field fields[] = {
		{ "site", read_name, offsetof(struct jem_identity, names.site), false },
		{ "user", read_name, offsetof(struct jem_identity, names.user), false },
		{ "job", read_name, offsetof(struct jem_identity, names.job), false },
		{ "node", read_name, offsetof(struct jem_identity, names.node), false },
		{ "names", read_names, 0, true },
	};

	return read_fields(doc, token, fields, sizeof(fields) / sizeof(*fields), out, err);
}

static bool is_hex(const char *text, size_t len)
{
	return strspn(text, "0123456789abcdef") >= len;
}

static int read_epoch(const struct jem_json_doc *doc, uint32_t token, void *out,
		      struct jem_err *err)
{
	char *epoch = out;

	if (jem_json_get_str(doc, token, epoch, JEM_EPOCH_SIZE) < 0 ||
	    strlen(epoch) != JEM_EPOCH_SIZE - 1 || !is_hex(epoch, JEM_EPOCH_SIZE - 1))
		return bad(err, "not 16 hex digits in lower case");
	return 0;
}

static int read_mono(const struct jem_json_doc *doc, uint32_t token, void *out, struct jem_err *err)
{
	char text[24];
	uint64_t value = 0;
	size_t len;

	if (jem_json_get_str(doc, token, text, sizeof(text)) < 0)
		return bad(err, "not a string of decimal digits");
	len = strlen(text);
	if (!len || strspn(text, "0123456789") != len || (text[0] == '0' && len > 1))
		return bad(err, "not a string of decimal digits");
	for (size_t i = 0; i < len; i++)
		if (__builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (unsigned)(text[i] - '0'), &value))
			return bad(err, "beyond 64 bits");
	if (value > INT64_MAX)
		return bad(err, "beyond 63 bits");
	*(uint64_t *)out = value;
	return 0;
}

/* The text of boot_id is the kernel's (proc(5), random/boot_id); empty where it is unknown. */
static int read_boot_id(const struct jem_json_doc *doc, uint32_t token, void *out,
			struct jem_err *err)
{
	char *id = out;
	size_t len;

	if (jem_json_get_str(doc, token, id, JEM_BOOT_ID_SIZE) < 0)
		return bad(err, "not a boot id");
	len = strlen(id);
	if (len && (len != JEM_BOOT_ID_SIZE - 1 || strspn(id, "0123456789abcdef-") != len))
		return bad(err, "not a boot id: 36 of [0-9a-f-]");
	return 0;
}

static int read_dropped(const struct jem_json_doc *doc, uint32_t token, void *out,
			struct jem_err *err)
{
	uint64_t *dropped = out;
	uint32_t seen = 0;

	if (jem_json_type(doc, token) != JEM_JSON_OBJECT)
		return bad(err, "not an object");
	for (uint32_t i = jem_json_first(doc, token); i < jem_json_end(doc, token);
	     i = jem_json_next(doc, i + 1)) {
		char cause[32];
		uint64_t total = 0;
		int known = -1;

		if (read_number(doc, i + 1, &total, err) < 0)
			return -EBADMSG;
		if (jem_json_get_str(doc, i, cause, sizeof(cause)) == 0)
			known = jem_cause_find(cause, strlen(cause));
		if (known < 0)
			continue;
		if (seen & 1u << known)
			return jem_err_set(err, -EBADMSG, "%s given twice", cause);
		seen |= 1u << known;
		dropped[known] = total;
	}
	return 0;
}

static int read_bool(const struct jem_json_doc *doc, uint32_t token, void *out, struct jem_err *err)
{
	if (jem_json_get_bool(doc, token, out) < 0)
		return bad(err, "not true or false");
	return 0;
}

int jem_head_read_json(const struct jem_json_doc *doc, uint32_t token, struct jem_head *ret,
		       struct jem_err *err)
{
	static const struct field fields[] = {
		{ "v", read_version, 0, false },
		{ "kind", read_kind, offsetof(struct jem_head, kind), false },
		{ "schema", read_schema, offsetof(struct jem_head, schema), false },
		{ "src", read_source, offsetof(struct jem_head, source), false },
		{ "epoch", read_epoch, offsetof(struct jem_head, epoch), false },
		{ "seq", read_number, offsetof(struct jem_head, seq), false },
		{ "first", read_number, offsetof(struct jem_head, first), false },
		{ "n", read_number, offsetof(struct jem_head, n), false },
		{ "t0_us", read_number, offsetof(struct jem_head, t0_us), false },
		{ "mono_ns", read_mono, offsetof(struct jem_head, mono_ns), false },
		{ "boot_id", read_boot_id, offsetof(struct jem_head, boot_id), false },
		{ "dropped", read_dropped, offsetof(struct jem_head, dropped), false },
		{ "final", read_bool, offsetof(struct jem_head, is_final), false },
	};
	struct jem_head head = { 0 };

	if (read_fields(doc, token, fields, sizeof(fields) / sizeof(*fields), &head, err) < 0)
		return -EBADMSG;
	if (head.schema != jem_kinds[head.kind].schema)
		return jem_err_set(err, -EBADMSG, ".schema: %u, here %s is read at version %u",
				   head.schema, jem_kinds[head.kind].name,
				   jem_kinds[head.kind].schema);
	if (head.first + head.n > JEM_NUMBER_MAX)
		return bad(err, ".first: with n beyond 2^53 - 1");
	*ret = head;
	return 0;
}
