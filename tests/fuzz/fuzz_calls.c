/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_calls: any records, tree and module of a traced process, all the way to the columns that readers
 * take: every batch that comes of them has to be read again.
 */
#include "tests/unit/image_maker.h"

#include "daemon/sources/calls/traced.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	RING = 65536,
	EDGES = 16,
	PLAN = 1 << 20,
	BIAS = 0x5000000
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct stage {
	struct jem_traced_shared shared;
	struct jem_redactor *redactor;
	struct jem_calls_settings *settings;
	struct jem_calls_image image;
	struct jem_symbols_request wanted;
	struct jem_columns columns;
};

static struct stage stage; /* what one input leaves does not matter to the next */

static void check(bool is_good)
{
	if (!is_good)
		abort();
}

static void take_rows(void *arg)
{
	struct jem_head head = { .kind = JEM_KIND_call, .schema = 1 };
	struct jem_buf map;
	struct jem_buf body;
	struct jem_err err;
	uint64_t base_ns;

	(void)arg;
	jem_buf_init(&map, 0);
	jem_buf_init(&body, 0);
	strcpy(head.source.names.site, "s");
	strcpy(head.source.names.user, "u");
	strcpy(head.source.names.job, "j");
	strcpy(head.source.names.node, "n");
	strcpy(head.epoch, "0123456789abcdef");
	strcpy(head.boot_id, "00000000-0000-0000-0000-000000000000");
	check(jem_rows_take(stage.shared.rows, &base_ns, &head.n, &map) == 0);
	jem_columns_encode_body(&head, map.data, map.len, &body);
	check(jem_columns_decode(&stage.columns, body.data, body.len, &head, &err) == 0);
	jem_buf_deinit(&map);
	jem_buf_deinit(&body);
}

static void on_module(void *arg, const struct jem_symbols_request *request)
{
	(void)arg;
	if (request->fd >= 0)
		close(request->fd);
	jem_calls_settings_unref(request->settings);
	stage.wanted = *request;
}

static void on_fault(void *arg, const char *text)
{
	(void)arg, (void)text;
}

static void on_unmatched(void *arg, const char *program, const char *pattern)
{
	(void)arg;
	check(program && pattern[0]);
}

static void make_image(void)
{
	struct image_maker maker;
	struct image_types types;
	size_t len;

	image_maker_init(&maker);
	types = image_basic_types(&maker);
	for (uint32_t i = 1; i <= 4; i++) {
		char name[8] = { 'f', (char)('0' + i) };

		image_function(&maker, name, i < 4 ? JEM_FUNCTION_INCLUDED : 0);
		image_slot(&maker, "s",
			   (struct jem_image_slot){ .role = JEM_SLOT_ARGUMENT,
						    .type = types.charp,
						    .words = 1,
						    .size = 8 });
		image_site(&maker, (struct jem_image_site){ .pc = i * 0x100,
							    .function = i,
							    .fixed_words = 1,
							    .flags = i == 3 ? JEM_SITE_INLINED : 0,
							    .caller = i == 3 ? 1 : 0 });
		image_site(&maker, (struct jem_image_site){ .pc = i * 0x100 + 0x80,
							    .function = i,
							    .flags = JEM_SITE_EXIT });
	}
	image_callsite(&maker, (struct jem_image_callsite){ .pc = 0x140, .function = 1 });
	stage.image.bytes = image_make(&maker, &len, &stage.image.view);
	stage.image.path = (char *)(uintptr_t) "/bin/program";
	stage.image.profile = calloc(8, sizeof(*stage.image.profile));
	image_maker_deinit(&maker);
}

static void prepare(void)
{
	const struct jem_value_config values = { .redactor = NULL };
	struct jem_calls_changes changes;
	struct jem_config *config;

	check(jem_redactor_create(NULL, 0, &stage.redactor, NULL) == 0);
	check(jem_rows_create(stage.redactor, &stage.shared.rows) == 0);
	check(jem_value_create(&values, &stage.shared.values) == 0);
	check(jem_config_create(&config) == 0 && jem_calls_changes_init(&changes) == 0);
	check(jem_config_set_assignment(config, JEM_RANK_FILE, "", "calls.include=f*", NULL) == 0);
	check(jem_config_set_assignment(config, JEM_RANK_FILE, "", "calls.values=yes", NULL) == 0);
	check(jem_calls_settings_make(config, &changes, NULL, 0, NULL, NULL, &stage.settings,
				      NULL) == 0);
	jem_calls_changes_deinit(&changes);
	jem_config_destroy(config);
	make_image();
	jem_columns_init(&stage.columns);
	(void)jem_ticks_init(&stage.shared.ticks);
	stage.shared.has_counter = true;
	stage.shared.now_ns = 1ull << 40;
	stage.shared.on_full = take_rows;
	stage.shared.on_module = on_module;
	stage.shared.on_fault = on_fault;
	stage.shared.on_unmatched = on_unmatched;
}

/* The input is tree, slot and ring, in this order; the header is right, so that the rest is looked at. */
static void make_rings(struct jem_hello_in *in, const uint8_t *data, size_t size)
{
	struct jem_ring_header header = {
		.version = JEM_RING_VERSION,
		.pid = 1,
		.clock = size & 1 ? JEM_RING_TSC : JEM_RING_MONOTONIC,
		.ring_bytes = RING,
		.edge_count = EDGES,
		.thread_count = 1,
		.module_max = 1,
		.modules_offset = 128,
		.threads_offset = 128 + sizeof(struct jem_ring_module),
		.rings_offset = 4096,
		.edges_offset = 4096 + RING,
		.file_bytes = 4096 + RING + EDGES * sizeof(struct jem_ring_edge),
	};
	struct jem_ring_module module = { .state = JEM_MODULE_OPEN,
					  .number = 1,
					  .bias = BIAS,
					  .start = BIAS,
					  .end = BIAS + 0x1000,
					  .path = "/bin/program" };
	size_t edges = size < EDGES * sizeof(struct jem_ring_edge) / 2 ? size / 2 : 512;
	struct jem_ring_thread *slot;

	memset(in, 0, sizeof(*in));
	in->rings_bytes = header.file_bytes;
	in->rings = mmap(NULL, in->rings_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	in->plan_bytes = PLAN;
	in->plan = mmap(NULL, PLAN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(in->rings != MAP_FAILED && in->plan != MAP_FAILED);
	memcpy(header.magic, JEM_RING_MAGIC, sizeof(header.magic));
	header.modules_seen = 1;
	memcpy(in->rings, &header, sizeof(header));
	memcpy((uint8_t *)in->rings + header.modules_offset, &module, sizeof(module));
	memcpy((uint8_t *)in->rings + header.edges_offset, data, edges);
	slot = (struct jem_ring_thread *)(void *)((uint8_t *)in->rings + header.threads_offset);
	size -= edges;
	size = size < RING ? size / 8 * 8 : RING;
	memcpy((uint8_t *)in->rings + header.rings_offset, data + edges, size);
	slot->state = JEM_THREAD_LIVE;
	slot->tid = 7;
	slot->seen = size;
	slot->head = size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jem_profile_rows rows;
	struct jem_hello_in in;
	struct jem_traced *traced;
	struct jem_err err;

	if (!stage.settings)
		prepare();
	memset(stage.image.profile, 0, 8 * sizeof(*stage.image.profile));
	check(jem_profile_create(&stage.shared.profile) == 0);
	make_rings(&in, data, size);
	check(jem_traced_create(&stage.shared, 1, &in, jem_calls_settings_ref(stage.settings),
				&traced, &err) == 0);
	jem_traced_look_at_modules(traced);
	jem_traced_drain(traced);
	jem_traced_take_image(traced, stage.wanted.module, size & 2 ? &stage.image : NULL);
	jem_traced_drain(traced);
	jem_traced_give_up(traced);
	check(!jem_traced_holds(traced));
	jem_traced_profile(traced, true);
	take_rows(NULL);
	for (int of_nodes = 0; of_nodes < 2; of_nodes++) {
		check(jem_profile_take(stage.shared.profile, of_nodes, 1000, &rows) == 0);
		for (size_t i = 0; i < rows.count; i++)
			check(rows.rows[i].total_ns <= JEM_PROFILE_NUMBER_MAX);
		jem_profile_rows_deinit(&rows);
	}
	jem_traced_destroy(traced);
	jem_profile_destroy(stage.shared.profile);
	return 0;
}
