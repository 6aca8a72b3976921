# SPDX-License-Identifier: Apache-2.0
echo $LINENO
f() {
	echo "$LINENO ${BASH_LINENO[*]} ${FUNCNAME[*]}"
}

f
eval 'echo $LINENO
echo $LINENO'
caller || echo no caller
g() { caller 0 | sed 's,[^ ]*/,,'; }
g
