# SPDX-License-Identifier: Apache-2.0
shopt -s extdebug
trap '[[ $BASH_COMMAND != *skipped* ]]' DEBUG
echo one
echo skipped
echo two
trap - DEBUG
shopt -u extdebug
shopt extdebug functrace 2>&1 | head -1
