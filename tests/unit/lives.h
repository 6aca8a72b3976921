/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lives: a receiver that is killed at random points of its processor time, again and again, while a
 * sender sends whatever is not settled, as a publisher does.
 *
 * Every life is a process of its own; what the sender knows is in memory that they share. The seed is
 * printed; JEM_TEST_SEED gives it, JEM_TEST_LONG kills 300 times.
 */
#ifndef JEM_TESTS_UNIT_LIVES_H
#define JEM_TESTS_UNIT_LIVES_H

#include "tests/unit/feeder.h"

enum {
	LIVES_BATCHES = 1000
};

struct lives_sender {
	struct feeder *feeder;
	uint64_t batches; /* at most LIVES_BATCHES */
	void (*send)(uint64_t seq);
	uint32_t (*life_us)(void); /* when the next one is killed */
	bool is_lossy;             /* batches come twice, outcomes get lost with the connection */
};

/* Nothing is settled. The feeder has its config. */
void lives_open(const struct lives_sender *sender);
void lives_close(void);

uint32_t lives_random(uint32_t bound);
bool lives_is_settled(uint64_t seq);

/*
 * At most `kills` lives (JEM_TEST_LONG: 300), until one comes to its end: how many were killed. `damage`
 * is called after every second kill or so; NULL: nothing is.
 */
int lives_kill(const struct lives_sender *sender, int kills, void (*damage)(void));
/* A life that comes to its end: everything is settled. */
void lives_finish(const struct lives_sender *sender);

/* A folder below the job's, "." is itself. */
int lives_open_folder(const struct feeder *feeder, const char *name);

#endif
