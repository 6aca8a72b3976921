/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/preload/settings.h"

#include <stddef.h>

/* Defaults and ranges of common/config.def, which this layer must not include; a test compares them. */
static const struct {
	uint64_t ring_bytes, ring_min, ring_max;
	uint64_t memory, memory_min, memory_max;
	uint64_t wait_max_s;
	uint64_t process_limit, limit_max;
} defaults = {
	512u << 10, 65536u, 67108864u, 16u << 20, 1048576u, 1073741824u, 60, 20000, 100000000u,
};

#define SECOND_NS 1000000000ull

/* The rest of `text` behind `word`, or NULL. */
static const char *behind(const char *text, const char *word)
{
	while (*word) {
		if (*text++ != *word++)
			return NULL;
	}
	return text;
}

static bool is_same(const char *a, const char *b)
{
	for (; *a || *b; a++, b++) {
		char low = *a >= 'A' && *a <= 'Z' ? (char)(*a + 'a' - 'A') : *a;

		if (low != *b)
			return false;
	}
	return true;
}

static bool is_yes(const char *text)
{
	return is_same(text, "1") || is_same(text, "yes") || is_same(text, "true") ||
	       is_same(text, "on");
}

/* Digits up to `stop`; false: none, or too many. */
static bool read_number(const char *text, const char **stop, uint64_t *ret)
{
	uint64_t value = 0;
	const char *at = text;

	for (; *at >= '0' && *at <= '9'; at++) {
		if (value > UINT64_MAX / 10 - 10)
			return false;
		value = value * 10 + (uint64_t)(*at - '0');
	}
	*stop = at;
	*ret = value;
	return at != text;
}

/* kB is 1000 bytes, k and KiB are 1024, as in the configuration. */
static uint64_t factor_of(const char *unit)
{
	static const struct {
		char name[4];
		uint64_t factor;
	} units[] = {
		{ "", 1 },           { "B", 1 },           { "kB", 1000 },      { "KB", 1000 },
		{ "MB", 1000000 },   { "GB", 1000000000 }, { "k", 1u << 10 },   { "K", 1u << 10 },
		{ "M", 1u << 20 },   { "G", 1u << 30 },    { "KiB", 1u << 10 }, { "MiB", 1u << 20 },
		{ "GiB", 1u << 30 },
	};

	for (unsigned i = 0; i < sizeof(units) / sizeof(*units); i++) {
		const char *rest = behind(unit, units[i].name);

		if (rest && !*rest)
			return units[i].factor;
	}
	return 0;
}

bool jem_settings_bytes(const char *text, uint64_t *ret)
{
	const char *unit;
	uint64_t value, factor;

	if (!read_number(text, &unit, &value))
		return false;
	factor = factor_of(unit);
	if (!factor || value > UINT64_MAX / factor)
		return false;
	*ret = value * factor;
	return true;
}

static void read_bytes(const char *text, uint64_t least, uint64_t most, uint64_t *ret)
{
	uint64_t value;

	if (jem_settings_bytes(text, &value) && value >= least && value <= most)
		*ret = value;
}

static void read_count(const char *text, uint64_t *ret)
{
	const char *stop;
	uint64_t value;

	if (read_number(text, &stop, &value) && !*stop && value <= defaults.limit_max)
		*ret = value;
}

/* Seconds with an optional fraction and unit (s, ms), as in the configuration. */
static void read_seconds(const char *text, uint64_t *ret)
{
	const char *stop;
	uint64_t seconds, part = SECOND_NS;
	uint64_t ns = 0;

	if (!read_number(text, &stop, &seconds) || seconds > defaults.wait_max_s)
		return;
	if (*stop == '.') {
		for (stop++; *stop >= '0' && *stop <= '9'; stop++) {
			part /= 10;
			ns += part * (uint64_t)(*stop - '0');
		}
	}
	ns += seconds * SECOND_NS;
	if (!*stop || is_same(stop, "s"))
		*ret = ns;
	else if (is_same(stop, "ms"))
		*ret = ns / 1000;
}

static void keep(struct jem_settings *settings, const char *variable)
{
	uint32_t len = 0;

	while (variable[len] && len < JEM_HELLO_CONFIG)
		len++;
	if (len + 1 > JEM_HELLO_CONFIG - settings->config_len)
		return;
	for (uint32_t i = 0; i <= len; i++)
		settings->config[settings->config_len++] = variable[i];
}

static void read_variable(struct jem_settings *settings, const char *name)
{
	const char *value;

	if ((value = behind(name, "_SOCKET=")))
		settings->socket = *value ? value : NULL;
	else if ((value = behind(name, "_FILE=")))
		settings->file = *value ? value : NULL;
	else if ((value = behind(name, "_OFF=")))
		settings->is_off = is_yes(value);
	else if ((value = behind(name, "_RING_BYTES=")))
		read_bytes(value, defaults.ring_min, defaults.ring_max, &settings->ring_bytes);
	else if ((value = behind(name, "_MEMORY=")))
		read_bytes(value, defaults.memory_min, defaults.memory_max, &settings->memory);
	else if ((value = behind(name, "_WAIT=")))
		read_seconds(value, &settings->wait_ns);
	else if ((value = behind(name, "_PROCESS_LIMIT=")))
		read_count(value, &settings->process_limit);
}

bool jem_settings_read(struct jem_settings *ret, char *const *environment)
{
	ret->socket = NULL;
	ret->file = NULL;
	ret->is_off = false;
	ret->ring_bytes = defaults.ring_bytes;
	ret->memory = defaults.memory;
	ret->wait_ns = 0;
	ret->process_limit = defaults.process_limit;
	ret->config_len = 0;
	for (; *environment; environment++) {
		const char *name = behind(*environment, "JEM_CALLS");

		if (!name || (*name != '=' && *name != '_'))
			continue;
		keep(ret, *environment);
		read_variable(ret, name);
	}
	return !ret->is_off && (ret->socket || ret->file);
}
