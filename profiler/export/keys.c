// SPDX-License-Identifier: Apache-2.0
/* keys - see keys.h. The texts end up in --help and in the agent's sample configuration. */
#include "export/keys.h"

#define T(field) offsetof(struct export_config, field)

static const struct key_row keys[] = {
	{"type", "TYPE", "kind of server; needed where the URL does not tell", KEY_STRING, T(type)},
	{"url", "URL", "the server: http:// or https://, host, port, and a path to it if any",
	 KEY_STRING, T(url)},
	{"path", "PATH",
	 "endpoint behind the URL if it is not the usual one; http and s3: a template with {service} "
	 "{host} {name} {date} {time} {id} or any {label}",
	 KEY_STRING, T(path)},
	{"method", "POST|PUT", "http: how to send (default POST)", KEY_STRING, T(method)},
	{"tenant", "ID", "X-Scope-OrgID of servers with several tenants", KEY_STRING, T(tenant)},
	{"header", "NAME: VALUE", "one more header; not for secrets", KEY_LIST, T(headers)},
	{"headers_file", "FILE", "more headers, one a line; for secrets", KEY_STRING,
	 T(headers_file)},
	{"bearer_file", "FILE", "file with a token", KEY_STRING, T(bearer_file)},
	{"bearer_env", "NAME", "environment variable with a token", KEY_STRING, T(bearer_env)},
	{"user", "NAME", "user of HTTP Basic; s3: access key id", KEY_STRING, T(user)},
	{"password_file", "FILE", "file with the password; s3: the secret access key", KEY_STRING,
	 T(password_file)},
	{"password_env", "NAME", "environment variable with it", KEY_STRING, T(password_env)},
	{"proxy", "URL", "HTTP proxy (default: http_proxy, https_proxy, no_proxy)", KEY_STRING,
	 T(proxy)},
	{"proxy_auth_file", "FILE", "file with user:password for the proxy", KEY_STRING,
	 T(proxy_auth_file)},
	{"ca", "FILE", "certificates to trust (default: the system's)", KEY_STRING, T(ca)},
	{"cert", "FILE", "client certificate (PEM)", KEY_STRING, T(cert)},
	{"key", "FILE", "its private key (PEM)", KEY_STRING, T(key)},
	{"insecure", "yes|no", "do not check the server's certificate", KEY_BOOL, T(insecure)},
	{"aws_region", "REGION", "s3: region (default: AWS_REGION)", KEY_STRING, T(aws_region)},
	{"timeout", "TIME", "for one try (default 10s)", KEY_DURATION, T(timeout_ns)},
	{"retry_min", "TIME", "longest pause before the second try (default 1s)", KEY_DURATION,
	 T(retry_min_ns)},
	{"retry_max", "TIME", "longest pause at all (default 60s)", KEY_DURATION, T(retry_max_ns)},
	{"max_age", "TIME",
	 "give up what is older (default: 55m where the server takes an hour, else 24h)",
	 KEY_DURATION, T(max_age_ns), true},
	{"queue_max_bytes", "BYTES", "memory for waiting requests (default 8M)", KEY_BYTES,
	 T(queue_max_bytes), true},
	{"spool", "DIR", "folder for requests while the server is away; 'no' for none", KEY_STRING,
	 T(spool), true},
	{"spool_max_bytes", "BYTES", "its bound; the oldest fall out (default 256M)", KEY_BYTES,
	 T(spool_max_bytes), true},
};

const struct key_row *key_at(size_t i)
{
	return i < sizeof(keys) / sizeof(*keys) ? &keys[i] : NULL;
}

bool export_key_at(size_t i, struct export_key *ret)
{
	const struct key_row *row = key_at(i);

	if (!row)
		return false;
	*ret = (struct export_key){.name = row->name,
				   .arg = row->arg,
				   .help = row->help,
				   .many = row->kind == KEY_LIST,
				   .waiting = row->waiting};
	return true;
}
