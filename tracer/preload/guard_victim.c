/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of the paper (section 4.4): a victim thread reads for the others and may die of it; a watchdog
 * thread waits for its death, tells the one who asked, and starts the next one.
 *
 * Both are made by clone alone: libc does not know them, so that its count of threads, its locks and
 * the program's key destructors are not touched. They have a zeroed thread-local block of their
 * own and block all signals; the victim opens SIGSEGV and SIGBUS for its copy.
 */
#include "tracer/preload/guard_backend.h"

#include "tracer/preload/guard_load.h"
#include "tracer/preload/raw.h"
#include "tracer/preload/signals.h"

#if defined(__x86_64__)

#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

enum {
	PAGE = 4096,
	REGION =
		1
		<< 16, /* of a thread: its stack below, its thread-local block in the middle of the rest */
	STACK = REGION / 2,
	TLS_AT = STACK + REGION / 4,
	LOCK_TRIES = 10,  /* of a millisecond */
	REPLY_TRIES = 10, /* of ten milliseconds */
	REPLY_SPINS = 200,
	MASK_BYTES = 8,
};

enum turn {
	IDLE,
	POSTED,
	COPIED,
	UNREADABLE,
	REFUSED,
	STOPPED,
};

/* The piece of shared memory. */
static struct {
	uint32_t lock;       /* tid of the thread that asks, 0: free */
	uint32_t turn;       /* enum turn; futex */
	uint32_t victim_tid; /* cleared by the kernel at its death; futex */
	uint32_t watchdog_tid;
	uint32_t deaths;
	uint32_t is_broken; /* somebody waited in vain: never again in this process */
	uint32_t is_started;
	uint32_t forks; /* when it was started */
	uint64_t from;
	size_t len;
	char *regions; /* of watchdog and victim; never unmapped */
	char bytes[PAGE];
} victim;

long jem_guard_clone(unsigned long flags, char *stack, uint32_t *tid, char *tls, void (*run)(void));

/* The kernel's order of arguments: flags, stack, parent's tid, child's tid, thread-local block. */
__asm__(".text\n"
	".p2align 4\n"
	".hidden jem_guard_clone\n"
	".globl jem_guard_clone\n"
	".type jem_guard_clone, @function\n"
	"jem_guard_clone:\n"
	".cfi_startproc\n"
	"	endbr64\n"
	"	mov %r8, %r9\n"
	"	mov %rcx, %r8\n"
	"	mov %rdx, %r10\n"
	"	mov $56, %eax\n" /* clone */
	"	syscall\n"
	"	test %rax, %rax\n"
	"	jz 1f\n"
	"	ret\n"
	".cfi_endproc\n"
	"1:	xor %ebp, %ebp\n"
	"	call *%r9\n"
	".hidden jem_guard_die\n"
	".globl jem_guard_die\n"
	"jem_guard_die:\n"
	"	xor %edi, %edi\n"
	"	mov $60, %eax\n" /* exit, of this thread */
	"	syscall\n"
	"	hlt\n"
	".size jem_guard_clone, . - jem_guard_clone\n");
_Static_assert(SYS_clone == 56 && SYS_exit == 60, "numbers of the stub");

/* --- futexes ------------------------------------------------------------------------------------ */

JEM_ALONE static void wait_for_change(uint32_t *word, uint32_t seen, long timeout_ns)
{
	struct timespec time = { .tv_nsec = timeout_ns };

	/* Not a private one where the kernel wakes: the death of a thread is told to the shared kind. */
	jem_raw(SYS_futex, (long)word, FUTEX_WAIT, seen, (long)(timeout_ns ? &time : NULL), 0, 0);
}

JEM_ALONE static void wake(uint32_t *word)
{
	jem_raw(SYS_futex, (long)word, FUTEX_WAKE, INT_MAX, 0, 0, 0);
}

JEM_ALONE static void set(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
	wake(word);
}

/* --- the two threads ---------------------------------------------------------------------------- */

/* The copy that may be the victim's last deed. */
JEM_ALONE static void copy_or_die(void)
{
	void *to = victim.bytes;
	uint64_t from = victim.from;
	size_t len = victim.len;

	__asm__ volatile("1: rep movsb\n" JEM_GUARD_FIXUP("1b", "jem_guard_die")
			 : "+D"(to), "+S"(from), "+c"(len)
			 :
			 : "memory");
}

/*
 * The two signals are open only while it copies, and not while one waits that was sent to the program:
 * this thread must not take it.
 */
JEM_ALONE static enum turn serve(void)
{
	uint64_t mask = 1ull << (SIGSEGV - 1) | 1ull << (SIGBUS - 1);
	uint64_t pending = 0;

	jem_raw(SYS_rt_sigpending, (long)&pending, MASK_BYTES, 0, 0, 0, 0);
	if (pending & mask)
		return REFUSED;
	jem_raw(SYS_rt_sigprocmask, SIG_UNBLOCK, (long)&mask, 0, MASK_BYTES, 0, 0);
	copy_or_die();
	jem_raw(SYS_rt_sigprocmask, SIG_BLOCK, (long)&mask, 0, MASK_BYTES, 0, 0);
	return COPIED;
}

JEM_ALONE static void run_victim(void)
{
	uint32_t turn;

	for (;;) {
		turn = __atomic_load_n(&victim.turn, __ATOMIC_ACQUIRE);
		if (turn == STOPPED)
			return;
		if (turn == POSTED)
			set(&victim.turn, serve());
		else
			wait_for_change(&victim.turn, turn, 0);
	}
}

JEM_ALONE static bool start_thread(unsigned number, uint32_t *tid, void (*run)(void))
{
	char *region = victim.regions + number * REGION;
	char *tls = region + TLS_AT;

	*(char **)(void *)tls = tls; /* the block's pointer to itself */
	return jem_guard_clone(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
				       CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |
				       CLONE_CHILD_CLEARTID,
			       region + STACK, tid, tls, run) > 0;
}

JEM_ALONE static void run_watchdog(void)
{
	uint32_t tid;

	while (!__atomic_load_n(&victim.is_broken, __ATOMIC_ACQUIRE) &&
	       start_thread(1, &victim.victim_tid, run_victim)) {
		while ((tid = __atomic_load_n(&victim.victim_tid, __ATOMIC_ACQUIRE)))
			wait_for_change(&victim.victim_tid, tid, 0);
		__atomic_add_fetch(&victim.deaths, 1, __ATOMIC_RELAXED);
		if (__atomic_load_n(&victim.turn, __ATOMIC_ACQUIRE) == POSTED)
			set(&victim.turn, UNREADABLE);
	}
	__atomic_store_n(&victim.is_broken, 1, __ATOMIC_RELEASE);
}

static bool start_watchdog(void)
{
	uint64_t all = UINT64_MAX;
	uint64_t before;
	bool is_started;

	jem_raw(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&before, MASK_BYTES, 0, 0);
	is_started = start_thread(0, &victim.watchdog_tid, run_watchdog);
	jem_raw(SYS_rt_sigprocmask, SIG_SETMASK, (long)&before, 0, MASK_BYTES, 0, 0);
	return is_started;
}

bool jem_guard_victim_start(void)
{
	uint32_t forks = jem_signals_forks();
	uint32_t started = __atomic_load_n(&victim.is_started, __ATOMIC_ACQUIRE);
	long regions;

	/* Forked, and the threads are not here; in the child there is one thread to see it. */
	if (started && victim.forks != forks &&
	    __atomic_compare_exchange_n(&victim.forks, &(uint32_t){ victim.forks }, forks, false,
					__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		__atomic_store_n(&victim.lock, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&victim.turn, IDLE, __ATOMIC_RELEASE);
		return start_watchdog();
	}
	if (started)
		return !__atomic_load_n(&victim.is_broken, __ATOMIC_ACQUIRE);
	if (!__atomic_compare_exchange_n(&victim.is_started, &started, 1, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		return true;
	victim.forks = forks;
	regions = jem_raw(SYS_mmap, 0, 2 * REGION, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (regions < 0 && regions > -PAGE) {
		__atomic_store_n(&victim.is_broken, 1, __ATOMIC_RELEASE);
		return false;
	}
	victim.regions = (char *)regions;
	return start_watchdog();
}

/*
 * A thread of ours that is left keeps a process alive whose last own thread ends by the bare system
 * call; the one that is last also gives the exit status. So they are waited for, a while.
 */
void jem_guard_victim_stop(void)
{
	uint32_t tid;

	__atomic_store_n(&victim.is_broken, 1, __ATOMIC_RELEASE);
	if (!__atomic_load_n(&victim.is_started, __ATOMIC_ACQUIRE) ||
	    victim.forks != jem_signals_forks())
		return;
	set(&victim.turn, STOPPED);
	for (int i = 0; i < REPLY_TRIES; i++) {
		tid = __atomic_load_n(&victim.watchdog_tid, __ATOMIC_ACQUIRE);
		if (tid)
			wait_for_change(&victim.watchdog_tid, tid, 10000000);
	}
}

uint32_t jem_guard_victim_deaths(void)
{
	return __atomic_load_n(&victim.deaths, __ATOMIC_RELAXED);
}

/* --- who asks ----------------------------------------------------------------------------------- */

/* A handler that interrupts the one who asks must not wait for it, nor anybody for one that jumped away. */
static bool take(void)
{
	uint32_t tid = (uint32_t)jem_raw(SYS_gettid, 0, 0, 0, 0, 0, 0);
	uint32_t holder;

	for (int i = 0; i < LOCK_TRIES; i++) {
		holder = 0;
		if (__atomic_compare_exchange_n(&victim.lock, &holder, tid, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return true;
		if (holder == tid)
			return false;
		wait_for_change(&victim.lock, holder, 1000000);
	}
	return false;
}

/* Never more than a tenth of a second, after which nobody asks again: the job comes first. */
static enum turn ask(uint64_t from, size_t len)
{
	uint32_t turn;

	victim.from = from;
	victim.len = len;
	set(&victim.turn, POSTED);
	for (int i = 0; i < REPLY_SPINS + REPLY_TRIES; i++) {
		turn = __atomic_load_n(&victim.turn, __ATOMIC_ACQUIRE);
		if (turn != POSTED)
			return turn;
		if (i < REPLY_SPINS)
			__asm__ volatile("pause");
		else
			wait_for_change(&victim.turn, POSTED, 10000000);
	}
	__atomic_store_n(&victim.is_broken, 1, __ATOMIC_RELEASE);
	return IDLE;
}

int jem_guard_victim_copy(void *to, uint64_t from, size_t len)
{
	enum turn turn;

	if (__atomic_load_n(&victim.is_broken, __ATOMIC_ACQUIRE) || len > sizeof(victim.bytes) ||
	    victim.forks != jem_signals_forks() || !take())
		return -1;
	turn = ask(from, len);
	if (turn == COPIED)
		memcpy(to, victim.bytes, len);
	__atomic_store_n(&victim.lock, 0, __ATOMIC_RELEASE);
	wake(&victim.lock);
	return turn == COPIED ? 1 : turn == UNREADABLE ? 0 : -1;
}

#else

bool jem_guard_victim_start(void)
{
	return false;
}

int jem_guard_victim_copy(void *to, uint64_t from, size_t len)
{
	(void)to;
	(void)from;
	(void)len;
	return -1;
}

void jem_guard_victim_stop(void)
{
}

uint32_t jem_guard_victim_deaths(void)
{
	return 0;
}

#endif
