# SPDX-License-Identifier: Apache-2.0
trap 'echo a' DEBUG
trap 'echo b' ERR
trap 'echo c' EXIT
trap
trap -p DEBUG ERR
x=$(trap -p DEBUG)
echo "$x"
trap '' DEBUG
trap -p DEBUG
trap - DEBUG
trap -p
