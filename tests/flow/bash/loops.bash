# SPDX-License-Identifier: Apache-2.0
for i in {1..3}; do [[ $i == 2 ]] && continue; echo $i; done
for (( i = 0; i < 3; i++ )); do echo "c $i"; done
n=0; while (( n < 3 )); do (( n++ )) || true; done; echo $n
until (( n == 0 )); do (( n-- )); done; echo $n
for i in 1 2; do for j in 1 2; do (( j == 2 )) && break 2; echo "$i$j"; done; done
select s in a b; do echo "$s"; break; done <<< 1
