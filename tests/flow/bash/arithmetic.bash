# SPDX-License-Identifier: Apache-2.0
echo $(( 2 ** 10 )) $(( x = 5, x * 2 ))
let y=x+1; echo $y
(( z = y > 3 ? 1 : 0 )); echo $z
RANDOM=1; echo $RANDOM $RANDOM $RANDOM
(( 1 / 0 )); echo $?
