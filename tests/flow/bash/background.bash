# SPDX-License-Identifier: Apache-2.0
sleep 0.01 & one=$!
( exit 5 ) & two=$!
wait "$one"; echo $?
wait "$two"; echo $?
f() { exit 6; }
f & wait $!; echo $?
wait
jobs
