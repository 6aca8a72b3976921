# SPDX-License-Identifier: Apache-2.0
coproc worker { while read -r line; do echo "<$line>"; done; }
echo hello >&"${worker[1]}"
read -r answer <&"${worker[0]}"
echo "$answer"
exec {worker[1]}>&-
wait
