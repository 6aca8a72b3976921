# SPDX-License-Identifier: Apache-2.0
bash -r -c 'echo fine; cd /' ; echo $?
bash -r -c 'echo x > y'; echo $?
