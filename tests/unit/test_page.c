/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cleanup.h"
#include "receiver/graph/escape.h"
#include "receiver/page/file.h"
#include "receiver/page/html.h"
#include "receiver/page/page.h"
#include "receiver/page/sha256.h"
#include "tests/unit/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static const char hostile[] = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
			      "\x01\x1b[31m\xff\xe2\x80\xae";

CASE(hashes_as_fips_180_4_says)
{
	static const struct {
		const char *text;
		const char *hash;
	} vectors[] = {
		{ "", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" },
		{ "abc", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "JI1qYdIGOLjlwCaTDD5gOaM85Flk/yFn9uzt1BnbBsE=" },
	};
	char hash[JEM_SHA256_BASE64];

	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		jem_sha256_base64(vectors[i].text, strlen(vectors[i].text), hash);
		CHECK_STR(hash, vectors[i].hash);
	}
}

static const char *escaped(const char *text, size_t len)
{
	static struct jem_buf buf;

	jem_buf_clear(&buf);
	jem_escape_markup(&buf, text, len);
	return jem_buf_cstr(&buf);
}

CASE(escapes_every_byte_that_could_do_something)
{
	char all[256];

	CHECK_STR(escaped("<a href=\"x\">'&", 14), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
	CHECK_STR(escaped("a\tb\nc\r\x7f", 7), "a\tb\nc\u240d\u2421");
	CHECK_STR(escaped("\0x", 2), "\u2400x");
	CHECK_STR(escaped("\xc3\xa9\xc3", 3), "\u00e9\ufffd");
	CHECK_STR(escaped("\u202ex\u2066\u061c\u200f", 12), "\ufffdx\ufffd\ufffd\ufffd");
	CHECK_STR(escaped("\xef\xbf\xbf\xc2\x85", 5), "\ufffd\ufffd");
	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	for (const char *c = escaped(all, sizeof(all)); *c; c++)
		CHECK((unsigned char)*c >= 0x20 || *c == '\t' || *c == '\n');
	for (const char *c = escaped(all, sizeof(all)); *c; c++)
		CHECK(*c != '<' && *c != '>' && *c != '"' && *c != '\'' && *c != 0x7f);
}

CASE(links_never_leave_the_folder)
{
	static const struct {
		const char *path;
		const char *href;
	} links[] = {
		{ "a/b.html", "href=\"./a/b.html\"" },
		{ "../x", "href=\"../x\"" },
		{ "javascript:alert(1)", "href=\"./javascript%3Aalert%281%29\"" },
		{ "//host/x", "href=\"./host/x\"" },
		{ "a\"><b>", "href=\"./a%22%3E%3Cb%3E\"" },
		{ "\xc3\xa9 #?", "href=\"./%C3%A9%20%23%3F\"" },
	};

	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
		struct jem_buf buf;
		struct jem_html html = { .buf = &buf };

		jem_buf_init(&buf, 0);
		html_open(&html, "a");
		jem_html_href(&html, links[i].path);
		jem_html_close(&html);
		CHECK_CONTAINS(jem_buf_cstr(&buf), links[i].href);
		jem_buf_deinit(&buf);
	}
}

CASE(writes_elements_in_order_and_notices_when_not)
{
	static const struct jem_html_head head = {
		.title = hostile, .style = "b{}", .style_len = 3, .script = "", .refresh_s = 5
	};
	struct jem_buf buf;
	struct jem_html html;

	jem_buf_init(&buf, 0);
	jem_html_begin(&html, &buf, &head);
	html_open(&html, "p");
	html_attr(&html, "title", hostile);
	jem_html_text(&html, hostile);
	jem_html_textf(&html, "%s %d", "<", 5);
	jem_html_close(&html);
	CHECK_OK(jem_html_end(&html, &head));
	CHECK(!strstr(jem_buf_cstr(&buf), "<script>alert") && !strstr(buf.data, "<img"));
	CHECK_CONTAINS(buf.data, "<p title=\"&lt;/script&gt;");
	CHECK_CONTAINS(buf.data, "&lt; 5</p>");
	CHECK_CONTAINS(buf.data, "default-src &#39;none&#39;");
	CHECK_CONTAINS(buf.data,
		       "<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>");

	jem_html_begin(&html, &buf, &head);
	html_open(&html, "p");
	CHECK_EQ(jem_html_end(&html, &head), -EINVAL);
	jem_html_begin(&html, &buf, &head);
	html_open(&html, "p");
	jem_html_text(&html, "x");
	html_attr(&html, "late", "1");
	jem_html_close(&html);
	CHECK_EQ(jem_html_end(&html, &head), -EINVAL);
	jem_html_begin(&html, &buf, &head);
	for (int i = 0; i < 2 * JEM_HTML_DEPTH_MAX; i++)
		html_open(&html, "p");
	for (int i = 0; i < 2 * JEM_HTML_DEPTH_MAX; i++)
		jem_html_close(&html);
	CHECK_EQ(jem_html_end(&html, &head), -EINVAL);
	jem_buf_deinit(&buf);
}

static int open_folder(void)
{
	int fd = open(check_folder(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	CHECK(fd >= 0);
	return fd;
}

static char *read_file(int dirfd, const char *name)
{
	auto_close int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	struct stat status;
	char *text;

	CHECK(fd >= 0);
	CHECK_OK(fstat(fd, &status));
	text = malloc((size_t)status.st_size + 1);
	CHECK(text);
	CHECK_EQ(read(fd, text, (size_t)status.st_size), status.st_size);
	text[status.st_size] = '\0';
	return text;
}

static unsigned entries(int dirfd)
{
	auto_closedir DIR *dir = fdopendir(dup(dirfd));
	unsigned n = 0;

	CHECK(dir);
	rewinddir(dir);
	while (readdir(dir))
		n++;
	return n - 2;
}

CASE(files_are_replaced_at_once)
{
	auto_close int dirfd = open_folder();
	auto_free char *text = NULL;
	struct stat status;

	CHECK_OK(jem_file_replace(dirfd, "a", "first", 5));
	CHECK_OK(jem_file_replace(dirfd, "a", "second", 6));
	text = read_file(dirfd, "a");
	CHECK_STR(text, "second");
	CHECK_OK(fstatat(dirfd, "a", &status, 0));
	CHECK_EQ(status.st_mode & 07777, 0600);
	CHECK_EQ(entries(dirfd), 1);
	/* A link that somebody put there is replaced, not followed. */
	CHECK_OK(symlinkat("a", dirfd, ".b.new"));
	CHECK_OK(jem_file_replace(dirfd, "b", "x", 1));
	free(text);
	text = read_file(dirfd, "a");
	CHECK_STR(text, "second");
	/* What cannot be written leaves nothing behind. */
	CHECK_OK(mkdirat(dirfd, "d", 0700));
	CHECK_EQ(jem_file_replace(dirfd, "d", "x", 1), -EISDIR);
	CHECK_EQ(entries(dirfd), 3);
}

static struct jem_job_model *make_model(const char *text)
{
	struct jem_identity identity = { .names = { "s", "u", "j", "n" } };
	struct jem_job_model *model;
	struct jem_buf json_text;
	struct jem_json json;
	struct jem_json_doc doc;

	jem_buf_init(&json_text, 0);
	json = jem_json_to(&json_text);
	jem_json_str(&json, text);
	strcpy(identity.true_job, text);
	strcpy(identity.true_site, text);
	strcpy(identity.true_user, text);
	CHECK_OK(jem_model_create(&model));
	jem_model_set_identity(model, &identity);
	jem_json_doc_init(&doc);
	for (int kind = 0; kind < 6; kind++) {
		static const char *const formats[] = {
			"{\"state\":\"running\",\"text\":%s,\"command\":%s,\"folder\":%s}",
			"{\"file\":%s,\"text\":%s,\"level\":\"error\",\"rule\":%s}",
			"{\"rule\":%s,\"text\":%s,\"severity\":\"critical\",\"x\":%s}",
			"{\"state\":\"environment\",\"text\":%s,\"fields\":{\"a\":%s,\"b\":[%s]}}",
			"{\"state\":\"observing\",\"what\":%s,\"text\":%s,\"remedy\":%s}",
			"{\"scope\":\"process\",\"pid\":5,\"comm\":%.62s,\"values\":{\"rss_bytes\":"
			"5},"
			"\"x\":%s,\"y\":%s}",
		};
		static const enum jem_kind kinds[] = { JEM_KIND_status, JEM_KIND_log,
						       JEM_KIND_alert,  JEM_KIND_status,
						       JEM_KIND_status, JEM_KIND_metric };
		auto_free char *record = NULL;
		const char *value = jem_buf_cstr(&json_text);
		_Pragma("GCC diagnostic push")
			_Pragma("GCC diagnostic ignored \"-Wformat-nonliteral\"") int len =
				asprintf(&record, formats[kind], kind == 5 ? "\"<b>\"" : value,
					 value, value);
		_Pragma("GCC diagnostic pop")

			CHECK_OK(len);
		CHECK_OK(jem_json_read(&doc, record, (size_t)len, NULL));
		CHECK_OK(jem_model_feed(model, text, kinds[kind], 1700000000000000000u, &doc, 0));
	}
	jem_json_doc_deinit(&doc);
	jem_buf_deinit(&json_text);
	return model;
}

static void check_harmless(const char *page)
{
	const char *first = strstr(page, "<script>");

	CHECK(first && !strstr(first + 1, "<script>"));
	CHECK(!strstr(page, "<img") && !strstr(page, "\x1b") && !strstr(page, "\xe2\x80\xae"));
	CHECK_CONTAINS(page, "&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;");
	CHECK(!strstr(page, "src=\"") && !strstr(page, "http://") == !strstr(page, "xmlns"));
}

CASE(a_hostile_job_is_only_shown)
{
	auto_close int dirfd = open_folder();
	struct jem_job_model *model = make_model(hostile);
	struct jem_page_options options = { .now_ns = 1700000001000000000u, .index = hostile };
	struct jem_index_entry entry;
	auto_free char *page = NULL;

	CHECK_OK(jem_page_write_job(model, &options, dirfd));
	page = read_file(dirfd, "index.html");
	check_harmless(page);
	jem_index_entry_of(model, hostile, &entry);
	CHECK_OK(jem_page_write_index(&entry, 1, &options, dirfd));
	free(page);
	page = read_file(dirfd, "index.html");
	check_harmless(page);
	jem_model_destroy(model);
}

CASE(pages_are_whole_without_a_single_record)
{
	auto_close int dirfd = open_folder();
	struct jem_page_options options = { .now_ns = 1700000001000000000u };
	struct jem_job_model *model;
	auto_free char *page = NULL;
	auto_free char *index = NULL;

	CHECK_OK(jem_model_create(&model));
	CHECK_OK(jem_page_write_job(model, &options, dirfd));
	page = read_file(dirfd, "index.html");
	CHECK_CONTAINS(page, "no state yet");
	CHECK_CONTAINS(page, "</html>");
	CHECK_EQ(jem_graphs_write(model, JEM_GRAPH_SVG | JEM_GRAPH_PNG | JEM_GRAPH_PDF, dirfd), 0);
	CHECK_OK(jem_page_write_index(NULL, 0, &options, dirfd));
	index = read_file(dirfd, "index.html");
	CHECK_CONTAINS(index, "No job has been heard of yet.");
	jem_model_destroy(model);
}

CASE(says_what_is_missing_by_name)
{
	auto_close int dirfd = open_folder();
	struct jem_page_options options = { .now_ns = 1700000001000000000u };
	struct jem_model_stream stream = {
		.node = "n", .epoch = "0123456789abcdef", .kind = JEM_KIND_log, .records = 1234
	};
	struct jem_job_model *model;
	auto_free char *page = NULL;

	CHECK_OK(jem_model_create(&model));
	CHECK_OK(jem_model_set_stream(model, &stream));
	CHECK_OK(jem_page_write_job(model, &options, dirfd));
	page = read_file(dirfd, "index.html");
	CHECK_CONTAINS(page, "Nothing was lost: 1,234 records in 1 streams");
	/* What is in the profile instead is not lost, and is told. */
	stream.dropped[JEM_CAUSE_rate_limited] = 1000000;
	CHECK_OK(jem_model_set_stream(model, &stream));
	CHECK_OK(jem_page_write_job(model, &options, dirfd));
	free(page);
	page = read_file(dirfd, "index.html");
	CHECK_CONTAINS(page, "Nothing was lost: 1,234 records in 1 streams");
	CHECK_CONTAINS(page, "1,000,000 were over a limit");
	CHECK_CONTAINS(page, "1,000,000 over a limit only counted");
	stream.missing_batches = 2;
	stream.missing_records = 5;
	stream.dropped[JEM_CAUSE_disk_full] = 7;
	CHECK_OK(jem_model_set_stream(model, &stream));
	CHECK_EQ(model->stream_count, 1);
	CHECK_OK(jem_page_write_job(model, &options, dirfd));
	free(page);
	page = read_file(dirfd, "index.html");
	CHECK_CONTAINS(page, "12 records were lost");
	CHECK_CONTAINS(page, "5 in 2 batches");
	CHECK_CONTAINS(page, "7 disk_full");
	CHECK(!strstr(page, "removed again"));
	/* Four of the missing were evicted from the daemon's spool, which tells so: they are no more than that. */
	stream.dropped[JEM_CAUSE_evicted] = 4;
	CHECK_OK(jem_model_set_stream(model, &stream));
	CHECK_EQ(jem_model_lost_records(model), 12);
	stream.removed_batches = 31;
	stream.removed_records = 4321;
	CHECK_OK(jem_model_set_stream(model, &stream));
	CHECK_OK(jem_page_write_job(model, &options, dirfd));
	free(page);
	page = read_file(dirfd, "index.html");
	CHECK_CONTAINS(page, "12 records were lost");
	CHECK_CONTAINS(page, "4,321 records came and were removed again");
	CHECK_CONTAINS(page, "4321 in 31 batches");
	jem_model_destroy(model);
}

static void feed_samples(struct jem_job_model *model, const char *node)
{
	struct jem_json_doc doc;

	jem_json_doc_init(&doc);
	for (int i = 0; i < 5; i++) {
		char text[160];
		int len = snprintf(text, sizeof(text),
				   "{\"scope\":\"job\",\"values\":{\"cpu_user_s\":%d,"
				   "\"cpu_system_s\":1,\"rss_bytes\":%d}}",
				   i, 1000 * i);

		CHECK_OK(jem_json_read(&doc, text, (size_t)len, NULL));
		CHECK_OK(jem_model_feed(model, node, JEM_KIND_metric,
					1700000000000000000u + (unsigned)i * 1000000000ull, &doc,
					0));
	}
	jem_json_doc_deinit(&doc);
}

CASE(every_node_of_a_job_has_its_graphs)
{
	auto_close int dirfd = open_folder();
	auto_close int graphs = -1;
	auto_free char *page = NULL;
	struct jem_page_options options = { .now_ns = 1700000009000000000u };
	struct jem_job_model *model;

	CHECK_OK(jem_model_create(&model));
	feed_samples(model, "one");
	CHECK_EQ(jem_graphs_write(model, JEM_GRAPH_SVG, dirfd), 2);
	graphs = openat(dirfd, "graphs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(graphs >= 0);
	CHECK_OK(faccessat(graphs, "cpu.svg", F_OK, 0));
	/* A node that would lead out of the folder stays in it. */
	feed_samples(model, "../../two");
	CHECK_EQ(jem_graphs_write(model, JEM_GRAPH_SVG | JEM_GRAPH_PNG | JEM_GRAPH_PDF, dirfd), 9);
	CHECK_OK(faccessat(graphs, "memory-one.png", F_OK, 0));
	CHECK_OK(faccessat(graphs, "memory-one.svg", F_OK, 0));
	CHECK_OK(faccessat(graphs, "graphs.pdf", F_OK, 0));
	CHECK_EQ(entries(graphs), 2 + 9);
	CHECK_EQ(entries(dirfd), 1);
	CHECK_OK(jem_page_write_job(model, &options, dirfd));
	page = read_file(dirfd, "index.html");
	CHECK_CONTAINS(page, ">one</h2>");
	CHECK_CONTAINS(page, ">../../two</h2>");
	CHECK_CONTAINS(page, "href=\"./graphs/graphs.pdf\"");
	CHECK(!strstr(page, "job.log</a>"));
	jem_model_destroy(model);
}

TESTS(T(every_node_of_a_job_has_its_graphs), T(hashes_as_fips_180_4_says),
      T(escapes_every_byte_that_could_do_something), T(links_never_leave_the_folder),
      T(writes_elements_in_order_and_notices_when_not), T(files_are_replaced_at_once),
      T(a_hostile_job_is_only_shown), T(pages_are_whole_without_a_single_record),
      T(says_what_is_missing_by_name))
