# SPDX-License-Identifier: Apache-2.0
exec 7>trace
BASH_XTRACEFD=7
set -x
echo one
f() { echo two; }
f
unset BASH_XTRACEFD
echo three
set +x
exec 7>&-
cat trace
