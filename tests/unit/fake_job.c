/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fake_job.h"

#include "tests/unit/check.h"

#include "common/local_socket.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static uint8_t *make_file(const char *name, size_t len, int *fd)
{
	void *bytes;

	*fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	CHECK_OK(*fd);
	CHECK_OK(ftruncate(*fd, (off_t)len));
	CHECK_OK(fcntl(*fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
	bytes = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	CHECK(bytes != MAP_FAILED);
	return bytes;
}

void fake_job_open(struct fake_job *job)
{
	uint64_t modules = sizeof(struct jem_ring_header);
	uint64_t threads = modules + FAKE_MODULES * sizeof(struct jem_ring_module);
	uint64_t rings =
		(threads + FAKE_THREADS * sizeof(struct jem_ring_thread) + 4095) / 4096 * 4096;
	uint64_t edges = rings + FAKE_THREADS * FAKE_RING;
	struct jem_ring_header header = {
		.version = JEM_RING_VERSION,
		.pid = (uint32_t)getpid(),
		.clock = JEM_RING_MONOTONIC,
		.ring_bytes = FAKE_RING,
		.edge_count = FAKE_EDGES,
		.thread_count = FAKE_THREADS,
		.module_max = FAKE_MODULES,
		.file_bytes = edges + FAKE_THREADS * FAKE_EDGES * sizeof(struct jem_ring_edge),
		.modules_offset = modules,
		.threads_offset = threads,
		.rings_offset = rings,
		.edges_offset = edges,
	};

	memset(job, 0, sizeof(*job));
	memcpy(header.magic, JEM_RING_MAGIC, sizeof(header.magic));
	job->rings_bytes = header.file_bytes;
	job->rings = make_file("rings", job->rings_bytes, &job->rings_fd);
	job->plan = make_file("plan", FAKE_PLAN, &job->plan_fd);
	memcpy(job->rings, &header, sizeof(header));
	job->header = (struct jem_ring_header *)(void *)job->rings;
	job->modules = (struct jem_ring_module *)(void *)(job->rings + modules);
	job->threads = (struct jem_ring_thread *)(void *)(job->rings + threads);
	job->edges = (struct jem_ring_edge *)(void *)(job->rings + edges);
}

void fake_job_close(struct fake_job *job)
{
	munmap(job->rings, job->rings_bytes);
	munmap(job->plan, FAKE_PLAN);
	close(job->rings_fd);
	close(job->plan_fd);
}

void fake_module(struct fake_job *job, unsigned index, const char *path, uint64_t start,
		 uint64_t end)
{
	struct jem_ring_module *module = &job->modules[index];

	module->number = index + 1;
	module->bias = FAKE_BIAS;
	module->start = start;
	module->end = end;
	snprintf(module->path, sizeof(module->path), "%s", path);
	__atomic_store_n(&module->state, JEM_MODULE_OPEN, __ATOMIC_RELEASE);
	__atomic_store_n(&job->header->modules_seen, index + 1, __ATOMIC_RELEASE);
}

void fake_hello(struct fake_job *job, const char *address, const char *config, size_t len)
{
	struct jem_hello hello = { .magic = JEM_HELLO_MAGIC,
				   .version = JEM_RING_VERSION,
				   .pid = (uint32_t)getpid(),
				   .config_len = (uint32_t)len };
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec part = { &hello, sizeof(hello) };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control.bytes) };
	const int fds[] = { job->rings_fd, job->plan_fd };
	int fd = jem_local_connect(address, NULL);

	CHECK_OK(fd);
	if (len)
		memcpy(hello.config, config, len);
	control.head.cmsg_len = CMSG_LEN(sizeof(fds));
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&control.head), fds, sizeof(fds));
	CHECK_EQ(sendmsg(fd, &message, MSG_NOSIGNAL), sizeof(hello));
	close(fd);
}

static void put(struct fake_job *job, unsigned thread, const uint64_t *words, unsigned count)
{
	struct jem_ring_thread *slot = &job->threads[thread];
	uint8_t *ring = job->rings + job->header->rings_offset + (uint64_t)thread * FAKE_RING;
	uint64_t head = slot->head;
	uint64_t to_end = FAKE_RING - head % FAKE_RING;
	uint64_t skip = to_end < count * 8ull ? to_end : 0;

	slot->tid = (uint32_t)gettid() + thread;
	slot->state = JEM_THREAD_LIVE;
	slot->seen++;
	if (head + skip + count * 8ull - __atomic_load_n(&slot->tail, __ATOMIC_ACQUIRE) >
	    FAKE_RING) {
		slot->dropped++;
		return;
	}
	if (skip)
		memset(ring + head % FAKE_RING, 0, 8);
	memcpy(ring + (head + skip) % FAKE_RING, words, count * sizeof(*words));
	__atomic_store_n(&slot->head, head + skip + count * 8ull, __ATOMIC_RELEASE);
	slot->written++;
}

static uint64_t first_word(uint32_t site, unsigned words, unsigned kind, unsigned flags)
{
	return site | (uint64_t)words << 32 | (uint64_t)kind << 48 | (uint64_t)flags << 56;
}

void fake_unknown(struct fake_job *job, unsigned thread, bool is_exit, uint64_t pc,
		  uint64_t callsite, uint64_t frame, uint64_t mono_ns)
{
	const uint64_t words[] = {
		first_word(0, 5, is_exit ? JEM_RECORD_UNKNOWN_EXIT : JEM_RECORD_UNKNOWN_ENTER, 0),
		mono_ns, frame, callsite, pc
	};

	put(job, thread, words, 5);
}

void fake_record(struct fake_job *job, unsigned thread, bool is_exit, uint32_t site,
		 uint64_t callsite, uint64_t frame, uint64_t mono_ns,
		 const struct jem_ring_parts *parts, const uint64_t *words)
{
	uint64_t record[64] = { 0, mono_ns, frame, callsite };
	unsigned count = is_exit ? JEM_RECORD_EXIT_WORDS : JEM_RECORD_ENTER_WORDS;

	if (parts) {
		unsigned more = parts->site_words + parts->caller_words;

		memcpy(&record[count++], parts, sizeof(*parts));
		memcpy(&record[count], words, more * sizeof(*words));
		count += more;
	}
	record[0] = first_word(site, count, is_exit ? JEM_RECORD_EXIT : JEM_RECORD_ENTER,
			       parts ? JEM_RECORD_VALUES : 0);
	put(job, thread, record, count);
}

const struct jem_plan_site *fake_find(const struct fake_job *job, uint64_t pc)
{
	const struct jem_plan_header *plan = (const void *)job->plan;
	uint64_t offset = __atomic_load_n(&plan->sites_offset, __ATOMIC_ACQUIRE);
	const struct jem_plan_site *sites = (const void *)(job->plan + offset);

	for (uint64_t at = jem_plan_hash(pc); offset; at++) {
		const struct jem_plan_site *site = &sites[at & plan->site_mask];
		uint64_t key = __atomic_load_n(&site->key, __ATOMIC_ACQUIRE);

		if (key == pc)
			return site;
		if (!key)
			break;
	}
	return NULL;
}

uint32_t fake_state(const struct fake_job *job)
{
	const struct jem_plan_header *plan = (const void *)job->plan;

	return __atomic_load_n(&plan->state, __ATOMIC_ACQUIRE);
}
