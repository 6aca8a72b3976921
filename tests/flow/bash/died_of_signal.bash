# SPDX-License-Identifier: Apache-2.0
echo before
f() { kill -KILL $$; }
f
echo after
