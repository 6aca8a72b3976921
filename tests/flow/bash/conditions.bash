# SPDX-License-Identifier: Apache-2.0
[[ abc =~ ^a(.)c$ ]] && echo "${BASH_REMATCH[1]}"
true; echo "${BASH_REMATCH[0]}"
case abc in a*) echo a ;;& *c) echo c ;; esac
[ 1 -eq 1 ] && echo eq
if [[ -n $BASH && ! -e /nonexistent ]]; then echo both; fi
(( 0 )) || echo zero
