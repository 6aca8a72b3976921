/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/pss.h"

#include "common/cleanup.h"
#include "common/clock.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>

enum {
	SHARE_OF_CPU = 4000, /* of what the job keeps busy, one part for this */
	SHARE_OF_STALL = 1000,
	CORES_COUNTED = 32,
	PIECE = 640, /* of smaps: less than one mapping's text, so that a read shows only one */
	LINES_TEXT = 4096,
	ROLLUP_TEXT = 2048,
	SPARSE = 8, /* address space by resident set: what is beyond is not scanned */
	SHARE_OF_TICK = 125,
	SHARE_OF_ERROR = 20, /* of what a scan finds, no more than a part may be left open */
};
static const int64_t CREDIT_MAX_NS = 50000000;      /* a new job may be read at once */
static const uint64_t STALL_NS_PER_GIB = 6000000;   /* of 4 KiB pages; huge ones cost far less */
static const uint64_t ROLLUP_RSS_MAX = 64u << 20;   /* 0.4 ms of stall */
static const uint64_t SETTLED_NS = 500000000;       /* younger processes may be gone at once */
static const uint64_t UNCHANGED_NS = 300000000000u; /* others may have stopped sharing */
static const uint64_t CHANGE_MIN = 256 << 10;
static const uint64_t YIELD_NS = 1000000;
static const uint64_t SLICE_MIN_NS = 8000000; /* of a scan, at a tick */
static const uint64_t SLICE_MAX_NS = 40000000;

void jem_pss_init(struct jem_pss *pss, uint64_t stall_ns)
{
	*pss = (struct jem_pss){ .stall_ns = stall_ns, .credit_ns = CREDIT_MAX_NS };
}

void jem_pss_deinit(struct jem_pss *pss)
{
	if (pss->is_scanning)
		jem_pss_scan_close(&pss->scan);
	pss->is_scanning = false;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

static uint64_t stall_of(uint64_t bytes)
{
	return (uint64_t)((double)bytes / (1 << 30) * (double)STALL_NS_PER_GIB);
}

/* The largest mapping bounds what one piece of smaps can cost. */
static uint64_t largest_mapping(const char *root, pid_t pid)
{
	struct jem_mapping mapping;
	struct jem_maps maps;
	uint64_t largest = 0;

	if (jem_maps_open(&maps, root, pid) < 0)
		return UINT64_MAX;
	while (jem_maps_next(&maps, &mapping))
		if (mapping.is_accessible && mapping.end - mapping.start > largest)
			largest = mapping.end - mapping.start;
	jem_maps_close(&maps);
	return largest;
}

/* As the last time; before the first time, and when it has become another, from its mappings. */
static uint64_t predicted_stall(const char *root, struct jem_process *process)
{
	struct jem_pss_reading *last = &process->pss;
	uint64_t rss = process->memory.rss_bytes;

	if (rss <= ROLLUP_RSS_MAX)
		return stall_of(rss);
	if (!last->smaps_rss || distance(rss, last->smaps_rss) > last->smaps_rss / 8) {
		uint64_t largest = largest_mapping(root, process->pid);

		last->is_not_for_pages = false; /* perhaps it shares less now */
		last->smaps_rss = rss;
		last->smaps_ns = stall_of(largest < rss ? largest : rss);
	}
	return (uint64_t)((double)last->smaps_ns * (double)rss / (double)last->smaps_rss);
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
	uint64_t yielded_ns = 0;
	uint64_t longest = 0;
	uint64_t kb = 0;
	size_t len = 0;

	if (fd < 0)
		return fd;
	for (;;) {
		uint64_t before = jem_now_ns();
		uint64_t took;
		ssize_t n;

		if (before - yielded_ns > YIELD_NS) {
			sched_yield(); /* rather now than while the mappings are locked */
			yielded_ns = before = jem_now_ns();
		}
		n = read(fd, text + len, PIECE);
		took = jem_now_ns() - before;

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
	uint64_t before_ns = jem_clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
	uint64_t bytes, stall_ns;
	int status = -ENOENT;

	if (process->memory.rss_bytes <= ROLLUP_RSS_MAX)
		status = read_rollup(root, process->pid, &bytes, &stall_ns);
	if (status == -ENOENT) /* larger, or a kernel before 4.14, which has no rollup */
		status = read_smaps(root, process->pid, &bytes, &stall_ns);
	reading->read_ns = now_ns; /* a refused reading is not tried again at once */
	reading->rss_bytes = process->memory.rss_bytes;
	reading->anon_bytes = process->memory.anon_bytes;
	reading->cost_ns = jem_clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - before_ns;
	if (status < 0) {
		reading->is_known = false;
		return status;
	}
	reading->is_known = true;
	reading->bytes = bytes;
	reading->error_bytes = 0;
	reading->stall_ns = reading->smaps_ns = stall_ns;
	reading->smaps_rss = process->memory.rss_bytes;
	return 0;
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
	if (stall_ns > pss->stall_ns && last->is_not_for_pages &&
	    now_ns - since < stall_ns * SHARE_OF_STALL)
		return 0;
	/* The first reading comes before any other. */
	return last->read_ns ? change : (UINT64_MAX >> 1) + change;
}

/* --- counting pages --------------------------------------------------------------------------- */

/* Takes what the scan found, or notes that it is no way for this process. */
static void take_scan(const struct jem_pss_scan *scan, struct jem_process *process,
		      uint64_t begun_ns)
{
	struct jem_pss_reading *reading = &process->pss;
	uint64_t found = scan->own_bytes + scan->shared_bytes;
	uint64_t open = scan->shared_bytes / 2;
	uint64_t slack = process->memory.rss_bytes / SHARE_OF_ERROR;

	/* Pages in two sizes, of devices or of nobody would make it another sum than PSS. */
	reading->is_not_for_pages =
		distance(found, process->memory.rss_bytes) > slack || open > found / SHARE_OF_ERROR;
	if (reading->is_not_for_pages)
		return;
	reading->is_known = true;
	reading->bytes = scan->own_bytes + open;
	reading->error_bytes = open;
	reading->read_ns = begun_ns;
	reading->rss_bytes = process->memory.rss_bytes;
	reading->anon_bytes = process->memory.anon_bytes;
	reading->cost_ns = scan->cost_ns;
	reading->stall_ns = scan->longest_ns;
}

static void spend(struct jem_pss *pss, uint64_t cost_ns, uint64_t stall_ns)
{
	pss->credit_ns -= (int64_t)cost_ns;
	pss->spent_ns += cost_ns;
	if (stall_ns > pss->longest_stall_ns)
		pss->longest_stall_ns = stall_ns;
}

static void scan_on(struct jem_pss *pss, struct jem_procset *set)
{
	struct jem_pss_scan *scan = &pss->scan;
	struct jem_process *process = jem_procset_find(set, scan->pid);
	uint64_t before_ns = scan->cost_ns;
	int status = -ESRCH;

	if (process && process->start_ticks == scan->start_ticks)
		status = jem_pss_scan_step(scan, pss->slice_ns);
	else
		process = NULL;
	spend(pss, scan->cost_ns - before_ns, scan->longest_ns);
	if (!status)
		return;
	if (status > 0) {
		take_scan(scan, process, pss->begun_ns);
		pss->readings++;
	} else if (process) {
		process->pss.is_not_for_pages = true;
	}
	jem_pss_deinit(pss);
}

static void start_scan(struct jem_pss *pss, struct jem_procset *set, struct jem_process *process,
		       uint64_t now_ns)
{
	uint64_t span_max = process->memory.rss_bytes * SPARSE;

	if (jem_pss_scan_open(&pss->scan, set->reader.root, process->pid, span_max) < 0) {
		process->pss.is_not_for_pages = true;
		return;
	}
	pss->scan.start_ticks = process->start_ticks;
	pss->is_scanning = true;
	pss->begun_ns = now_ns;
	scan_on(pss, set);
}

/* --- choosing --------------------------------------------------------------------------------- */

static struct jem_process *choose(const struct jem_pss *pss, struct jem_procset *set,
				  uint64_t now_ns)
{
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
	return chosen;
}

void jem_pss_step(struct jem_pss *pss, struct jem_procset *set, double cores, uint64_t now_ns)
{
	double share = cores > 1 ? (cores < CORES_COUNTED ? cores : CORES_COUNTED) : 1;

	pss->slice_ns = SLICE_MIN_NS;
	if (pss->last_ns && (now_ns - pss->last_ns) / SHARE_OF_TICK > SLICE_MIN_NS)
		pss->slice_ns = (now_ns - pss->last_ns) / SHARE_OF_TICK;
	if (pss->slice_ns > SLICE_MAX_NS)
		pss->slice_ns = SLICE_MAX_NS;
	if (pss->last_ns)
		pss->credit_ns += (int64_t)((double)(now_ns - pss->last_ns) * share / SHARE_OF_CPU);
	if (pss->credit_ns > CREDIT_MAX_NS)
		pss->credit_ns = CREDIT_MAX_NS;
	pss->last_ns = now_ns;
	if (pss->is_scanning) /* what was begun is finished; it may owe for it afterwards */
		scan_on(pss, set);
	while (pss->credit_ns > 0 && !pss->is_scanning) {
		struct jem_process *chosen = choose(pss, set, now_ns);

		if (!chosen)
			return;
		if (!chosen->pss.is_not_for_pages &&
		    predicted_stall(set->reader.root, chosen) > pss->stall_ns) {
			start_scan(pss, set, chosen, now_ns);
			continue;
		}
		(void)jem_pss_read(set->reader.root, chosen, now_ns);
		spend(pss, chosen->pss.cost_ns, chosen->pss.stall_ns);
		pss->readings++;
	}
}

uint64_t jem_pss_error(const struct jem_process *process)
{
	uint64_t rss = process->memory.rss_bytes;

	return process->pss.is_known && process->pss.error_bytes < rss ? process->pss.error_bytes
								       : rss;
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
