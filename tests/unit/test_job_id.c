/* SPDX-License-Identifier: Apache-2.0 */
#include "common/job_id.h"
#include "tests/unit/check.h"

#include <sys/stat.h>
#include <unistd.h>

static void find(struct jem_job_id *id, const char *given, const char *const *environment)
{
	jem_job_id_find(id, given, (char *const *)environment);
}

static void check_truth(const char *const *environment, const char *truth, const char *origin)
{
	struct jem_job_id id;

	find(&id, NULL, environment);
	CHECK_STR(id.truth, truth);
	CHECK_STR(id.origin, origin);
	CHECK(jem_name_is_valid(id.name, strlen(id.name)));
}

static char *write_ad(const char *text, size_t len)
{
	static char variable[128];
	FILE *file;

	snprintf(variable, sizeof(variable), "_CONDOR_JOB_AD=%s/ad", check_folder());
	file = fopen(strchr(variable, '=') + 1, "w");
	CHECK(file);
	CHECK_EQ(fwrite(text, 1, len, file), len);
	CHECK_EQ(fclose(file), 0);
	return variable;
}

CASE(prefers_what_is_given)
{
	const char *environment[] = { "PANDAID=6001", "PBS_JOBID=1.server", NULL };
	struct jem_job_id id;

	find(&id, "my job", environment);
	CHECK_STR(id.truth, "my job");
	CHECK(!strncmp(id.name, "my_job-", 7));
	CHECK(id.is_panda);
	find(&id, "", environment);
	CHECK_STR(id.truth, "6001");
}

CASE(finds_the_panda_job_under_either_name)
{
	const char *upper[] = { "PBS_JOBID=1", "PANDAID=6001", NULL };
	const char *mixed[] = { "PANDAID=6001", "PandaID=6002", NULL };
	const char *empty[] = { "PANDAID=", "LSB_JOBID=7", NULL };

	check_truth(upper, "6001", "PanDA");
	check_truth(mixed, "6002", "PanDA");
	check_truth(empty, "7", "LSF");
}

CASE(reads_the_condor_job_ad)
{
	static const char ad[] = "MyType = \"Job\"\nOldClusterId = 9\nClusterId = 4711\n"
				 "ProcIdle = 3\nprocid=\t12\r\nCmd = \"ClusterId = 5\"\n";
	const char *environment[] = { write_ad(ad, strlen(ad)), "SLURM_JOB_ID=5", NULL };

	check_truth(environment, "4711.12", "HTCondor");
}

CASE(goes_on_without_a_usable_job_ad)
{
	static const char *const ads[] = { "",
					   "ClusterId = 4711\n",
					   "ClusterId = 4711\nProcId = -1\n",
					   "ClusterId = 4711\nProcId = 1.5\n",
					   "ClusterId = 123456789012345678901\nProcId = 1\n",
					   "ClusterId 4711\nProcId = 1" };

	for (size_t i = 0; i < sizeof(ads) / sizeof(*ads); i++) {
		const char *environment[] = { write_ad(ads[i], strlen(ads[i])), "PBS_JOBID=8.pbs",
					      NULL };

		check_truth(environment, "8.pbs", "PBS");
	}
}

CASE(bounds_what_it_reads_of_a_job_ad)
{
	size_t len = 1 << 20;
	char *text = calloc(1, len);
	const char *environment[] = { NULL, "PBS_JOBID=8", NULL };

	CHECK(text);
	memset(text, 'x', len);
	environment[0] = write_ad(text, len);
	check_truth(environment, "8", "PBS");
	memset(text, 0, len); /* NUL bytes end the text, nothing more */
	environment[0] = write_ad(text, len);
	check_truth(environment, "8", "PBS");
	free(text);
}

CASE(does_not_wait_at_a_pipe)
{
	char variable[128];
	const char *environment[] = { variable, "LSB_JOBID=9", NULL };

	snprintf(variable, sizeof(variable), "_CONDOR_JOB_AD=%s/pipe", check_folder());
	CHECK_EQ(mkfifo(strchr(variable, '=') + 1, 0600), 0);
	check_truth(environment, "9", "LSF");
	strcpy(variable, "_CONDOR_JOB_AD=/nonexistent/ad");
	check_truth(environment, "9", "LSF");
}

CASE(tells_slurm_steps_ranks_and_restarts_apart)
{
	const char *job[] = { "SLURM_JOB_ID=77", NULL };
	const char *script[] = { "SLURM_JOB_ID=77", "SLURM_PROCID=0", "SLURM_RESTART_COUNT=0",
				 NULL };
	const char *step[] = { "SLURM_JOB_ID=77", "SLURM_STEP_ID=2", "SLURM_PROCID=0", NULL };
	const char *all[] = { "SLURM_JOB_ID=77", "SLURM_STEP_ID=2", "SLURM_PROCID=3",
			      "SLURM_RESTART_COUNT=1", NULL };

	check_truth(job, "77", "Slurm");
	check_truth(script, "77", "Slurm");
	check_truth(step, "77.2-0", "Slurm");
	check_truth(all, "77.2-3-r1", "Slurm");
}

CASE(cuts_an_endless_name)
{
	char variable[2000] = "PBS_JOBID=";
	const char *environment[] = { variable, NULL };
	struct jem_job_id id;

	memset(variable + 10, 'x', sizeof(variable) - 11);
	variable[sizeof(variable) - 1] = '\0';
	find(&id, NULL, environment);
	CHECK_EQ(strlen(id.truth), JEM_JOB_ID_MAX - 1);
	CHECK_EQ(strlen(id.name), JEM_NAME_MAX);
}

CASE(makes_a_name_of_its_own)
{
	const char *environment[] = { "PATH=/bin", NULL };
	struct jem_job_id id;
	char pid[16];

	find(&id, NULL, environment);
	snprintf(pid, sizeof(pid), "-%d", (int)getpid());
	CHECK_CONTAINS(id.truth, pid);
	CHECK(jem_name_is_valid(id.name, strlen(id.name)));
	CHECK(!id.is_panda);
	find(&id, NULL, NULL);
	CHECK_CONTAINS(id.truth, pid);
}

TESTS(T(prefers_what_is_given), T(finds_the_panda_job_under_either_name),
      T(reads_the_condor_job_ad), T(goes_on_without_a_usable_job_ad),
      T(bounds_what_it_reads_of_a_job_ad), T(does_not_wait_at_a_pipe),
      T(tells_slurm_steps_ranks_and_restarts_apart), T(cuts_an_endless_name),
      T(makes_a_name_of_its_own))
