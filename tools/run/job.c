/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/run/job.h"

#include "common/clock.h"
#include "tools/run/fd.h"
#include "tools/run/run.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int jem_run_job_become(const struct jem_run_job_plan *plan)
{
	setenv("JEM_JOB", plan->name, 1);
	if (plan->folder)
		setenv("JEM_FOLDER", plan->folder, 1);
	else
		unsetenv("JEM_FOLDER");
	jem_run_calls_give(plan->calls);
	jem_run_scripts_give(plan->scripts);
	jem_inherited_give(plan->inherited);
	execvp(plan->command[0], plan->command);
	return errno;
}

static _Noreturn void be_job(const struct jem_run_job_plan *plan, pid_t launcher, int hold,
			     int result)
{
	char go;
	ssize_t n;
	int error;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != launcher)
		_exit(JEM_EXIT_NOT_RUN);
	for (int i = 0; i < 2; i++)
		if (plan->streams[i] >= 0)
			dup2(plan->streams[i], i + 1);
	do
		n = read(hold, &go, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(JEM_EXIT_NOT_RUN);
	error = jem_run_job_become(plan);
	if (write(result, &error, sizeof(error)) < 0)
		_exit(JEM_EXIT_NOT_RUN);
	_exit(error == ENOENT ? JEM_EXIT_NOT_FOUND : JEM_EXIT_NOT_RUNNABLE);
}

int jem_run_job_fork(struct jem_run_job *job, const struct jem_run_job_plan *plan)
{
	pid_t launcher = getpid();
	int hold[2] = { -1, -1 };
	int result[2] = { -1, -1 };
	int rc = jem_fd_pipe(hold);

	*job = (struct jem_run_job){ .hold = -1, .result = -1 };
	if (rc == 0)
		rc = jem_fd_pipe(result);
	if (rc == 0) {
		job->pid = fork();
		if (job->pid == 0) {
			close(hold[1]);
			be_job(plan, launcher, hold[0], result[1]);
		}
		rc = job->pid < 0 ? -errno : 0;
	}
	jem_fd_close(&hold[0]);
	jem_fd_close(&result[1]);
	if (rc < 0) {
		jem_fd_close(&hold[1]);
		jem_fd_close(&result[0]);
		job->pid = 0;
		return rc;
	}
	job->hold = hold[1];
	job->result = result[0];
	return 0;
}

void jem_run_job_release(struct jem_run_job *job)
{
	job->released_ns = jem_now_ns();
	/* Fails only when the job is dead already: then it is waited for like any other. */
	if (write(job->hold, "", 1) < 0)
		job->released_ns = jem_now_ns();
	jem_fd_close(&job->hold);
}

void jem_run_job_abandon(struct jem_run_job *job)
{
	jem_fd_close(&job->hold);
	while (waitpid(job->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	jem_fd_close(&job->result);
	job->pid = 0;
}

int jem_run_job_result(struct jem_run_job *job)
{
	int error = 0;
	ssize_t n;

	do
		n = read(job->result, &error, sizeof(error));
	while (n < 0 && errno == EINTR);
	jem_fd_close(&job->result);
	return n == (ssize_t)sizeof(error) ? error : 0;
}
