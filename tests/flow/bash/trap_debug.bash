# SPDX-License-Identifier: Apache-2.0
trap 'echo "debug [$BASH_COMMAND] line $LINENO status $?"' DEBUG
true
false
x=1
f() { echo in f; return 4; }
f
( echo in a subshell )
echo "$(echo substituted)"
trap - DEBUG
echo quiet
