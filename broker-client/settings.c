/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/settings.h"

#include "broker-client/credentials.h"
#include "broker-client/wire/url.h"
#include "common/cleanup.h"

#include <string.h>

void jem_broker_settings_tell(const struct jem_config *config, enum jem_option option, size_t i,
			      const char *why, jem_fault_fn on_fault, void *arg)
{
	const struct jem_option_info *info = &jem_options[option];
	const char *where = info->type == JEM_SETTING_LIST
				    ? jem_config_list_origin(config, option, i)
				    : jem_config_origin(config, option);
	auto_free char *line = NULL;

	if (asprintf(&line, "%s: %s.%s: %s", where, info->section, info->key, why) < 0)
		line = NULL;
	for (char *c = line; c && *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	on_fault(arg, line ? line : "broker: no memory to tell a fault");
}

static int check_urls(const struct jem_config *config, enum jem_option option,
		      int (*parse)(const char *text, struct jem_url *ret, struct jem_err *err),
		      jem_fault_fn on_fault, void *arg)
{
	int faults = 0;

	for (size_t i = 0; i < jem_config_list_size(config, option); i++) {
		struct jem_err err;
		struct jem_url url;

		if (parse(jem_config_list_at(config, option, i), &url, &err) >= 0)
			continue;
		jem_broker_settings_tell(config, option, i, err.text, on_fault, arg);
		faults++;
	}
	return faults;
}

/* The files of TLS, where a broker is reached by it. */
static int check_tls(const struct jem_config *config, jem_fault_fn on_fault, void *arg)
{
	const struct jem_tls_settings settings = jem_broker_tls(config);
	struct jem_tls_context *context;
	struct jem_err err;
	struct jem_url url;
	bool is_wanted = false;

	for (size_t i = 0; i < jem_config_list_size(config, JEM_OPTION_broker_url); i++)
		is_wanted |= jem_url_parse(jem_config_list_at(config, JEM_OPTION_broker_url, i),
					   &url, NULL) >= 0 &&
			     url.is_tls;
	if (!is_wanted)
		return 0;
	if (jem_tls_context_create(&settings, false, &context, &err) >= 0) {
		jem_tls_context_unref(context);
		return 0;
	}
	jem_broker_settings_tell(config, settings.cert ? JEM_OPTION_tls_cert : JEM_OPTION_tls_ca, 0,
				 err.text, on_fault, arg);
	return 1;
}

int jem_broker_settings_check(const struct jem_config *config, jem_fault_fn on_fault, void *arg)
{
	const char *path = jem_config_str(config, JEM_OPTION_broker_credentials);
	struct jem_credentials *credentials;
	struct jem_err err;
	int faults =
		check_urls(config, JEM_OPTION_broker_url, jem_url_parse, on_fault, arg) +
		check_urls(config, JEM_OPTION_listen_address, jem_url_parse_listen, on_fault, arg) +
		check_tls(config, on_fault, arg);

	if (!path)
		return faults;
	if (jem_credentials_load(path, &credentials, &err) >= 0) {
		jem_credentials_destroy(credentials);
		return faults;
	}
	jem_broker_settings_tell(config, JEM_OPTION_broker_credentials, 0, err.text, on_fault, arg);
	return faults + 1;
}

struct jem_tls_settings jem_broker_tls(const struct jem_config *config)
{
	return (struct jem_tls_settings){
		.ca = jem_config_str(config, JEM_OPTION_tls_ca),
		.cert = jem_config_str(config, JEM_OPTION_tls_cert),
		.key = jem_config_str(config, JEM_OPTION_tls_key),
		.needs_crl = jem_config_bool(config, JEM_OPTION_tls_crl),
		.takes_proxy = jem_config_bool(config, JEM_OPTION_tls_proxies),
		.wants_peer =
			!strcmp(jem_config_str(config, JEM_OPTION_tls_clients), "certificate"),
	};
}

struct jem_broker_access jem_broker_access(const struct jem_config *config)
{
	struct jem_broker_access access = {
		.tls = jem_broker_tls(config),
		.credentials = jem_config_str(config, JEM_OPTION_broker_credentials),
		.exchange = jem_config_str(config, JEM_OPTION_broker_exchange),
		.idle_timeout_ms = jem_config_ns(config, JEM_OPTION_broker_idle_timeout) / 1000000,
		.in_flight_max = jem_config_u64(config, JEM_OPTION_broker_in_flight),
	};

	/* A choice: the configuration has no other word. */
	(void)jem_dialect_parse(jem_config_str(config, JEM_OPTION_broker_dialect), &access.dialect);
	return access;
}
