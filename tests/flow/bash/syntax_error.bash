# SPDX-License-Identifier: Apache-2.0
echo fine
eval 'if then'; echo $?
bash -n -c 'echo never'; echo $?
if true; then
echo open
