# SPDX-License-Identifier: Apache-2.0
set -- -a -b value rest
while getopts ab: o; do echo "$o ${OPTARG-}"; done
shift $(( OPTIND - 1 )); echo "$@"
set -- one; echo $#; shift; echo $#
