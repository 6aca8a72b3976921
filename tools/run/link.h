/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link: the launcher's end of its socket to a monitor (the other: common/launch_link.h).
 *
 * One short text message a packet (SOCK_SEQPACKET), never waited for: a full or dead peer costs
 * that message. A peer that says more than 1,000 messages is broken and cut off. The end of the
 * link is the monitor's death: nobody else holds its descriptor.
 */
#ifndef JEM_TOOLS_RUN_LINK_H
#define JEM_TOOLS_RUN_LINK_H

#include <stdbool.h>
#include <sys/types.h>

#define JEM_LINK_LINES_MAX 5
#define JEM_LINK_LINE_SIZE 200

struct jem_run_link {
	int fd;         /* owned; -1: the monitor is dead, or was never started */
	pid_t pid;      /* as it told itself; 0 before */
	unsigned taken; /* messages so far */
	bool is_ready;
	bool is_done;
	bool is_cut_off;
	long drain_ms;  /* from its configuration file; -1: not told */
	char left[512]; /* what waits on disk and how to send it; "": nothing */
	unsigned line_count;
	char lines[JEM_LINK_LINES_MAX][JEM_LINK_LINE_SIZE]; /* its closing lines */
};

void jem_run_link_init(struct jem_run_link *link);

/* Makes the socket; the monitor's end is the caller's, to hand on and close. */
int jem_run_link_open(struct jem_run_link *link, int *peer);
void jem_run_link_close(struct jem_run_link *link);

static inline bool jem_run_link_is_open(const struct jem_run_link *link)
{
	return link->fd >= 0;
}

/* 0, or a negative errno: -EAGAIN when the peer does not read. */
int jem_run_link_send(struct jem_run_link *link, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Takes what has come; `on_fault` gets the text of each fault. Closes the link at its end. */
void jem_run_link_receive(struct jem_run_link *link, void (*on_fault)(void *arg, const char *text),
			  void *arg);

#endif
