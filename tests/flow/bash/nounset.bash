# SPDX-License-Identifier: Apache-2.0
set -u
echo "${unset_one-default}"
( echo "$unset_two" ) ; echo "status $?"
echo "$unset_three"
echo not reached
