# SPDX-License-Identifier: Apache-2.0

EXTRA_DIST += %D%/decisions/configuration-reader.md
