# SPDX-License-Identifier: Apache-2.0
set -e
f() { false; echo not reached in f; }
if f; then echo f in a condition goes on; fi
f || echo f failed
echo before
false
echo after
