# SPDX-License-Identifier: Apache-2.0
cat > inner <<'S'
echo one
read -r line
this line is data
echo "got: $line"
cat
the rest is data
as well
S
bash < inner
bash -s a b <<< 'echo "$# $1 $2"'
