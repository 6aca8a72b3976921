# SPDX-License-Identifier: Apache-2.0
# The wire: AMQP 1.0 over libuv; no qpid-proton type leaves this folder.
noinst_LIBRARIES += libbroker-client.a
libbroker_client_a_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(PROTON_CFLAGS)
libbroker_client_a_SOURCES = \
	%D%/broker.h \
	%D%/client.h \
	%D%/message.h \
	%D%/wire/amqp_value.c %D%/wire/amqp_value.h \
	%D%/wire/message_codec.c %D%/wire/message_codec.h \
	%D%/wire/url.c %D%/wire/url.h
BROKER_CLIENT_LIBS = libbroker-client.a libcommon.a $(PROTON_LIBS) $(UV_LIBS)
