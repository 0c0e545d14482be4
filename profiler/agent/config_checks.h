// SPDX-License-Identifier: Apache-2.0
/*
 * config_checks - what single values of the configuration may be. All return 0, or -EINVAL with the
 * reason and what to write instead.
 */
#ifndef AGENT_CONFIG_CHECKS_H
#define AGENT_CONFIG_CHECKS_H

#include <cresset/types.h>

int config_yes(const char *key, const char *value, bool *ret, struct cresset_error *err);
/* percent: a '%' may follow, and fractions may be used. */
int config_number(const char *key, const char *value, bool percent, double min, double max,
		  double *ret, struct cresset_error *err);

int config_check_path(const char *key, const char *value, struct cresset_error *err);
int config_check_user(const char *key, const char *value, struct cresset_error *err);
int config_check_listen(const char *key, const char *value, struct cresset_error *err);
/* LABEL=VALUE, VARIABLE or VARIABLE=LABEL, an attribute's name. */
int config_check_static(const char *key, const char *value, struct cresset_error *err);
int config_check_env(const char *key, const char *value, struct cresset_error *err);
int config_check_attribute(const char *key, const char *value, struct cresset_error *err);

/* Does it listen beyond this machine? */
bool config_listen_public(const char *listen);

#endif
