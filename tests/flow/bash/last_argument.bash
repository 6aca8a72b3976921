# SPDX-License-Identifier: Apache-2.0
echo "first: ${_##*/}"
echo one two
echo "$_"
: three
x=4
echo "[$_]"
f() { echo "in f: $_"; }
f five
echo "$_"
true six; echo "$_"
[[ a == a ]]; echo "$_"
