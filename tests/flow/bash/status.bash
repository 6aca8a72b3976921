# SPDX-License-Identifier: Apache-2.0
(exit 3); echo $?
false; x=$?; echo $x
y=$(exit 6); echo $?
local_status() { local z=$(exit 8); echo $?; return 9; }
local_status; echo $?
! true; echo $?
if false; then :; fi; echo $?
while false; do :; done; echo $?
