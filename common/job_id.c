/* SPDX-License-Identifier: Apache-2.0 */
#include "common/job_id.h"

#include "common/cleanup.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

enum {
	JOB_AD_MAX = 256 << 10, /* a job ad is some 10 KB; what stands further down is not read */
	NUMBER_MAX = 20
};

static const char *find(char *const *environment, const char *name)
{
	size_t len = strlen(name);

	for (; environment && *environment; environment++)
		if (!strncmp(*environment, name, len) && (*environment)[len] == '=')
			return (*environment)[len + 1] ? *environment + len + 1 : NULL;
	return NULL;
}

static void set(struct jem_job_id *id, const char *origin, const char *truth)
{
	snprintf(id->truth, sizeof(id->truth), "%s", truth);
	id->origin = origin;
}

/* A ClassAd line `Name = 123` (names know no case): the number's digits. */
static bool read_ad_number(const char *line, const char *name, char ret[NUMBER_MAX + 1])
{
	size_t len = strlen(name);
	size_t digits;

	if (strncasecmp(line, name, len))
		return false;
	line += len;
	line += strspn(line, " \t");
	if (*line++ != '=')
		return false;
	line += strspn(line, " \t");
	digits = strspn(line, "0123456789");
	if (!digits || digits > NUMBER_MAX || !strchr(" \t\r\n", line[digits]))
		return false;
	memcpy(ret, line, digits);
	ret[digits] = '\0';
	return true;
}

/* Opened without waiting: the path is the job's word, it may be a pipe that nobody writes. */
static bool from_condor(struct jem_job_id *id, const char *path)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	auto_free char *text = NULL;
	char cluster[NUMBER_MAX + 1] = "";
	char proc[NUMBER_MAX + 1] = "";
	char truth[2 * NUMBER_MAX + 2];
	struct stat st;
	size_t len = 0;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	text = malloc(JOB_AD_MAX + 1);
	while (text && len < JOB_AD_MAX && (n = read(fd, text + len, JOB_AD_MAX - len)) > 0)
		len += (size_t)n;
	if (!len)
		return false;
	text[len] = '\0';
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += strspn(line, "\n \t");
		if (!read_ad_number(line, "ClusterId", cluster))
			read_ad_number(line, "ProcId", proc);
	}
	if (!*cluster || !*proc)
		return false;
	snprintf(truth, sizeof(truth), "%s.%s", cluster, proc);
	set(id, "HTCondor", truth);
	return true;
}

/* JOB[.STEP][-RANK][-rRESTART]. Rank 0 outside a step is every batch script's: it names nothing. */
static bool from_slurm(struct jem_job_id *id, char *const *environment)
{
	const char *job = find(environment, "SLURM_JOB_ID");
	const char *step = find(environment, "SLURM_STEP_ID");
	const char *rank = find(environment, "SLURM_PROCID");
	const char *restart = find(environment, "SLURM_RESTART_COUNT");
	char truth[JEM_JOB_ID_MAX];

	if (!job)
		return false;
	if (rank && !step && !strcmp(rank, "0"))
		rank = NULL;
	if (restart && !strcmp(restart, "0"))
		restart = NULL;
	snprintf(truth, sizeof(truth), "%s%s%s%s%s%s%s", job, step ? "." : "", step ? step : "",
		 rank ? "-" : "", rank ? rank : "", restart ? "-r" : "", restart ? restart : "");
	set(id, "Slurm", truth);
	return true;
}

/* HOST-YYYYmmddTHHMMSS-PID (UTC), cut so that it is a valid name as a rule. */
static void from_place_and_time(struct jem_job_id *id)
{
	char host[256] = "";
	char when[32];
	char truth[JEM_JOB_ID_MAX];
	time_t now = time(NULL);
	struct tm utc;

	if (gethostname(host, sizeof(host) - 1) < 0 || !*host)
		strcpy(host, "host");
	host[strcspn(host, ".")] = '\0';
	gmtime_r(&now, &utc);
	strftime(when, sizeof(when), "%Y%m%dT%H%M%S", &utc);
	snprintf(truth, sizeof(truth), "%.20s-%s-%d", host, when, (int)getpid());
	set(id, "host, time and pid", truth);
}

static const struct variable {
	const char *name;
	const char *system;
} panda[] = { { "PandaID", "PanDA" }, { "PANDAID", "PanDA" }, { NULL, NULL } },
  others[] = { { "PBS_JOBID", "PBS" }, { "LSB_JOBID", "LSF" }, { NULL, NULL } };

static bool from_variable(struct jem_job_id *id, char *const *environment,
			  const struct variable *variable)
{
	for (; variable->name; variable++) {
		const char *value = find(environment, variable->name);

		if (value) {
			set(id, variable->system, value);
			return true;
		}
	}
	return false;
}

void jem_job_id_find(struct jem_job_id *id, const char *given, char *const *environment)
{
	const char *ad = find(environment, "_CONDOR_JOB_AD");

	*id = (struct jem_job_id){ .origin = NULL };
	id->is_panda = from_variable(id, environment, panda);
	if (given && *given)
		set(id, "given", given);
	else if (!id->is_panda && !(ad && from_condor(id, ad)) && !from_slurm(id, environment) &&
		 !from_variable(id, environment, others))
		from_place_and_time(id);
	(void)jem_name_reduce(id->truth, id->name);
}
