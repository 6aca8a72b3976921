# SPDX-License-Identifier: Apache-2.0
touch a1 a2 'b c'
echo a* b*
shopt -s nullglob; echo none* end
set -f; echo a*; set +f
echo {x,y}{1,2}
for f in *; do [[ -f $f ]] && echo "$f"; done
