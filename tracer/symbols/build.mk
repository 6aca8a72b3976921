# SPDX-License-Identifier: Apache-2.0
# libsymbols: what the daemon needs, without libdw. libdebugdata: ELF and DWARF to an image.
noinst_LIBRARIES += libsymbols.a
libsymbols_a_SOURCES = \
	%D%/image.h %D%/image_read.c \
	%D%/patterns.c %D%/patterns.h \
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
