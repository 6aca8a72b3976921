# SPDX-License-Identifier: Apache-2.0
# The wire: AMQP 1.0 over libuv; no qpid-proton type leaves this folder.
EXTRA_DIST += %D%/message.h %D%/client.h %D%/broker.h
