# SPDX-License-Identifier: Apache-2.0
bash -c 'echo "$0 $1"; exit 4' zero one; echo $?
bash -c 'true'; echo $?
bash -ec 'false; echo no'; echo $?
bash -xc 'echo traced'
bash -uc 'echo "${a-b}"'
