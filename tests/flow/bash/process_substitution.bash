# SPDX-License-Identifier: Apache-2.0
diff <(printf '1\n2\n') <(printf '1\n3\n')
echo $?
tee >(cat > copied) <<< text >/dev/null
wait
while read -r a; do echo "- $a"; done < <(printf 'x\ny\n')
