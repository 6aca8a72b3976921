# SPDX-License-Identifier: Apache-2.0
# libjemtrace.so, loaded into the job. Neither libtool nor sanitizers: it lives in somebody's program, with
# flags of its own. No stack protector: the hook's thread may have no thread-local block that libc knows,
# and a fault of the job is not ours to report.
PRELOAD_CFLAGS = -std=gnu11 $(WARN_CFLAGS) -O2 -fPIC -fvisibility=hidden -ftls-model=initial-exec \
	-fno-stack-protector $(LOOP_CFLAGS) -fno-semantic-interposition -fno-plt \
	-fcf-protection=none -fno-exceptions -fasynchronous-unwind-tables
PRELOAD_GUARDS = \
	%D%/guard.c %D%/guard.h %D%/guard_backend.h %D%/guard_load.h \
	%D%/guard_fault.c %D%/guard_readv.c %D%/guard_victim.c \
	%D%/machine.c %D%/machine.h \
	%D%/machine_cell.c %D%/machine_internal.h \
	%D%/next.h %D%/raw.h \
	%D%/signals.c %D%/signals.h \
	%D%/signals_stack.c %D%/signals_stack.h
PRELOAD_VALUES = $(PRELOAD_GUARDS) %D%/signals_interpose.c %D%/signals_interpose.h

pkglib_hooksdir = $(pkglibdir)
pkglib_hooks_PROGRAMS = libjemtrace.so
# No SSE in the hooks. What runs plans may use it: its registers are saved by then.
libjemtrace_so_CPPFLAGS = -D_GNU_SOURCE -I$(top_srcdir)
libjemtrace_so_CFLAGS = $(PRELOAD_CFLAGS) -mgeneral-regs-only
libjemtrace_so_CCASFLAGS = -fPIC
libjemtrace_so_LDFLAGS = -shared -Wl,-soname,libjemtrace.so -Wl,-z,now -Wl,-z,noseparate-code -Wl,-z,relro -Wl,-z,defs \
	-Wl,--hash-style=gnu -Wl,--version-script=$(srcdir)/%D%/export.map \
	-Wl,--whole-archive,libpreload-values.a,--no-whole-archive
libjemtrace_so_DEPENDENCIES = %D%/export.map libpreload-values.a
EXTRA_DIST += %D%/export.map
libjemtrace_so_SOURCES = schemas/ring.h \
	%D%/clock.c %D%/clock.h \
	%D%/entry.S \
	%D%/hello.c %D%/hello.h \
	%D%/hooks.c %D%/hooks.h \
	%D%/life.c %D%/life.h \
	%D%/limit.c %D%/limit.h \
	%D%/maps.c %D%/maps.h \
	%D%/missed.c %D%/missed.h \
	%D%/modules.c %D%/modules.h \
	%D%/patch.c %D%/patch.h \
	%D%/plan.c %D%/plan.h \
	%D%/record.c %D%/record.h \
	%D%/settings.c %D%/settings.h \
	%D%/shadow.c %D%/shadow.h \
	%D%/site.h \
	%D%/slot.c %D%/slot.h \
	%D%/state.c %D%/state.h \
	%D%/sys.h \
	%D%/tree.c %D%/tree.h \
	%D%/values.c %D%/values.h

noinst_LIBRARIES += libpreload-values.a
libpreload_values_a_CPPFLAGS = -D_GNU_SOURCE -I$(top_srcdir)
libpreload_values_a_CFLAGS = $(PRELOAD_CFLAGS)
libpreload_values_a_SOURCES = $(PRELOAD_VALUES)

# The same without the interposers, for tests and benchmarks, sanitized as these are.
noinst_LIBRARIES += libvalues.a
libvalues_a_SOURCES = $(PRELOAD_GUARDS)
libvalues_a_CFLAGS = $(AM_CFLAGS) -fPIC
