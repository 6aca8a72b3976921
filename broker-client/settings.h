/* SPDX-License-Identifier: Apache-2.0 */
/* settings: what config_check cannot know of broker.url, listen.address and broker.credentials. */
#ifndef JEM_BROKER_CLIENT_SETTINGS_H
#define JEM_BROKER_CLIENT_SETTINGS_H

#include "broker-client/client.h"
#include "common/config.h"

/* Every fault as "WHERE: what; how to mend it"; returns how many there were. Connects nowhere. */
int jem_broker_settings_check(const struct jem_config *config, jem_fault_fn on_fault, void *arg);

/* What the options of section tls say; the texts are the configuration's. */
struct jem_tls_settings jem_broker_tls(const struct jem_config *config);

/* What the options of section broker say; the texts are the configuration's. */
struct jem_broker_access jem_broker_access(const struct jem_config *config);

/* Tells a fault of element `i` of a list, or of an option that is none, at its place. */
void jem_broker_settings_tell(const struct jem_config *config, enum jem_option option, size_t i,
			      const char *why, jem_fault_fn on_fault, void *arg);

#endif
