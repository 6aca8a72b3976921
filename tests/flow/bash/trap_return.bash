# SPDX-License-Identifier: Apache-2.0
f() { echo in f; }
g() { trap 'echo "return from ${FUNCNAME[0]} $?"' RETURN; f; false; }
g
f
echo 'echo sourced' > lib
. ./lib
trap - RETURN
f
trap 'echo outer return' RETURN
f
. ./lib
