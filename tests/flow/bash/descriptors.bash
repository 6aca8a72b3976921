# SPDX-License-Identifier: Apache-2.0
exec {fd}>file
echo "$(( fd >= 10 )) $fd"
echo text >&"$fd"
exec {fd}>&-
cat file
exec 3<file; read -r line <&3; echo "$line"; exec 3<&-
ls /proc/self/fd | wc -l
for n in 230 231 232; do eval "exec $n>other"; echo "n $n" >&$n; done
cat other
