# SPDX-License-Identifier: Apache-2.0
# What BASH_ENV names in a job whose scripts are followed: loads the builtin, which then reads the user's own
# BASH_ENV. The group keeps its commands out of what bash -x prints; $_ is to be what it was. Where the builtin
# cannot be loaded, a function of its name reads the user's file.
{
	JEM_SCRIPTS_LAST=${_-}
	if ! { enable -f "${JEM_SCRIPTS_BASH-}" __jem && __jem start; }; then
		__jem() {
			unset -f __jem
			unset JEM_SCRIPTS_LAST
			# shellcheck source=/dev/null
			[ -z "${JEM_SCRIPTS_BASH_ENV-}" ] || . "$JEM_SCRIPTS_BASH_ENV"
		}
	fi
} 2>/dev/null
__jem begin "${JEM_SCRIPTS_LAST-}"
