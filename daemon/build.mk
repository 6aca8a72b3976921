# SPDX-License-Identifier: Apache-2.0
# The worker-node daemon: sources -> records -> batches -> spool -> publisher.
EXTRA_DIST += %D%/worker.h %D%/batcher.h
