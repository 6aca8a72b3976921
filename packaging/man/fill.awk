# SPDX-License-Identifier: Apache-2.0
# Fills a manual page: a line `@MANUAL WHAT@` becomes the output of `jem-tool manual WHAT`,
# @VERSION@ the version. awk -v tool=PATH -v version=VERSION -f fill.awk PAGE.in
/^@MANUAL [a-z0-9_]+@$/ {
	what = substr($2, 1, length($2) - 1)
	command = tool " manual " what
	lines = 0
	while ((command | getline line) > 0) {
		print line
		lines++
	}
	if (close(command) != 0 || lines == 0) {
		print FILENAME ":" FNR ": " command " failed" > "/dev/stderr"
		exit 1
	}
	next
}
{
	gsub(/@VERSION@/, version)
	print
}
