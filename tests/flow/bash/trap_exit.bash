# SPDX-License-Identifier: Apache-2.0
trap 'echo "exit $? $BASH_COMMAND"; rm -f made' EXIT
: > made
( trap 'echo inner $?' EXIT; exit 3 )
echo "outer $?"
exit 5
