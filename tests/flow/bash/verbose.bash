# SPDX-License-Identifier: Apache-2.0
set -v
echo one
f() { echo two; }
f
set +v
echo three
