# SPDX-License-Identifier: Apache-2.0
PS4='+${BASH_SOURCE##*/}:${LINENO}:${FUNCNAME[0]-}: '
set -x
f() { echo in f; }
f
trap 'echo debug' DEBUG
true
trap - DEBUG
{ set +x; } 2>/dev/null
echo end
