/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tree.h"

#include "tests/unit/check.h"

#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/stat.h>

static void make_folders(char *path)
{
	for (char *c = strchr(path + 1, '/'); c; c = strchr(c + 1, '/')) {
		*c = '\0';
		mkdir(path, 0700);
		*c = '/';
	}
}

void tree_write(const char *path, const char *format, ...)
{
	char full[PATH_MAX];
	va_list args;
	FILE *file;

	snprintf(full, sizeof(full), "%s%s", check_folder(), path);
	make_folders(full);
	file = fopen(full, "w");
	if (!file)
		check_fail(__FILE__, __LINE__, "cannot write %s", full);
	va_start(args, format);
	vfprintf(file, format, args);
	va_end(args);
	fclose(file);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

void tree_remove(const char *path)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s%s", check_folder(), path);
	nftw(full, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void tree_process(const struct tree_process *p)
{
	const char *comm = p->comm ? p->comm : "work";
	char state = p->state ? p->state : 'S';
	unsigned threads = p->threads ? p->threads : 1;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/stat", p->pid);
	tree_write(
		path,
		"%d (%s) %c %d %d %d 0 -1 4194304 100 0 5 0 %lu %lu %lu %lu 20 0 %u 0 %lu "
		"4096000 %lu 18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0\n",
		p->pid, comm, state, p->ppid, p->ppid, p->session, p->user_ticks, p->system_ticks,
		p->child_user_ticks, p->child_system_ticks, threads, p->start_ticks, p->rss_kb / 4);
	snprintf(path, sizeof(path), "/proc/%d/status", p->pid);
	tree_write(path,
		   "Name:\twork\nPid:\t%d\nPPid:\t%d\nVmSize:\t    4000 kB\nVmHWM:\t %lu kB\n"
		   "VmRSS:\t %lu kB\nRssAnon:\t %lu kB\nRssFile:\t 100 kB\nRssShmem:\t 0 kB\n"
		   "VmSwap:\t 8 kB\nThreads:\t%u\nSigIgn:\t%016lx\n"
		   "voluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t3\n",
		   p->pid, p->ppid, p->peak_kb ? p->peak_kb : p->rss_kb, p->rss_kb, p->anon_kb,
		   threads, p->sigignore);
	snprintf(path, sizeof(path), "/proc/%d/io", p->pid);
	tree_write(path,
		   "rchar: %lu\nwchar: %lu\nsyscr: 1\nsyscw: 1\nread_bytes: %lu\n"
		   "write_bytes: %lu\ncancelled_write_bytes: 0\n",
		   p->rchar, p->wchar, p->read_bytes, p->write_bytes);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", p->pid, p->pid);
	tree_write(path, "%s", p->children ? p->children : "");
}
