# SPDX-License-Identifier: Apache-2.0
trap 'echo "usr1 $?"' USR1
trap 'echo term; exit 9' TERM
kill -USR1 $$
echo between
trap '' INT
kill -INT $$
trap
kill -TERM $$
echo not reached
