# SPDX-License-Identifier: Apache-2.0
# What is installed besides the programs: manual pages and completion.

# The tables of options, keys and metrics fill the pages, so jem-tool comes first.
man_pages = \
	%D%/man/dat2graph.1 \
	%D%/man/running_waiting.1 \
	%D%/man/jem.1 \
	%D%/man/jem-broker.1 \
	%D%/man/jem-calls.1 \
	%D%/man/jem-check.1 \
	%D%/man/jem-control.1 \
	%D%/man/jem-expand.1 \
	%D%/man/jem-log.1 \
	%D%/man/jem-record.1 \
	%D%/man/jem-receive.1 \
	%D%/man/jem-report.1 \
	%D%/man/jem-run.1 \
	%D%/man/jem-spool.1 \
	%D%/man/jem-status.1 \
	%D%/man/jem-watch.1 \
	%D%/man/jem.conf.5 \
	%D%/man/jem-metrics.7 \
	%D%/man/jemd.8
nodist_man_MANS += $(man_pages)
CLEANFILES += $(man_pages)
EXTRA_DIST += %D%/man/fill.awk $(man_pages:=.in)
$(man_pages): $(man_pages:=.in) %D%/man/fill.awk jem-tool$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) %D%/man && $(AWK) -v tool=./jem-tool$(EXEEXT) -v version=$(VERSION) \
		-f $(srcdir)/%D%/man/fill.awk $(srcdir)/$@.in > $@.new && mv $@.new $@

bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = %D%/completion/jem
# bash looks for a file of the command's name
install-data-hook:
	for name in jemd dat2graph running_waiting; do \
		ln -sf jem $(DESTDIR)$(bashcompletiondir)/$$name || exit 1; done
uninstall-hook:
	for name in jemd dat2graph running_waiting; do \
		rm -f $(DESTDIR)$(bashcompletiondir)/$$name; done

dist_doc_DATA = %D%/jem.conf
