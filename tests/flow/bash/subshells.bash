# SPDX-License-Identifier: Apache-2.0
echo $BASH_SUBSHELL $( echo $BASH_SUBSHELL ) $( ( echo $BASH_SUBSHELL ) )
( cd /; pwd ); x=1; ( x=2 ); echo $x
{ echo group; } | cat
echo a | while read -r l; do y=$l; done; echo "${y-unset}"
shopt -s lastpipe; echo b | while read -r l; do y=$l; done; echo "$y"
[[ $$ == $( echo $$ ) ]] && echo same pid
