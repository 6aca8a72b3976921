# SPDX-License-Identifier: Apache-2.0
# The contract: kinds, causes, metrics (X-macro tables) and the JSON Schemas of every message.
EXTRA_DIST += %D%/kinds.def %D%/causes.def %D%/metrics.def
