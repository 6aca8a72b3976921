# SPDX-License-Identifier: Apache-2.0
a=(1 "two words" 3); a[7]=x
echo "${a[@]}" "${#a[@]}" "${!a[@]}"
declare -A m=([k]=v [l]=w)
for k in "${!m[@]}"; do echo "$k ${m[$k]}"; done | sort
readarray -t lines < <(printf 'p\nq\n'); echo "${lines[1]}"
unset 'a[0]'; echo "${a[*]}"
declare -n ref=a; echo "${ref[1]}"
