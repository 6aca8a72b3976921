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

TESTS = $(UNIT_TESTS) $(FUZZ_TESTS) $(FLOW_TESTS)

.PHONY: check-line check-quick check-long
# The closing line of every test run: N passed, N failed, N skipped.
count_line = awk '/^:test-result:/{n[$$2]++} END{printf "%d passed, %d failed, %d skipped\n", \
	n["PASS"]+n["XFAIL"],n["FAIL"]+n["XPASS"]+n["ERROR"],n["SKIP"]}'
check-line:
	@st=0; $(MAKE) check || st=$$?; $(count_line) $(TEST_LOGS:.log=.trs); exit $$st
check-quick:
	@$(MAKE) check TESTS='$(UNIT_TESTS) $(FUZZ_TESTS)'
check-long: $(check_PROGRAMS) $(bin_PROGRAMS) $(pkglibexec_PROGRAMS)
	@JEM_TEST_LONG=1 $(MAKE) check-line TESTS='$(LONG_TESTS)'

# What needs no build: format, layers, shell scripts.
.PHONY: check-gates
check-gates:
	cd $(srcdir) && clang-format-14 --dry-run -Werror $$(git ls-files '*.c' '*.h' '*.cc')
	cd $(srcdir) && shellcheck bootstrap .ci/run examples/analysis/run.sh
