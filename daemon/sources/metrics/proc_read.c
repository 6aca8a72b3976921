/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/proc_read.h"

#include "common/cleanup.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

enum {
	STAT_TEXT = 1024,
	OPEN_FILES_COUNTED = 4096, /* counting goes on to here; beyond it the number is this */
};

/* Numbers of stat after the state, in order; signed ones that we skip may be negative. */
static int parse_numbers(const char *at, uint64_t *fields, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		while (*at == ' ')
			at++;
		if (*at == '-') { /* no session, no terminal: -1; none of those we keep */
			at++;
			if (!jem_proc_next(&at, &fields[i]))
				return -EBADMSG;
			fields[i] = 0;
		} else if (!jem_proc_next(&at, &fields[i])) {
			return -EBADMSG;
		}
	}
	return 0;
}

int jem_proc_parse_stat(const char *text, size_t len, struct jem_proc_stat *ret)
{
	/* proc(5) numbers fields from 1; `fields` begins with field 4, ppid. */
	enum {
		PPID = 0,
		SESSION = 2,
		MINFLT = 6,
		UTIME = 10,
		THREADS = 16,
		START = 18,
		COUNT = 21
	};
	uint64_t fields[COUNT];
	const char *open = memchr(text, '(', len);
	const char *close = memrchr(text, ')', len);
	struct jem_proc_stat stat = { 0 };
	uint64_t pid;
	const char *at = text;
	size_t name;

	if (!open || !close || close < open || text + len - close < 5 || close[1] != ' ' ||
	    !jem_proc_next(&at, &pid) || pid > INT_MAX)
		return -EBADMSG;
	if (parse_numbers(close + 3, fields, COUNT) < 0 || fields[PPID] > INT_MAX)
		return -EBADMSG;
	name = (size_t)(close - open - 1);
	if (name > sizeof(stat.comm) - 1)
		name = sizeof(stat.comm) - 1;
	memcpy(stat.comm, open + 1, name);
	stat.state = close[2];
	stat.pid = (pid_t)pid;
	stat.ppid = (pid_t)fields[PPID];
	stat.session = (pid_t)fields[SESSION];
	stat.minor_faults = fields[MINFLT];
	stat.child_minor_faults = fields[MINFLT + 1];
	stat.major_faults = fields[MINFLT + 2];
	stat.child_major_faults = fields[MINFLT + 3];
	stat.user_ticks = fields[UTIME];
	stat.system_ticks = fields[UTIME + 1];
	stat.child_user_ticks = fields[UTIME + 2];
	stat.child_system_ticks = fields[UTIME + 3];
	stat.threads = fields[THREADS];
	stat.start_ticks = fields[START];
	stat.vsize_bytes = fields[START + 1];
	stat.rss_pages = fields[START + 2];
	*ret = stat;
	return 0;
}

static bool ignores_signal(const char *text, int signal)
{
	const char *line = strstr(text, "\nSigIgn:");

	return line && strtoull(line + 8, NULL, 16) >> (signal - 1) & 1;
}

/* "Name:" is first and has its newlines escaped, so no process can forge a line. */
int jem_proc_parse_status(const char *text, struct jem_proc_status *ret)
{
	struct jem_proc_status status = { 0 };
	const char *vm = strstr(text, "\nVmSize:");
	const char *switches = strstr(text, "\nvoluntary_ctxt_switches:");

	if (!strstr(text, "\nPid:"))
		return -EBADMSG;
	if (vm) { /* not of a zombie or a kernel thread */
		vm++;
		status.vsize_bytes = jem_proc_field(vm, "VmSize:", 0) << 10;
		status.peak_rss_bytes = jem_proc_field(vm, "VmHWM:", 0) << 10;
		status.rss_bytes = jem_proc_field(vm, "VmRSS:", 0) << 10;
		status.anon_bytes = jem_proc_field(vm, "RssAnon:", 0) << 10;
		status.file_bytes = jem_proc_field(vm, "RssFile:", 0) << 10;
		status.shmem_bytes = jem_proc_field(vm, "RssShmem:", 0) << 10;
		status.swap_bytes = jem_proc_field(vm, "VmSwap:", 0) << 10;
	}
	if (switches) {
		switches++;
		status.voluntary_switches = jem_proc_field(switches, "voluntary_ctxt_switches:", 0);
		status.involuntary_switches =
			jem_proc_field(switches, "nonvoluntary_ctxt_switches:", 0);
	}
	status.ignores_sigchld = ignores_signal(text, SIGCHLD);
	*ret = status;
	return 0;
}

int jem_proc_parse_io(const char *text, struct jem_proc_io *ret)
{
	if (strncmp(text, "rchar:", 6))
		return -EBADMSG;
	*ret = (struct jem_proc_io){
		.rchar = jem_proc_field(text, "rchar:", 0),
		.wchar = jem_proc_field(text, "wchar:", 0),
		.read_bytes = jem_proc_field(text, "read_bytes:", 0),
		.write_bytes = jem_proc_field(text, "write_bytes:", 0),
	};
	return 0;
}

int jem_proc_read_stat(const char *root, pid_t pid, struct jem_proc_stat *ret)
{
	char text[STAT_TEXT];
	ssize_t len = jem_proc_read(root, text, sizeof(text), "/proc/%d/stat", (int)pid);

	return len < 0 ? (int)len : jem_proc_parse_stat(text, (size_t)len, ret);
}

bool jem_proc_has_environment(const char *root, pid_t pid, const char *assignment)
{
	enum {
		CHUNK = 16384,
		TOTAL = 2 << 20
	};
	auto_close int fd = jem_proc_open(root, "/proc/%d/environ", (int)pid);
	auto_free char *text = malloc(CHUNK + 1);
	size_t want = strlen(assignment) + 1; /* with its NUL */
	size_t len = 0;
	bool at_start = true; /* of a variable */

	if (fd < 0 || !text || want > CHUNK / 2)
		return false;
	for (size_t total = 0; total < TOTAL;) {
		ssize_t n = read(fd, text + len, CHUNK - len);
		char *at = text;

		if (n <= 0)
			return false;
		total += (size_t)n;
		len += (size_t)n;
		while (at < text + len) {
			char *end = memchr(at, '\0', (size_t)(text + len - at));

			if (!end)
				break;
			if (at_start && (size_t)(end + 1 - at) == want &&
			    !memcmp(at, assignment, want))
				return true;
			at_start = true;
			at = end + 1;
		}
		len = (size_t)(text + len - at);
		if (len == CHUNK) { /* a variable longer than the chunk is not ours */
			at_start = false;
			len = 0;
		}
		memmove(text, at, len);
	}
	return false;
}

int64_t jem_proc_open_files(const char *root, pid_t pid)
{
	char path[PATH_MAX];
	auto_closedir DIR *dir = NULL;
	struct stat st;
	int64_t count = 0;

	snprintf(path, sizeof(path), "%s/proc/%d/fd", root, (int)pid);
	/* Since Linux 6.2 the size of the folder is the number of descriptors. */
	if (stat(path, &st) < 0)
		return -errno;
	if (st.st_size > 0 && !*root)
		return st.st_size;
	dir = opendir(path);
	if (!dir)
		return -errno;
	for (struct dirent *entry; count < OPEN_FILES_COUNTED && (entry = readdir(dir));)
		count += entry->d_name[0] != '.';
	return count;
}

void jem_proc_wchan(const char *root, pid_t pid, char *ret, size_t size)
{
	ssize_t len = jem_proc_read(root, ret, size, "/proc/%d/wchan", (int)pid);

	if (len <= 0 || !strcmp(ret, "0"))
		*ret = '\0';
}
