/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/spool/acked.h"

#include "broker-client/spool/crc32c.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
	PLACES = 2,
	PLACE_BYTES = 4096,
	WORDS = JEM_ACKED_WINDOW / 64,
};

static const char magic[8] = "JEMACKED";

struct place {
	char magic[8];
	uint32_t crc; /* of what follows */
	uint32_t version;
	uint64_t generation;
	uint64_t base;
	uint64_t bits[WORDS];
};

static_assert(sizeof(struct place) <= PLACE_BYTES, "a place of the file");

static uint64_t *word(struct jem_acked *acked, uint64_t id)
{
	return &acked->bits[id % JEM_ACKED_WINDOW / 64];
}

bool jem_acked_has(const struct jem_acked *acked, uint64_t id)
{
	if (id < acked->base)
		return true;
	if (id - acked->base >= JEM_ACKED_WINDOW)
		return false;
	return acked->bits[id % JEM_ACKED_WINDOW / 64] >> (id % 64) & 1;
}

bool jem_acked_add(struct jem_acked *acked, uint64_t id)
{
	if (jem_acked_has(acked, id) || id - acked->base >= JEM_ACKED_WINDOW)
		return false;
	*word(acked, id) |= 1ull << (id % 64);
	acked->is_dirty = true;
	while (jem_acked_has(acked, acked->base)) {
		*word(acked, acked->base) &= ~(1ull << (acked->base % 64));
		acked->base++;
	}
	return true;
}

void jem_acked_advance(struct jem_acked *acked, uint64_t base)
{
	if (base <= acked->base)
		return;
	if (base - acked->base >= JEM_ACKED_WINDOW)
		memset(acked->bits, 0, sizeof(acked->bits));
	else
		for (uint64_t id = acked->base; id < base; id++)
			*word(acked, id) &= ~(1ull << (id % 64));
	acked->base = base;
	acked->is_dirty = true;
	while (jem_acked_has(acked, acked->base)) {
		*word(acked, acked->base) &= ~(1ull << (acked->base % 64));
		acked->base++;
	}
}

static uint32_t place_crc(const struct place *place)
{
	size_t from = offsetof(struct place, version);

	return jem_crc32c(0, (const char *)place + from, sizeof(*place) - from);
}

int jem_acked_save(struct jem_acked *acked, int folder, const char *name, bool power)
{
	struct place place = { .version = htole32(1) };
	uint64_t generation = acked->generation + 1;
	int status = 0;
	int fd;

	if (!acked->is_dirty)
		return 0;
	memcpy(place.magic, magic, sizeof(magic));
	place.generation = htole64(generation);
	place.base = htole64(acked->base);
	for (int i = 0; i < WORDS; i++)
		place.bits[i] = htole64(acked->bits[i]);
	place.crc = htole32(place_crc(&place));
	fd = openat(folder, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (pwrite(fd, &place, sizeof(place), (off_t)(generation % PLACES * PLACE_BYTES)) !=
	    (ssize_t)sizeof(place))
		status = -ENOSPC;
	else if (power && fdatasync(fd) < 0)
		status = -errno;
	close(fd);
	if (status < 0)
		return status;
	acked->generation = generation;
	acked->is_dirty = false;
	return 0;
}

int jem_acked_load(struct jem_acked *acked, int folder, const char *name)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool is_found = false;

	if (fd < 0)
		return -errno;
	for (int i = 0; i < PLACES; i++) {
		struct place place;

		if (pread(fd, &place, sizeof(place), (off_t)i * PLACE_BYTES) !=
			    (ssize_t)sizeof(place) ||
		    memcmp(place.magic, magic, sizeof(magic)) != 0 || le32toh(place.version) != 1 ||
		    le32toh(place.crc) != place_crc(&place))
			continue;
		if (is_found && le64toh(place.generation) < acked->generation)
			continue;
		is_found = true;
		acked->generation = le64toh(place.generation);
		acked->base = le64toh(place.base);
		for (int j = 0; j < WORDS; j++)
			acked->bits[j] = le64toh(place.bits[j]);
	}
	close(fd);
	acked->is_dirty = false;
	return is_found ? 0 : -ENOENT;
}
