# SPDX-License-Identifier: Apache-2.0
set -o pipefail
false | true | exit 7 | true
echo "$? ${PIPESTATUS[*]}"
true | false
echo "${PIPESTATUS[@]}"
! false | true
echo $? "${PIPESTATUS[0]}"
