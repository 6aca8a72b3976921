/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sasl_rest: the parts of proton's SASL interface that our logins have nothing to do in: no memory of their
 * own, and no security layer, which is TLS's matter.
 */
#ifndef JEM_BROKER_CLIENT_WIRE_SASL_REST_H
#define JEM_BROKER_CLIENT_WIRE_SASL_REST_H

#include <proton/sasl_plugin.h>

static inline void jem_sasl_ignore(pn_transport_t *transport)
{
	(void)transport;
}

static inline void jem_sasl_ignore_bytes(pn_transport_t *transport, const pn_bytes_t *bytes)
{
	(void)transport, (void)bytes;
}

static inline bool jem_sasl_no(pn_transport_t *transport)
{
	(void)transport;
	return false;
}

static inline ssize_t jem_sasl_no_size(pn_transport_t *transport)
{
	(void)transport;
	return 0;
}

static inline ssize_t jem_sasl_no_coding(pn_transport_t *transport, pn_bytes_t in, pn_bytes_t *out)
{
	(void)transport, (void)in, (void)out;
	return 0;
}

#endif
