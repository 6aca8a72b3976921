# SPDX-License-Identifier: Apache-2.0
# TAP through automake's own driver; the last line counts test points, not files.
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
TEST_EXTENSIONS = .py .sh
PY_LOG_DRIVER = $(LOG_DRIVER)
PY_LOG_COMPILER = /usr/bin/python3
SH_LOG_DRIVER = $(LOG_DRIVER)
SH_LOG_COMPILER = /bin/bash
AM_TESTS_ENVIRONMENT = top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' \
	ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1 \
	UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 ; \
	export top_srcdir top_builddir ASAN_OPTIONS UBSAN_OPTIONS;

include tests/unit/build.mk
include tests/flow/build.mk
include tests/fuzz/build.mk
include tests/bench/build.mk

# Layers and sizes, read from the sources alone.
TREE_TESTS = %D%/check_layers.py
dist_check_SCRIPTS += $(TREE_TESTS)

TESTS = $(TREE_TESTS) $(UNIT_TESTS) $(FUZZ_TESTS) $(FLOW_TESTS)

.PHONY: check-line check-quick check-flow check-long
# The closing line of every test run: N passed, N failed, N skipped.
count_line = awk '/^:test-result:/{n[$$2]++} END{printf "%d passed, %d failed, %d skipped\n", \
	n["PASS"]+n["XFAIL"],n["FAIL"]+n["XPASS"]+n["ERROR"],n["SKIP"]}'
check-line:
	@st=0; $(MAKE) check || st=$$?; $(count_line) $(TEST_LOGS:.log=.trs); exit $$st
check-quick:
	@$(MAKE) check TESTS='$(TREE_TESTS) $(UNIT_TESTS) $(FUZZ_TESTS)'
# What runs real programs end to end: one at a time, they watch the clock.
check-flow:
	@$(MAKE) check -j1 TESTS='$(FLOW_TESTS)'
check-long: $(check_PROGRAMS) $(bin_PROGRAMS) $(pkglibexec_PROGRAMS)
	@JEM_TEST_LONG=1 $(MAKE) check-line TESTS='$(LONG_TESTS)'

# What needs no build: format, layers, shell scripts. `.clang-format` is the law of version 14.
CLANG_FORMAT = clang-format-14
.PHONY: check-gates format-check
check-gates: format-check
	cd $(srcdir) && shellcheck bootstrap .ci/run examples/analysis/run.sh packaging/completion/jem
	$(PY_LOG_COMPILER) $(srcdir)/tests/check_layers.py
format-check:
	cd $(srcdir) && find . -type d \( -name 'build*' -o -name '_*' -o -name '.?*' \) -prune \
		-o \( -name '*.c' -o -name '*.h' -o -name '*.cc' \) -exec \
		$(CLANG_FORMAT) --dry-run -Werror {} +

# Needs no build either. The analyser sees neither scope guards nor linker symbols, hence what is
# suppressed: `auto_free` is no leak, the end of an embedded file belongs to its start.
CPPCHECK = cppcheck
CPPCHECK_FLAGS = -q -j2 --std=c11 --enable=warning,portability,performance --inline-suppr \
	--error-exitcode=1 --suppress=memleak --suppress=resourceLeak \
	--suppress=comparePointers:receiver/* --suppress=invalidPointerCast:receiver/index.c \
	--suppress=legacyUninitvar:common/name.c
.PHONY: analyse check-valgrind
analyse:
	cd $(srcdir) && $(CPPCHECK) $(CPPCHECK_FLAGS) -I. common daemon broker-client receiver tools

# Left out: what measures processor time, races a writer that waits for nobody, or reads bad memory on
# purpose. In a plain build; takes some minutes.
EXTRA_DIST += %D%/optional %D%/valgrind.supp
VALGRIND = valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
	--show-leak-kinds=definite --suppressions=$(abs_srcdir)/%D%/valgrind.supp
check-valgrind:
	@JEM_TEST_CASE_SECONDS=600 $(MAKE) check LOG_COMPILER='$(VALGRIND)' \
		TESTS="$$(echo $(UNIT_TESTS) | sed -E 's#[^ ]*/test_(perf_tasks|log_rotation|guard)##g')"
