/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/child.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t microseconds(struct timeval time)
{
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

/* The system call has an argument for the usage, which waitid(2) of libc leaves out. */
void jem_child_peek(pid_t pid, struct jem_reaped *reaped)
{
	struct rusage usage;
	siginfo_t info = { 0 };

	if (syscall(SYS_waitid, P_PID, pid, &info, WEXITED | WNOWAIT | WNOHANG, &usage) < 0 ||
	    info.si_pid != pid)
		return;
	reaped->status = info.si_code == CLD_EXITED
				 ? (info.si_status & 0xff) << 8
				 : info.si_status | (info.si_code == CLD_DUMPED ? 0x80 : 0);
	reaped->user_us = microseconds(usage.ru_utime);
	reaped->system_us = microseconds(usage.ru_stime);
	reaped->maxrss_kb = (uint64_t)usage.ru_maxrss;
	reaped->minor_faults = (uint64_t)usage.ru_minflt;
	reaped->major_faults = (uint64_t)usage.ru_majflt;
	reaped->in_blocks = (uint64_t)usage.ru_inblock;
	reaped->out_blocks = (uint64_t)usage.ru_oublock;
	reaped->voluntary_switches = (uint64_t)usage.ru_nvcsw;
	reaped->involuntary_switches = (uint64_t)usage.ru_nivcsw;
}
