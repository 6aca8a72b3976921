# SPDX-License-Identifier: Apache-2.0
set -eE
trap 'echo "err $LINENO"' ERR
x=$(false; echo still) || true
echo "$x"
shopt -s inherit_errexit
y=$(false; echo no) || echo caught
f() { false; }
f
