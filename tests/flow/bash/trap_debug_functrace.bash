# SPDX-License-Identifier: Apache-2.0
set -T
trap 'echo "debug [$BASH_COMMAND] $LINENO"' DEBUG
f() { echo in f; }
f
( echo sub )
set +T
f
trap -p DEBUG
