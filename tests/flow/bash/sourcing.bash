# SPDX-License-Identifier: Apache-2.0
echo 'echo "lib ${BASH_SOURCE[0]##*/} $# $1"; v=set; return 5' > lib
. ./lib one two; echo "$? $v $#"
source /dev/stdin <<< 'echo from stdin'
. ./nonexistent; echo $?
eval 'e() { echo evaluated; }'; e
echo '. ./lib nested' > outer; . ./outer x
