# SPDX-License-Identifier: Apache-2.0
# The real programs, end to end; tests/flow/jemtest.py is their common ground.
