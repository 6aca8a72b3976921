# SPDX-License-Identifier: Apache-2.0
echo 'echo "own $- ${0##*/}"; own=1' > own
bash -c 'echo "${own-unset}"'
BASH_ENV=./own bash -c 'echo "$own"'
BASH_ENV='$PWD/own' bash -c 'echo "$own"'
