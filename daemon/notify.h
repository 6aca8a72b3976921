/* SPDX-License-Identifier: Apache-2.0 */
/* notify: tells a service manager our state, as sd_notify(3) over NOTIFY_SOCKET. */
#ifndef JEM_DAEMON_NOTIFY_H
#define JEM_DAEMON_NOTIFY_H

/* "READY=1", "STOPPING=1", "STATUS=..."; 0 without a service manager, else a negative errno. */
int jem_notify(const char *state);

#endif
