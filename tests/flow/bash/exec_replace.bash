# SPDX-License-Identifier: Apache-2.0
( exec echo replaced; echo no )
exec 5>out
echo to five >&5
exec 5>&-
cat out
shopt -s execfail
exec /nonexistent/program
echo "failed $?"
exec bash -c 'echo last; exit 3'
