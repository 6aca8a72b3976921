# SPDX-License-Identifier: Apache-2.0
read -r -t 0.05 x < <(sleep 0.3); echo $((${?} > 128))
TIMEOUT=1
SECONDS=100; echo $SECONDS
timeout 0.1 bash -c 'sleep 5'; echo $?
