# SPDX-License-Identifier: Apache-2.0
# libsymbols: what the daemon needs, without libdw. libdebugdata: ELF and DWARF to an image.
noinst_LIBRARIES += libsymbols.a
libsymbols_a_SOURCES = \
	%D%/image.h %D%/image_read.c \
	%D%/plan_file.c %D%/plan_file.h \
	%D%/plan_file_internal.h \
	%D%/plan_find.c \
	%D%/plan_space.c %D%/plan_space.h \
	%D%/plan_table.c %D%/plan_table.h \
	%D%/ring_read.c %D%/ring_read.h \
	%D%/value.c %D%/value.h \
	%D%/value_container.c \
	%D%/value_internal.h \
	%D%/value_name.c \
	%D%/value_pointer.c \
	%D%/value_scalar.c \
	%D%/value_slot.c \
	%D%/value_struct.c \
	%D%/value_text.c

noinst_LIBRARIES += libdebugdata.a
libdebugdata_a_CPPFLAGS = $(AM_CPPFLAGS) $(LIBDW_CFLAGS)
libdebugdata_a_SOURCES = \
	%D%/abi.c \
	%D%/cfi.c \
	%D%/blocks.c %D%/code.c %D%/compile.h \
	%D%/containers.c \
	%D%/debug.c %D%/debug.h \
	%D%/debug_file.c %D%/debug_file.h \
	%D%/expression.c %D%/expression_internal.h \
	%D%/expression_math.c \
	%D%/flow.c %D%/flow.h \
	%D%/flow_node.c %D%/flow_internal.h \
	%D%/follow.c \
	%D%/image_file.c %D%/image_file.h \
	%D%/index.c %D%/index.h \
	%D%/index_internal.h %D%/index_walk.c \
	%D%/initial.c \
	%D%/lines.c %D%/lines.h \
	%D%/location.c \
	%D%/location_list.c \
	%D%/plan.c %D%/plan.h \
	%D%/pool.c %D%/pool.h \
	%D%/prologue.c \
	%D%/reach.c \
	%D%/returns.c \
	%D%/scopes.c %D%/scopes.h \
	%D%/sites.c %D%/sites.h \
	%D%/slots.c \
	%D%/strings.c %D%/strings.h \
	%D%/symtab.c %D%/symtab.h \
	%D%/types.c %D%/types.h \
	%D%/types_definition.c \
	%D%/types_internal.h \
	%D%/types_members.c \
	%D%/types_name.c \
	%D%/types_shape.c \
	%D%/variables.c \
	%D%/writer.c %D%/writer.h \
	%D%/writer_internal.h \
	%D%/writer_plans.c \
	%D%/writer_tables.c \
	%D%/x86_decode.c %D%/x86_decode.h \
	%D%/x86_internal.h %D%/x86_sse.c \
	%D%/x86_length.c %D%/x86_length.h
DEBUGDATA_LIBS = libdebugdata.a libsymbols.a libcommon.a $(LIBDW_LIBS) $(ZLIB_LIBS)

pkglibexec_PROGRAMS += jem-symbols
jem_symbols_CPPFLAGS = $(AM_CPPFLAGS) $(LIBDW_CFLAGS)
jem_symbols_SOURCES = %D%/main.c %D%/dump.c %D%/dump.h
jem_symbols_LDADD = $(DEBUGDATA_LIBS)
