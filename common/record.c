/* SPDX-License-Identifier: Apache-2.0 */
#include "common/record.h"

void jem_record_text(struct jem_record *record, const char *key, const char *text, size_t len)
{
	jem_json_key(&record->json, key);
	if (record->redactor)
		text = jem_redact(record->redactor, text, &len);
	jem_json_text(&record->json, text, len);
}

void jem_record_str(struct jem_record *record, const char *key, const char *text)
{
	jem_record_text(record, key, text, strlen(text));
}

void jem_record_named(struct jem_record *record, const char *name, const char *value)
{
	jem_json_key_text(&record->json, name, strlen(name));
	if (jem_redact_name_is_secret(name, strlen(name))) {
		jem_json_str(&record->json, "***");
		return;
	}
	size_t len = strlen(value);

	if (record->redactor)
		value = jem_redact(record->redactor, value, &len);
	jem_json_text(&record->json, value, len);
}

void jem_record_word(struct jem_record *record, const char *key, const char *word)
{
	jem_json_key(&record->json, key);
	jem_json_str(&record->json, word);
}

void jem_record_u64(struct jem_record *record, const char *key, uint64_t value)
{
	jem_json_key(&record->json, key);
	jem_json_u64(&record->json, value);
}

void jem_record_i64(struct jem_record *record, const char *key, int64_t value)
{
	jem_json_key(&record->json, key);
	jem_json_i64(&record->json, value);
}

void jem_record_real(struct jem_record *record, const char *key, double value)
{
	jem_json_key(&record->json, key);
	jem_json_real(&record->json, value);
}

void jem_record_seconds(struct jem_record *record, const char *key, uint64_t ns)
{
	jem_json_key(&record->json, key);
	jem_json_fixed(&record->json, ns, 9);
}

void jem_record_bool(struct jem_record *record, const char *key, bool value)
{
	jem_json_key(&record->json, key);
	jem_json_bool(&record->json, value);
}

void jem_record_object_begin(struct jem_record *record, const char *key)
{
	jem_json_key(&record->json, key);
	jem_json_object_begin(&record->json);
}

void jem_record_object_end(struct jem_record *record)
{
	jem_json_object_end(&record->json);
}

void jem_record_array_begin(struct jem_record *record, const char *key)
{
	jem_json_key(&record->json, key);
	jem_json_array_begin(&record->json);
}

void jem_record_array_end(struct jem_record *record)
{
	jem_json_array_end(&record->json);
}
