# SPDX-License-Identifier: Apache-2.0

EXTRA_DIST += %D%/decisions/0003-configuration-reader.md
EXTRA_DIST += %D%/architecture.md %D%/decisions/0001-processes.md %D%/decisions/0002-json.md
EXTRA_DIST += %D%/delivery.md %D%/foreign-clients.md %D%/records.md
EXTRA_DIST += %D%/delivery.md %D%/records.md %D%/scripts_python.md
EXTRA_DIST += %D%/calls.md %D%/decisions/0008-calls-across-processes.md
EXTRA_DIST += %D%/decisions/0009-calls-put-off.md %D%/decisions/0011-scheduling-live.md
EXTRA_DIST += %D%/decisions/0004-redaction.md
EXTRA_DIST += %D%/decisions/0006-folder-bound.md
EXTRA_DIST += %D%/decisions/0007-guards.md
EXTRA_DIST += %D%/decisions/0010-scheduling-states.md
EXTRA_DIST += %D%/wire.md %D%/decisions/0005-delivery-annotations.md
