# SPDX-License-Identifier: Apache-2.0
set -x
a=1
echo "$a"
f() { local b=2; echo $b; }
f
x=$(echo sub)
for i in 1 2; do : "$i"; done
[[ $a == 1 ]] && (( a++ ))
case $a in 2) echo two ;; esac
set +x
echo quiet
