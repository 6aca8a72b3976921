/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/proc_events.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	BUFFER_BYTES =
		4 << 20,     /* some 5,000 events; an ordinary user gets less: net.core.rmem_max */
	DRAIN_MAX = 1 << 16, /* a storm may not keep the loop */
	MESSAGE_MAX = 512,
	EVENT_AT = sizeof(struct nlmsghdr) + sizeof(struct cn_msg),
	DATA_AT = EVENT_AT + 16, /* behind what, cpu, timestamp_ns */
	WHAT_ACK = 0,
	WHAT_FORK = 1,
	WHAT_COMM = 0x200,
	LISTEN = 1,
	IGNORE = 2,
};
#define WHAT_EXIT UINT32_C(0x80000000)

/* What the event data of the four begin with (linux/cn_proc.h, struct proc_event). */
struct told {
	uint32_t pid, tgid;
	union {
		struct {
			uint32_t pid, tgid;
		} child;
		char comm[16];
	};
};
_Static_assert(sizeof(struct cn_msg) == 20 && sizeof(struct nlmsghdr) == 16, "wire format");

/* Linux 6.6 and later take a mask of events besides the order; older headers do not have it. */
struct order {
	uint32_t op;
	uint32_t events;
};

static int send_order(int fd, const struct order *order, size_t len)
{
	struct {
		struct nlmsghdr header;
		char body[sizeof(struct cn_msg) + sizeof(struct order)];
	} message = { .header = { .nlmsg_len = (uint32_t)(EVENT_AT + len),
				  .nlmsg_type = NLMSG_DONE } };
	struct cn_msg cn = { .id = { .idx = CN_IDX_PROC, .val = CN_VAL_PROC },
			     .len = (uint16_t)len };

	memcpy(message.body, &cn, sizeof(cn));
	memcpy(message.body + sizeof(cn), order, len);
	return send(fd, &message, EVENT_AT + len, 0) < 0 ? -errno : 0;
}

/* The kernel answers within send(2), or not at all. */
static bool is_answered(int fd)
{
	char message[MESSAGE_MAX];
	uint32_t what;
	ssize_t n;

	while ((n = recv(fd, message, sizeof(message), MSG_DONTWAIT)) > 0) {
		if ((size_t)n < EVENT_AT + sizeof(what))
			continue;
		memcpy(&what, message + EVENT_AT, sizeof(what));
		if (what == WHAT_ACK) /* its data is an error code */
			return (size_t)n >= DATA_AT + sizeof(what) &&
			       !memcmp(message + DATA_AT, "\0\0\0", sizeof(what));
	}
	return false;
}

/* Processes only: their pid and tgid are the same. */
static int attach_filter(int fd)
{
	enum {
		LOAD = BPF_LD | BPF_W | BPF_ABS,
		EQUAL = BPF_JMP | BPF_JEQ,
		FROM_X = BPF_X
	};
	struct sock_filter code[] = {
		BPF_STMT(LOAD, EVENT_AT),
		BPF_JUMP(EQUAL, htonl(WHAT_FORK), 3, 0),
		BPF_JUMP(EQUAL, htonl(WHAT_EXIT), 6, 0),
		BPF_JUMP(EQUAL, htonl(WHAT_COMM), 5, 0),
		BPF_JUMP(EQUAL, WHAT_ACK, 8, 9),
		BPF_STMT(LOAD, DATA_AT + 8), /* of a fork the child's */
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(LOAD, DATA_AT + 12),
		BPF_JUMP(BPF_JMP | BPF_JA, 3, 0, 0),
		BPF_STMT(LOAD, DATA_AT),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(LOAD, DATA_AT + 4),
		BPF_JUMP(EQUAL | FROM_X, 0, 0, 1),
		BPF_STMT(BPF_RET, UINT32_MAX),
		BPF_STMT(BPF_RET, 0),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(*code), .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}

static int subscribe(int fd)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC };
	struct order order = { LISTEN, WHAT_FORK | WHAT_COMM | WHAT_EXIT };
	int bytes = BUFFER_BYTES;
	int status;

	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	status = attach_filter(fd);
	if (status < 0)
		return status;
	status = send_order(fd, &order, sizeof(order));
	if (status < 0)
		return status;
	if (is_answered(fd))
		return 0;
	status = send_order(fd, &order, sizeof(order.op));
	if (status < 0)
		return status;
	return is_answered(fd) ? 0 : -EACCES;
}

int jem_proc_events_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
	int status;

	if (fd < 0)
		return -errno;
	status = subscribe(fd);
	if (status < 0) {
		close(fd);
		return status;
	}
	return fd;
}

void jem_proc_events_close(int fd)
{
	struct order order = { IGNORE, 0 };

	if (fd < 0)
		return;
	/* Kernels before 6.6 count listeners by these orders only. */
	(void)send_order(fd, &order, sizeof(order.op));
	close(fd);
}

bool jem_proc_events_parse(const void *message, size_t len, struct jem_task_event *ret)
{
	struct told told;
	uint64_t time_ns;
	uint32_t what;

	if (len < DATA_AT + sizeof(told))
		return false;
	memcpy(&what, (const char *)message + EVENT_AT, sizeof(what));
	memcpy(&time_ns, (const char *)message + EVENT_AT + 8, sizeof(time_ns));
	memcpy(&told, (const char *)message + DATA_AT, sizeof(told));
	*ret = (struct jem_task_event){ .pid = (pid_t)told.pid, .time_ns = time_ns };
	switch (what) {
	case WHAT_FORK:
		ret->type = JEM_TASK_FORK;
		ret->pid = (pid_t)told.child.pid;
		ret->ppid = (pid_t)told.tgid;
		return told.child.pid == told.child.tgid;
	case WHAT_COMM:
		ret->type = JEM_TASK_COMM;
		memcpy(ret->comm, told.comm, sizeof(ret->comm) - 1);
		return told.pid == told.tgid;
	case WHAT_EXIT:
		ret->type = JEM_TASK_EXIT;
		return told.pid == told.tgid;
	default:
		return false;
	}
}

uint64_t jem_proc_events_drain(int fd, jem_task_event_fn on_event, void *arg)
{
	uint64_t lost = 0;

	for (int i = 0; i < DRAIN_MAX; i++) {
		char message[MESSAGE_MAX];
		struct sockaddr_nl from = { 0 };
		socklen_t from_len = sizeof(from);
		struct jem_task_event event;
		ssize_t n = recvfrom(fd, message, sizeof(message), MSG_DONTWAIT,
				     (struct sockaddr *)&from, &from_len);

		if (n < 0 && errno == ENOBUFS) {
			lost++;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if (from.nl_pid == 0 && jem_proc_events_parse(message, (size_t)n, &event))
			on_event(arg, &event);
	}
	return lost;
}
