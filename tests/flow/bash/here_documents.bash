# SPDX-License-Identifier: Apache-2.0
name=value
cat <<EOT
plain $name $(echo sub) $((1 + 2))
EOT
cat <<'EOT'
quoted $name
EOT
cat <<-EOT
	tabs
	EOT
cat <<< "string $name"
