# SPDX-License-Identifier: Apache-2.0
printf '#!/bin/bash\necho "$1 ${0##*/}"; exit 2\n' > one
printf '#!/usr/bin/env bash\n./one nested; echo $?\n' > two
printf '#!/bin/sh\necho "sh $1"\n' > three
printf 'echo "no line $1"\n' > four
chmod +x one two three four
./two; ./three x; ./four y
