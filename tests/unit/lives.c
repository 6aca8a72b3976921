/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/lives.h"

#include "tests/unit/check.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What of the sender outlives the receiver. */
struct shared {
	uint8_t is_settled[LIVES_BATCHES];
	uint32_t random;
};

static struct shared *shared;
static uint64_t batch_of[FEEDER_TICKETS];

void lives_open(const struct lives_sender *sender)
{
	const char *seed = getenv("JEM_TEST_SEED");

	CHECK(sender->batches <= LIVES_BATCHES);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	CHECK(shared != MAP_FAILED);
	shared->random = seed ? (uint32_t)strtoul(seed, NULL, 10) : (uint32_t)time(NULL);
	printf("# JEM_TEST_SEED=%" PRIu32 "\n", shared->random);
}

void lives_close(void)
{
	munmap(shared, sizeof(*shared));
}

uint32_t lives_random(uint32_t bound)
{
	shared->random = shared->random * 1664525 + 1013904223;
	return (shared->random >> 8) % bound;
}

bool lives_is_settled(uint64_t seq)
{
	return shared->is_settled[seq];
}

/* Outcomes reach the sender; what it does not learn before the kill it sends again. */
static bool note_outcomes(const struct lives_sender *sender)
{
	const struct feeder *feeder = sender->feeder;
	bool is_all = true;

	for (uint64_t ticket = 0; ticket < feeder->next_ticket; ticket++)
		if (feeder->settled[ticket])
			shared->is_settled[batch_of[ticket]] = 1;
	for (uint64_t seq = 0; seq < sender->batches; seq++)
		is_all &= shared->is_settled[seq];
	return is_all;
}

static void arm_kill(uint32_t micros)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };
	struct itimerspec when = { .it_value = { micros / 1000000,
						 (long)(micros % 1000000) * 1000 } };
	timer_t timer;

	CHECK_OK(timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &timer));
	CHECK_OK(timer_settime(timer, 0, &when, NULL));
}

static void send_batch(const struct lives_sender *sender, uint64_t seq)
{
	batch_of[sender->feeder->next_ticket] = seq;
	sender->send(seq);
}

/* Sends what is not settled, in order, some of it twice. */
static void live(const struct lives_sender *sender, bool is_killed)
{
	/* As if the connection were lost before any outcome came back. */
	bool is_deaf = sender->is_lossy && is_killed && !lives_random(3);

	if (is_killed)
		arm_kill(sender->life_us());
	feeder_open(sender->feeder);
	for (uint64_t seq = 0; seq < sender->batches; seq++) {
		if (shared->is_settled[seq])
			continue;
		send_batch(sender, seq);
		if (sender->is_lossy && !lives_random(20))
			send_batch(sender, seq);
		if (lives_random(3))
			continue;
		feeder_pass(sender->feeder);
		if (!is_deaf)
			note_outcomes(sender);
	}
	do {
		uv_run(&sender->feeder->loop, UV_RUN_ONCE);
	} while (!note_outcomes(sender));
	feeder_close(sender->feeder);
}

/* Whether it came to its end. */
static bool spawn(const struct lives_sender *sender, bool is_killed)
{
	int status;
	pid_t pid = fork();

	CHECK_OK(pid);
	if (!pid) {
		close(STDERR_FILENO); /* it tells how it goes on, every time */
		CHECK_EQ(open("/dev/null", O_WRONLY), STDERR_FILENO);
		live(sender, is_killed);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
	return WIFEXITED(status);
}

int lives_kill(const struct lives_sender *sender, int kills, void (*damage)(void))
{
	int killed = 0;

	if (getenv("JEM_TEST_LONG"))
		kills = 300;
	for (; killed < kills && !spawn(sender, true); killed++)
		if (damage && lives_random(2))
			damage();
	printf("# killed %d times\n", killed);
	fflush(stdout);
	return killed;
}

void lives_finish(const struct lives_sender *sender)
{
	while (!spawn(sender, false))
		;
}

int lives_open_folder(const struct feeder *feeder, const char *name)
{
	char path[400];
	int fd;

	snprintf(path, sizeof(path), "%s/site/user/job/%s", feeder->out, name);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK_OK(fd);
	return fd;
}
