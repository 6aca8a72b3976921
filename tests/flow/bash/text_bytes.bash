# SPDX-License-Identifier: Apache-2.0
printf 'a\xff\xfeb\n' | od -An -c
x=$'tab\there\nnewline "quoted" \\ back \x01'
echo "$x"
: "$(printf 'bad \xff byte')"
y='it'\''s'; echo "$y"
echo 'ü ∀ 🎉'
printf -v long '%5000s' x; echo "${#long}"; : "$long"
