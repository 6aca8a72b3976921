# SPDX-License-Identifier: Apache-2.0
cd() { echo "cd to $1"; }
trap() { echo "trap $*"; }
set() { echo "set $*"; }
cd /; trap 'x' DEBUG; set -x
builtin trap -p
command set -- a b; echo "$#"
test() { builtin test "$@"; }; test 1 = 1 && echo same
