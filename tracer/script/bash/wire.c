/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/script/bash/wire.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	BUFFER = 32768,
	PACKET = 24576, /* a packet is sent beyond this */
	LINE_MAX_BYTES = 7168,
	HIGH_FD = 230, /* out of the way of descriptors that scripts choose */
	REOPENS_MAX = 3
};

static const uint64_t WAIT_NS = 50000000;

static struct {
	const char *address; /* borrowed */
	int fd;
	dev_t device; /* of the socket: a script may close and use any descriptor */
	ino_t inode;
	int reopens;
	pid_t pid;
	char data[BUFFER];
	size_t len, line; /* all, and where the open line begins */
	bool is_cut;
	uint64_t oldest_ns, lost;
} wire = { .fd = -1 };

uint64_t wire_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int high(int fd)
{
	struct rlimit limit;
	int from = HIGH_FD;
	int moved;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < HIGH_FD + 8)
		from = limit.rlim_cur > 24 ? (int)limit.rlim_cur - 8 : 16;
	moved = fcntl(fd, F_DUPFD_CLOEXEC, from);
	close(fd);
	return moved;
}

static int connect_to(const char *address)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = strlen(address);
	int bytes = 1 << 20;
	struct stat status;
	int fd;

	if (!len || len >= sizeof(to.sun_path))
		return -1;
	memcpy(to.sun_path, address, len);
	if (*address == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&to,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len +
				(*address == '@' ? 0 : 1))) < 0) {
		close(fd);
		return -1;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	wire.fd = high(fd);
	if (wire.fd < 0 || fstat(wire.fd, &status) < 0)
		return -1;
	wire.device = status.st_dev;
	wire.inode = status.st_ino;
	return 0;
}

int wire_open(const char *address)
{
	wire.address = address;
	wire.pid = getpid();
	wire.len = 0;
	return connect_to(address);
}

/* Whether the descriptor still is our socket; if not, another one, some times. */
static bool is_open(void)
{
	struct stat status;

	if (wire.fd >= 0 && fstat(wire.fd, &status) == 0 && status.st_dev == wire.device &&
	    status.st_ino == wire.inode)
		return true;
	wire.fd = -1;
	return wire.address && wire.reopens++ < REOPENS_MAX && connect_to(wire.address) == 0;
}

static void add(const char *text, size_t len)
{
	if (wire.is_cut || len > BUFFER - 64 - wire.len ||
	    wire.len + len - wire.line > LINE_MAX_BYTES) {
		wire.is_cut = true;
		return;
	}
	memcpy(wire.data + wire.len, text, len);
	wire.len += len;
}

static void add_text(const char *text)
{
	add(text, strlen(text));
}

static void add_digits(uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	add(digits + at, sizeof(digits) - at);
}

void wire_number(const char *name, uint64_t value)
{
	add_text(",\"");
	add_text(name);
	add_text("\":");
	add_digits(value);
}

void wire_flag(const char *name)
{
	add_text(",\"");
	add_text(name);
	add_text("\":true");
}

void wire_begin(const char *event, uint64_t t)
{
	wire.line = wire.len;
	wire.is_cut = false;
	if (!wire.len)
		wire.oldest_ns = t;
	add_text("{\"lang\":\"bash\",\"event\":\"");
	add_text(event);
	add_text("\"");
	wire_number("t", t);
	wire_number("pid", (uint64_t)wire.pid);
}

/* Bytes of a well-formed character that stands at `s`; 0: it is none. */
static size_t character(const unsigned char *s)
{
	size_t n = *s >= 0xc2 && *s < 0xe0   ? 2
		   : *s >= 0xe0 && *s < 0xf0 ? 3
		   : *s >= 0xf0 && *s < 0xf5 ? 4
					     : 0;

	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] >= 0xa0) ||
	    (*s == 0xf0 && s[1] < 0x90) || (*s == 0xf4 && s[1] >= 0x90))
		return 0;
	return n;
}

static void add_control(unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char escaped[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

	if (c == '\n')
		add("\\n", 2);
	else if (c == '\t')
		add("\\t", 2);
	else
		add(escaped, sizeof(escaped));
}

void wire_text(const char *name, const char *text, size_t max)
{
	const unsigned char *s = (const unsigned char *)text;
	const unsigned char *from = s;

	add_text(",\"");
	add_text(name);
	add_text("\":\"");
	while (*s && (size_t)(s - (const unsigned char *)text) < max) {
		size_t n = *s < 0x80 ? 1 : character(s);

		if (n && *s >= 0x20 && *s != '"' && *s != '\\' && *s != 0x7f) {
			s += n;
			continue;
		}
		add((const char *)from, (size_t)(s - from));
		if (!n)
			add("\\ufffd", 6);
		else if (*s == '"' || *s == '\\')
			add((const char[]){ '\\', (char)*s }, 2);
		else
			add_control(*s);
		s += n ? n : 1;
		from = s;
	}
	add((const char *)from, (size_t)(s - from));
	add_text(*s ? "...\"" : "\"");
}

static void tell_lost(void)
{
	uint64_t lost = wire.lost;

	wire.lost = 0;
	wire_begin("lost", wire_now_ns());
	wire_number("n", lost);
	add_text("}\n");
	if (!wire.is_cut)
		return;
	wire.len = wire.line;
	wire.lost = lost;
}

void wire_end(void)
{
	add_text("}\n");
	if (wire.is_cut) {
		wire.len = wire.line;
		wire.lost++;
	} else if (wire.lost) {
		tell_lost();
	}
	if (wire.len >= PACKET)
		wire_flush();
}

void wire_flush(void)
{
	ssize_t n;

	if (!wire.len || !is_open())
		return;
	n = send(wire.fd, wire.data, wire.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n == (ssize_t)wire.len)
		wire.len = 0;
}

void wire_flush_old(uint64_t now_ns)
{
	if (wire.len && now_ns - wire.oldest_ns > WAIT_NS)
		wire_flush();
}

void wire_forked(void)
{
	wire.pid = getpid();
	wire.len = 0;
	wire.lost = 0;
}
