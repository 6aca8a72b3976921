/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/preload/guard_backend.h"

#include "tracer/preload/guard_load.h"
#include "tracer/preload/signals.h"

#if defined(__x86_64__)

/* Made by the linker: where the section begins and ends in this file. */
extern const struct jem_guard_fixup __start_jem_fixups[] __attribute__((visibility("hidden")));
extern const struct jem_guard_fixup __stop_jem_fixups[] __attribute__((visibility("hidden")));

JEM_ALONE uintptr_t jem_guard_fixup(uintptr_t pc)
{
	const struct jem_guard_fixup *fixup;

	for (fixup = __start_jem_fixups; fixup < __stop_jem_fixups; fixup++) {
		if ((uintptr_t)&fixup->fault + (uintptr_t)(intptr_t)fixup->fault == pc)
			return (uintptr_t)&fixup->go_on + (uintptr_t)(intptr_t)fixup->go_on;
	}
	return 0;
}

bool jem_guard_fault_copy(void *to, uint64_t from, size_t len)
{
	return jem_guard_load_bytes(to, from, len);
}

#else

uintptr_t jem_guard_fixup(uintptr_t pc)
{
	(void)pc;
	return 0;
}

bool jem_guard_fault_copy(void *to, uint64_t from, size_t len)
{
	return jem_guard_readv_copy(to, from, len);
}

#endif
