# SPDX-License-Identifier: Apache-2.0
echo 'echo in lib' > lib
set -o posix
f() { echo in f; }
f
. ./lib
export A=1
A=2 eval 'echo $A'
set +o posix
f
bash --posix -c 'echo posix'
sh -c 'echo sh'
bash -p -c 'echo privileged'
env -i "$BASH" -c 'echo empty'
