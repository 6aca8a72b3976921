# SPDX-License-Identifier: Apache-2.0
trap 'echo "err $? line $LINENO command $BASH_COMMAND"' ERR
false
ls /nonexistent/file 2>/dev/null
f() { false; }
f
set -E
f
( false )
true && false || echo handled
