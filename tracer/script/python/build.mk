# SPDX-License-Identifier: Apache-2.0
# What follows Python code, a folder for PYTHONPATH. The extension lives in somebody's program: neither
# sanitized nor linked by automake's rules, whose program names cannot bear an interpreter's suffix.
PYTHON_FOLLOWER = \
	%D%/compat.c %D%/compat.h \
	%D%/module.c \
	%D%/record.c %D%/record.h \
	%D%/select.c %D%/select.h \
	%D%/send.c %D%/send.h \
	%D%/source_line.c %D%/source_line.h \
	%D%/stack.c %D%/stack.h \
	%D%/text.c %D%/text.h \
	%D%/threads.c %D%/threads.h
EXTRA_DIST += $(PYTHON_FOLLOWER)
python_follower_compile = -std=gnu11 -D_GNU_SOURCE -I$(top_srcdir) $(WARN_CFLAGS) -O2 -fPIC -fvisibility=hidden \
	-shared -Wl,-z,now -Wl,-z,relro

pythonsitedir = $(pkglibdir)/python
dist_pythonsite_DATA = %D%/sitecustomize.py %D%/_jem_script_plain.py
pythonsite_DATA =
if HAVE_PYTHON_DEV
pythonsite_DATA += %D%/_jem_script$(PYTHON_EXT)
endif
CLEANFILES += %D%/_jem_script$(PYTHON_EXT)
%D%/_jem_script$(PYTHON_EXT): $(PYTHON_FOLLOWER)
	$(AM_V_CCLD)$(MKDIR_P) %D% && $(CC) $(python_follower_compile) -isystem $(PYTHON_INCLUDE) -o $@ \
		$(addprefix $(srcdir)/,$(filter %.c,$(PYTHON_FOLLOWER))) -lpthread

# In the build folder they lie together, as where they are installed.
python_folder = %D%/built
noinst_DATA += $(python_folder)
CLEANFILES += $(python_folder)
$(python_folder): $(dist_pythonsite_DATA)
	$(AM_V_GEN)$(MKDIR_P) %D% && for f in $(dist_pythonsite_DATA); do cp $(srcdir)/$$f %D%/ || exit; done && : >$@
clean-local:
	rm -rf %D%/__pycache__
	test '$(srcdir)' = . || rm -f $(dist_pythonsite_DATA)
