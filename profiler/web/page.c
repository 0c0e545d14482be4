// SPDX-License-Identifier: Apache-2.0
/*
 * page - the page and its parts, which are in the program (embedded at build time).
 *
 * The page may load its own script and style and ask this server, nothing else: no inline script,
 * no style attribute, no other host, no frame around it. A flame graph is put into the page without
 * its <script> and <style>; both come from here instead. An SVG that is opened by itself may run
 * one script, known by its hash: the one that the writer of SVG has. So even a name that were to
 * break out of its place could run nothing.
 */
#include "web/inside.h"
#include "web_assets.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char page_policy[] =
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static const char icon[] =
	"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 16 16\">"
	"<rect x=\"1\" y=\"11\" width=\"14\" height=\"4\" rx=\"1\" fill=\"#f49f67\"/>"
	"<rect x=\"1\" y=\"6\" width=\"9\" height=\"4\" rx=\"1\" fill=\"#f4c36c\"/>"
	"<rect x=\"11\" y=\"6\" width=\"4\" height=\"4\" rx=\"1\" fill=\"#94c6e6\"/>"
	"<rect x=\"3\" y=\"1\" width=\"5\" height=\"4\" rx=\"1\" fill=\"#5386ed\"/></svg>\n";

static int fixed(struct answer *reply, const char *type, const char *text)
{
	reply->type = type;
	reply->fixed = text;
	reply->fixed_size = strlen(text);
	return 0;
}

int handle_page(struct web *w, const struct target *t, struct answer *reply,
		struct cresset_error *err)
{
	reply->csp = page_policy;
	return fixed(reply, "text/html; charset=utf-8", page_html);
}

int handle_page_script(struct web *w, const struct target *t, struct answer *reply,
		       struct cresset_error *err)
{
	return fixed(reply, "text/javascript; charset=utf-8", page_script);
}

int handle_page_style(struct web *w, const struct target *t, struct answer *reply,
		      struct cresset_error *err)
{
	return fixed(reply, "text/css; charset=utf-8", page_style);
}

int handle_page_flame(struct web *w, const struct target *t, struct answer *reply,
		      struct cresset_error *err)
{
	return fixed(reply, "text/javascript; charset=utf-8", page_flame);
}

int handle_page_icon(struct web *w, const struct target *t, struct answer *reply,
		     struct cresset_error *err)
{
	return fixed(reply, "image/svg+xml", icon);
}

/* The element's text is what is between "<![CDATA[" and "]]>": a newline, and the script. */
int page_svg_policy(char *buf, size_t size)
{
	unsigned char digest[EVP_MAX_MD_SIZE], text[64];
	unsigned int n = 0;
	char *whole;
	int ok;

	if (asprintf(&whole, "\n%s", page_flame) < 0)
		return -ENOMEM;
	ok = EVP_Digest(whole, strlen(whole), digest, &n, EVP_sha256(), NULL);
	free(whole);
	if (!ok)
		return -ENOMEM;
	EVP_EncodeBlock(text, digest, (int)n);
	snprintf(buf, size,
		 "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-%s'; "
		 "frame-ancestors 'none'",
		 text);
	return 0;
}
