/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/page/html.h"

#include "common/cleanup.h"
#include "receiver/graph/escape.h"
#include "receiver/page/sha256.h"

#include <errno.h>
#include <stdarg.h>

static void end_tag(struct jem_html *html)
{
	if (html->is_in_tag)
		jem_buf_add_char(html->buf, '>');
	html->is_in_tag = false;
}

static bool is_void(const char *tag)
{
	static const char *const names[] = { "meta", "link", "input", "br", "col" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(tag, names[i]))
			return true;
	return false;
}

void jem_html_open(struct jem_html *html, const char *tag)
{
	end_tag(html);
	if (html->depth == JEM_HTML_DEPTH_MAX) {
		html->is_broken = true;
		return;
	}
	jem_buf_add_char(html->buf, '<');
	jem_buf_add_str(html->buf, tag);
	html->is_in_tag = true;
	html->open[html->depth++] = tag;
}

void jem_html_attr(struct jem_html *html, const char *name, const char *value)
{
	if (!html->is_in_tag) {
		html->is_broken = true;
		return;
	}
	jem_buf_add_char(html->buf, ' ');
	jem_buf_add_str(html->buf, name);
	jem_buf_add_str(html->buf, "=\"");
	jem_escape_markup(html->buf, value, strlen(value));
	jem_buf_add_char(html->buf, '"');
}

void jem_html_close(struct jem_html *html)
{
	const char *tag;

	end_tag(html);
	if (!html->depth) {
		html->is_broken = true;
		return;
	}
	tag = html->open[--html->depth];
	if (is_void(tag))
		return;
	jem_buf_add_str(html->buf, "</");
	jem_buf_add_str(html->buf, tag);
	jem_buf_add_char(html->buf, '>');
}

void jem_html_text(struct jem_html *html, const char *text)
{
	end_tag(html);
	jem_escape_markup(html->buf, text, strlen(text));
}

void jem_html_textf(struct jem_html *html, const char *format, ...)
{
	auto_free char *text = NULL;
	va_list args;
	int len;

	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0)
		text = NULL;
	jem_html_text(html, text ? text : "");
}

void jem_html_text_in(struct jem_html *html, const char *tag, const char *name, const char *text)
{
	jem_html_open(html, tag);
	if (name)
		jem_html_attr(html, "class", name);
	jem_html_text(html, text);
	jem_html_close(html);
}

void jem_html_href(struct jem_html *html, const char *path)
{
	static const char hex[] = "0123456789ABCDEF";
	struct jem_buf *buf = html->buf;

	if (!html->is_in_tag) {
		html->is_broken = true;
		return;
	}
	jem_buf_add_str(buf, " href=\"");
	if (strncmp(path, "../", 3) != 0)
		jem_buf_add_str(buf, "./");
	while (*path == '/')
		path++;
	for (; *path; path++) {
		unsigned char c = (unsigned char)*path;
		bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
				(c >= '0' && c <= '9') || (c && strchr("._/-", c));

		if (is_plain) {
			jem_buf_add_char(buf, (char)c);
		} else {
			jem_buf_add_char(buf, '%');
			jem_buf_add_char(buf, hex[c >> 4]);
			jem_buf_add_char(buf, hex[c & 15]);
		}
	}
	jem_buf_add_char(buf, '"');
}

int jem_html_canvas(struct jem_html *html, struct jem_canvas **ret)
{
	static const struct jem_svg_options options = { .is_inline = true };

	end_tag(html);
	return jem_svg_create(html->buf, &options, ret);
}

static void meta(struct jem_html *html, const char *name, const char *content)
{
	html_open(html, "meta");
	html_attr(html, "name", name);
	html_attr(html, "content", content);
	jem_html_close(html);
}

/* Nothing is loaded, sent or framed; the one style and the one script are ours, by their hash. */
static void put_policy(struct jem_html *html, const struct jem_html_head *head)
{
	char style[JEM_SHA256_BASE64];
	char script[JEM_SHA256_BASE64];
	char policy[320];

	jem_sha256_base64(head->style, head->style_len, style);
	jem_sha256_base64(head->script, head->script_len, script);
	snprintf(
		policy, sizeof(policy),
		"default-src 'none'; style-src 'sha256-%s'; script-src 'sha256-%s'; img-src data:; "
		"base-uri 'none'; form-action 'none'",
		style, script);
	html_open(html, "meta");
	html_attr(html, "http-equiv", "Content-Security-Policy");
	html_attr(html, "content", policy);
	jem_html_close(html);
}

static void put_refresh(struct jem_html *html, unsigned seconds)
{
	char content[16];

	/* The script does it better: it waits while text is selected, and keeps the place. */
	snprintf(content, sizeof(content), "%u", seconds);
	html_open(html, "noscript");
	html_open(html, "meta");
	html_attr(html, "http-equiv", "refresh");
	html_attr(html, "content", content);
	jem_html_close(html);
	jem_html_close(html);
}

static void put_icon(struct jem_html *html, uint32_t rgb)
{
	char icon[200];

	snprintf(icon, sizeof(icon),
		 "data:image/svg+xml,%%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 "
		 "16'%%3E"
		 "%%3Ccircle cx='8' cy='8' r='7' fill='%%23%06x'/%%3E%%3C/svg%%3E",
		 rgb);
	html_open(html, "link");
	html_attr(html, "rel", "icon");
	html_attr(html, "href", icon);
	jem_html_close(html);
}

/* Text of an element that HTML does not unescape: ours, from files of the program. */
static void put_asset(struct jem_html *html, const char *tag, const char *text, size_t len)
{
	jem_html_open(html, tag);
	end_tag(html);
	jem_buf_add(html->buf, text, len);
	jem_html_close(html);
}

void jem_html_begin(struct jem_html *html, struct jem_buf *buf, const struct jem_html_head *head)
{
	char number[24];

	*html = (struct jem_html){ .buf = buf };
	jem_buf_add_str(buf, "<!DOCTYPE html>\n");
	html_open(html, "html");
	html_attr(html, "lang", "en");
	snprintf(number, sizeof(number), "%u", head->refresh_s);
	html_attr(html, "data-refresh", number);
	snprintf(number, sizeof(number), "%llu", head->now);
	html_attr(html, "data-written", number);
	html_open(html, "head");
	html_open(html, "meta");
	html_attr(html, "charset", "utf-8");
	jem_html_close(html);
	put_policy(html, head);
	meta(html, "viewport", "width=device-width, initial-scale=1");
	meta(html, "color-scheme", "light dark");
	meta(html, "referrer", "no-referrer");
	meta(html, "robots", "noindex");
	if (head->refresh_s)
		put_refresh(html, head->refresh_s);
	html_text_in(html, "title", head->title);
	put_icon(html, head->icon_rgb);
	put_asset(html, "style", head->style, head->style_len);
	jem_html_close(html);
	html_open(html, "body");
	if (head->body_class)
		html_attr(html, "class", head->body_class);
}

int jem_html_end(struct jem_html *html, const struct jem_html_head *head)
{
	put_asset(html, "script", head->script, head->script_len);
	jem_html_close(html);
	jem_html_close(html);
	jem_buf_add_char(html->buf, '\n');
	if (html->is_broken || html->depth)
		return -EINVAL;
	return html->buf->failed ? -ENOMEM : 0;
}
