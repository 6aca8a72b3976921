/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/pss.h"

#include "common/cleanup.h"
#include "common/clock.h"

#include <errno.h>
#include <string.h>

enum {
	SHARE_OF_CPU = 4000, /* of what the job keeps busy, one part for this */
	SHARE_OF_STALL = 1000,
	CORES_COUNTED = 32,
	PIECE = 640, /* of smaps: less than one mapping's text, so that a read shows only one */
	LINES_TEXT = 4096,
	MAPS_TEXT = 64 << 10,
	ROLLUP_TEXT = 2048,
};
static const int64_t CREDIT_MAX_NS = 50000000;      /* a new job may be read at once */
static const uint64_t STALL_NS_PER_GIB = 6000000;   /* of 4 KiB pages; huge ones cost far less */
static const uint64_t ROLLUP_RSS_MAX = 64u << 20;   /* 0.4 ms of stall */
static const uint64_t SETTLED_NS = 500000000;       /* younger processes may be gone at once */
static const uint64_t UNCHANGED_NS = 300000000000u; /* others may have stopped sharing */
static const uint64_t CHANGE_MIN = 256 << 10;

void jem_pss_init(struct jem_pss *pss, uint64_t stall_ns)
{
	*pss = (struct jem_pss){ .stall_ns = stall_ns, .credit_ns = CREDIT_MAX_NS };
}

static uint64_t stall_of(uint64_t bytes)
{
	return (uint64_t)((double)bytes / (1 << 30) * (double)STALL_NS_PER_GIB);
}

/* "START-END perms ...": the largest mapping bounds what one piece of smaps can cost. */
static uint64_t largest_mapping(const char *root, pid_t pid)
{
	auto_free char *text = malloc(MAPS_TEXT);
	uint64_t largest = 0;
	char *line = text;

	if (!text || jem_proc_read(root, text, MAPS_TEXT, "/proc/%d/maps", (int)pid) < 0)
		return UINT64_MAX;
	while (line && *line) {
		uint64_t start = strtoull(line, &line, 16);
		uint64_t end = *line == '-' ? strtoull(line + 1, &line, 16) : start;

		if (end > start && end - start > largest)
			largest = end - start;
		line = strchr(line, '\n');
		line += line != NULL;
	}
	return largest;
}

/* As the last time, grown with the process; before the first time from its mappings. */
static uint64_t predicted_stall(const char *root, struct jem_process *process)
{
	struct jem_pss_reading *last = &process->pss;
	uint64_t rss = process->memory.rss_bytes;

	if (rss <= ROLLUP_RSS_MAX)
		return stall_of(rss);
	if (!last->rss_bytes) {
		uint64_t largest = largest_mapping(root, process->pid);

		last->rss_bytes = rss;
		last->stall_ns = stall_of(largest < rss ? largest : rss);
	}
	return (uint64_t)((double)last->stall_ns * (double)rss / (double)last->rss_bytes);
}

static int read_rollup(const char *root, pid_t pid, uint64_t *bytes, uint64_t *stall_ns)
{
	uint64_t before = jem_now_ns();
	char text[ROLLUP_TEXT];
	ssize_t len = jem_proc_read(root, text, sizeof(text), "/proc/%d/smaps_rollup", (int)pid);
	uint64_t kb;

	if (len <= 0)
		return len < 0 ? (int)len : -ENODATA;
	kb = jem_proc_field(text, "Pss:", UINT64_MAX);
	if (kb == UINT64_MAX)
		return -EBADMSG;
	*stall_ns = jem_now_ns() - before;
	*bytes = kb << 10;
	return 0;
}

/* Adds up the Pss lines of whole lines; returns how many bytes of the text are left over. */
static size_t add_lines(char *text, size_t len, uint64_t *kb)
{
	char *at = text;
	char *end;

	while ((end = memchr(at, '\n', (size_t)(text + len - at)))) {
		*end = '\0';
		if (!strncmp(at, "Pss:", 4))
			*kb += jem_proc_field(at, "Pss:", 0);
		at = end + 1;
	}
	len = (size_t)(text + len - at);
	memmove(text, at, len);
	return len;
}

static int read_smaps(const char *root, pid_t pid, uint64_t *bytes, uint64_t *stall_ns)
{
	auto_close int fd = jem_proc_open(root, "/proc/%d/smaps", (int)pid);
	char text[LINES_TEXT];
	uint64_t longest = 0;
	uint64_t kb = 0;
	size_t len = 0;

	if (fd < 0)
		return fd;
	for (;;) {
		uint64_t before = jem_now_ns();
		ssize_t n = read(fd, text + len, PIECE);
		uint64_t took = jem_now_ns() - before;

		if (n < 0)
			return -errno;
		if (!n)
			break;
		if (took > longest)
			longest = took;
		len = add_lines(text, len + (size_t)n, &kb);
		if (len > sizeof(text) - PIECE - 1)
			len = 0; /* the path of a mapping, longer than any line we want */
	}
	*stall_ns = longest;
	*bytes = kb << 10;
	return 0;
}

int jem_pss_read(const char *root, struct jem_process *process, uint64_t now_ns)
{
	struct jem_pss_reading *reading = &process->pss;
	uint64_t before = jem_now_ns();
	uint64_t bytes, stall_ns;
	int status = -ENOENT;

	if (process->memory.rss_bytes <= ROLLUP_RSS_MAX)
		status = read_rollup(root, process->pid, &bytes, &stall_ns);
	if (status == -ENOENT) /* larger, or a kernel before 4.14, which has no rollup */
		status = read_smaps(root, process->pid, &bytes, &stall_ns);
	reading->read_ns = now_ns; /* a refused reading is not tried again at once */
	reading->rss_bytes = process->memory.rss_bytes;
	reading->anon_bytes = process->memory.anon_bytes;
	reading->cost_ns = jem_now_ns() - before;
	if (status < 0) {
		reading->is_known = false;
		return status;
	}
	reading->is_known = true;
	reading->bytes = bytes;
	reading->stall_ns = stall_ns;
	return 0;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* How much it matters to read this process now; 0: not at all. */
static uint64_t weight_of(const struct jem_pss *pss, const struct jem_procset *set,
			  struct jem_process *process, uint64_t now_ns)
{
	const struct jem_pss_reading *last = &process->pss;
	uint64_t since = last->read_ns ? last->read_ns : process->start_ns;
	uint64_t stall_ns, change;

	if (!process->was_read || process->end_ns || !process->memory.rss_bytes ||
	    now_ns - process->start_ns < SETTLED_NS)
		return 0;
	change = distance(process->memory.rss_bytes, last->read_ns ? last->rss_bytes : 0) +
		 distance(process->memory.anon_bytes, last->read_ns ? last->anon_bytes : 0);
	if (last->read_ns && now_ns - last->read_ns >= UNCHANGED_NS)
		change += CHANGE_MIN;
	if (last->read_ns && (change < CHANGE_MIN || change < process->memory.rss_bytes / 100))
		return 0;
	stall_ns = predicted_stall(set->reader.root, process);
	if (stall_ns > pss->stall_ns && now_ns - since < stall_ns * SHARE_OF_STALL)
		return 0;
	/* The first reading comes before any other. */
	return last->read_ns ? change : (UINT64_MAX >> 1) + change;
}

void jem_pss_step(struct jem_pss *pss, struct jem_procset *set, double cores, uint64_t now_ns)
{
	double share = cores > 1 ? (cores < CORES_COUNTED ? cores : CORES_COUNTED) : 1;

	if (pss->last_ns)
		pss->credit_ns += (int64_t)((double)(now_ns - pss->last_ns) * share / SHARE_OF_CPU);
	if (pss->credit_ns > CREDIT_MAX_NS)
		pss->credit_ns = CREDIT_MAX_NS;
	pss->last_ns = now_ns;
	while (pss->credit_ns > 0) {
		struct jem_process *chosen = NULL;
		uint64_t best = 0;

		for (size_t i = 0; i < set->count; i++) {
			uint64_t weight = set->list[i]->pss.read_ns == now_ns
						  ? 0
						  : weight_of(pss, set, set->list[i], now_ns);

			if (weight > best) {
				best = weight;
				chosen = set->list[i];
			}
		}
		if (!chosen)
			return;
		(void)jem_pss_read(set->reader.root, chosen, now_ns);
		pss->credit_ns -= (int64_t)chosen->pss.cost_ns;
		pss->spent_ns += chosen->pss.cost_ns;
		pss->readings++;
		if (chosen->pss.stall_ns > pss->longest_stall_ns)
			pss->longest_stall_ns = chosen->pss.stall_ns;
	}
}

bool jem_pss_value(const struct jem_procset *set, const struct jem_process *process,
		   uint64_t *bytes)
{
	const struct jem_pss_reading *last = &process->pss;
	const struct jem_process *parent = jem_procset_find(set, process->ppid);
	uint64_t rss = process->memory.rss_bytes;
	uint64_t anon = process->memory.anon_bytes;
	uint64_t value = anon;

	if (last->is_known) {
		value = last->bytes + anon;
		value = value > last->anon_bytes ? value - last->anon_bytes : 0;
	} else if (last->read_ns) {
		return false; /* not ours to read */
	} else if (parent && !strcmp(parent->comm, process->comm)) {
		value = 0; /* a copy shares its pages; the parent counts them */
	}
	*bytes = value < rss ? value : rss;
	return true;
}
