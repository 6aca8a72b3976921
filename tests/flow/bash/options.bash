# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
echo "flags $-"
echo "${-}"
set +e; false; echo "status $?"
set -o | grep -E 'functrace|errtrace|xtrace'
echo "$SHELLOPTS"
