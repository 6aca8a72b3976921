# SPDX-License-Identifier: Apache-2.0
# The wire: AMQP 1.0 over libuv; no qpid-proton type leaves this folder.
noinst_LIBRARIES += libbroker-client.a
libbroker_client_a_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(PROTON_CFLAGS) $(OPENSSL_CFLAGS)
libbroker_client_a_SOURCES = \
	%D%/broker.h \
	%D%/broker/auth.c %D%/broker/auth.h \
	%D%/broker/broker.c %D%/broker/broker_internal.h \
	%D%/broker/connection.c \
	%D%/broker/inlet.c \
	%D%/broker/listener.c \
	%D%/broker/outlet.c \
	%D%/broker/peer.c %D%/broker/peer.h \
	%D%/broker/queue.c %D%/broker/queue.h \
	%D%/broker/retained.c %D%/broker/retained.h \
	%D%/broker/router.c %D%/broker/router.h \
	%D%/client.c %D%/client.h \
	%D%/client/client_internal.h %D%/client/session.c \
	%D%/credentials.c %D%/credentials.h \
	%D%/dialect/dialect.c %D%/dialect/dialect.h \
	%D%/message.h \
	%D%/settings.c %D%/settings.h \
	%D%/spool/acked.c %D%/spool/acked.h \
	%D%/spool/crc32c.c %D%/spool/crc32c.h \
	%D%/spool/lane.c \
	%D%/spool/segment.c %D%/spool/segment.h \
	%D%/spool/spool.c %D%/spool/spool.h %D%/spool/spool_internal.h \
	%D%/wire/address.c %D%/wire/address.h \
	%D%/wire/amqp_value.c %D%/wire/amqp_value.h \
	%D%/wire/backoff.c %D%/wire/backoff.h \
	%D%/wire/credit.c %D%/wire/credit.h \
	%D%/wire/dial.c %D%/wire/dial.h \
	%D%/wire/engine.c %D%/wire/engine.h \
	%D%/wire/message_codec.c %D%/wire/message_codec.h \
	%D%/wire/login.c %D%/wire/login.h \
	%D%/wire/sasl_rest.h \
	%D%/wire/scram.c %D%/wire/scram.h \
	%D%/wire/tls.c %D%/wire/tls.h \
	%D%/wire/url.c %D%/wire/url.h \
	%D%/wire/window.c %D%/wire/window.h
BROKER_CLIENT_LIBS = libbroker-client.a libcommon.a $(PROTON_LIBS) $(OPENSSL_LIBS) $(UV_LIBS)
