# SPDX-License-Identifier: Apache-2.0
f() { if (( $1 > 0 )); then f $(( $1 - 1 )); else echo bottom "${#FUNCNAME[@]}"; fi; }
f 30
g() ( x=inner; exit 3 )
x=outer; g; echo "$? $x"
h() { local x=l; i; }; i() { echo "$x"; }; h
declare -ft f; declare -F f
unset -f f; f 1 2>&1 | sed 's,.*: f,f,'
echo() { builtin echo "mine: $*"; }; echo a; unset -f echo; echo b
