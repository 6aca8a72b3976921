# SPDX-License-Identifier: Apache-2.0
export EXPORTED=yes; LOCAL=no
env | grep -E '^(EXPORTED|LOCAL|_)=' | sed 's,_=.*/,_=,'
TEMP=1 bash -c 'echo "$TEMP"'
f() { env | grep -c EXPORTED; }; f
declare -F; declare -f f
compgen -v | grep -i jem | grep -v JEM_ ; compgen -A function
set | grep -c '^__jem'
