/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/preload/signals.h"

#include "tracer/preload/guard_load.h"
#include "tracer/preload/next.h"
#include "tracer/preload/raw.h"
#include "tracer/preload/signals_stack.h"

#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>

#if defined(__x86_64__)

enum {
	SIGNAL_COUNT = 65,
	MASK_BYTES = 8,
	PAGE = 4096,
	ADOPT_TRIES = 16,
};

#define SA_RESTORER_FLAG 0x04000000ul

/*
 * What the program has set where the kernel has ours, one word a signal: the handler, and in its top
 * bits the flags that ours has not in common. One word, so that a handler never sees half a change.
 */
#define WORD_RESTORER  (1ull << 59)
#define WORD_SIGINFO   (1ull << 60)
#define WORD_RESETHAND (1ull << 61)
#define WORD_ONSTACK   (1ull << 62)
#define WORD_NODEFER   (1ull << 63)
#define WORD_HANDLER   (WORD_RESTORER - 1)

enum state {
	OFF = 0,
	STARTING,
	ON,
};

JEM_HIDDEN JEM_TLS uint64_t jem_signals_until;
JEM_HIDDEN uint64_t jem_signals_words[SIGNAL_COUNT];

static uint32_t state;
static uint32_t forbidden; /* enum jem_signals_forbidden */
static void (*on_forbidden)(unsigned what);
static void (*libc_restorer)(void);
/* Wiped by fork, shared by vfork: tells the two kinds of child apart. NULL: never started. */
static uint32_t *unforked;
static int32_t owner_pid;
static uint32_t forks;

void jem_signal_fault(int sig);
void jem_signal_pass(int sig);
void jem_signal_restore(void);
void (*jem_signal_route(int sig, siginfo_t *info, ucontext_t *context))(int);

/*
 * Both leave by a jump, with the stack as the kernel made it: no frame of ours is in a backtrace, and
 * longjmp out of the program's handler leaves nothing behind. The restorer has the bytes by
 * which unwinders know a signal frame, for processes that never had one of libc's.
 */
__asm__(".text\n"
	".p2align 4\n"
	".hidden jem_signal_fault\n"
	".globl jem_signal_fault\n"
	".type jem_signal_fault, @function\n"
	"jem_signal_fault:\n"
	".cfi_startproc\n"
	"	endbr64\n"
	"	push %rdi\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	push %rsi\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	push %rdx\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	cld\n"
	"	call jem_signal_route\n"
	"	pop %rdx\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	pop %rsi\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	pop %rdi\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	test %rax, %rax\n"
	"	jz 1f\n"
	"	mov %rax, %rcx\n"
	"	xor %eax, %eax\n"
	"	jmp *%rcx\n"
	"1:	ret\n"
	".cfi_endproc\n"
	".size jem_signal_fault, . - jem_signal_fault\n"
	".p2align 4\n"
	".hidden jem_signal_pass\n"
	".globl jem_signal_pass\n"
	".type jem_signal_pass, @function\n"
	"jem_signal_pass:\n"
	".cfi_startproc\n"
	"	endbr64\n"
	"	mov jem_signals_until@gottpoff(%rip), %rax\n"
	"	movq $0, %fs:(%rax)\n"
	"	lea jem_signals_words(%rip), %rax\n"
	"	movslq %edi, %rcx\n"
	"	mov (%rax,%rcx,8), %rcx\n"
	"	shl $5, %rcx\n" /* WORD_HANDLER */
	"	shr $5, %rcx\n"
	"	xor %eax, %eax\n"
	"	jmp *%rcx\n"
	".cfi_endproc\n"
	".size jem_signal_pass, . - jem_signal_pass\n"
	".p2align 4\n"
	"	nop\n" /* unwinders look up the byte before */
	".hidden jem_signal_restore\n"
	".globl jem_signal_restore\n"
	".type jem_signal_restore, @function\n"
	"jem_signal_restore:\n"
	"	mov $15, %rax\n"
	"	syscall\n"
	".size jem_signal_restore, . - jem_signal_restore\n");

static bool is_fault(int sig)
{
	return sig == SIGSEGV || sig == SIGBUS;
}

JEM_ALONE static bool is_real(void (*handler)(int))
{
	return handler != SIG_DFL && handler != SIG_IGN;
}

static bool is_ours(void (*handler)(int))
{
	return handler == jem_signal_fault || handler == jem_signal_pass;
}

static int ask_kernel(int sig, const struct jem_signals_action *act, struct jem_signals_action *old)
{
	return (int)jem_raw(SYS_rt_sigaction, sig, (long)act, (long)old, MASK_BYTES, 0, 0);
}

static struct jem_signals_action kernel_action_now(int sig)
{
	struct jem_signals_action seen = { .handler = SIG_DFL };

	ask_kernel(sig, NULL, &seen);
	return seen;
}

static bool has_handler(int sig)
{
	return kernel_action_now(sig).handler == jem_signal_fault;
}

static uint64_t word_of(const struct jem_signals_action *act)
{
	uint64_t word = (uint64_t)(uintptr_t)act->handler & WORD_HANDLER;

	word |= act->flags & SA_RESTORER_FLAG ? WORD_RESTORER : 0;
	word |= act->flags & SA_SIGINFO ? WORD_SIGINFO : 0;
	word |= act->flags & SA_RESETHAND ? WORD_RESETHAND : 0;
	word |= act->flags & SA_ONSTACK ? WORD_ONSTACK : 0;
	word |= act->flags & SA_NODEFER ? WORD_NODEFER : 0;
	return word;
}

JEM_ALONE static void (*handler_of(uint64_t word))(int)
{
	return (void (*)(int))(uintptr_t)(word & WORD_HANDLER);
}

/* --- when a signal comes ------------------------------------------------------------------------ */

/*
 * The program's action is the default one: death. A fault happens again once the default is in place, with
 * the very registers, si_code and si_addr. What was sent is sent again as it was; it is blocked
 * until this handler has returned, so that the core file shows where it came.
 */
static void die_by_default(int sig, const siginfo_t *info)
{
	struct jem_signals_action by_default = { .flags = SA_RESTORER_FLAG,
						 .restorer = jem_signal_restore };

	ask_kernel(sig, &by_default, NULL);
	if (info->si_code > 0 && !(sig == SIGBUS && info->si_code == BUS_MCEERR_AO))
		return;
	jem_raw(SYS_rt_tgsigqueueinfo, jem_raw(SYS_getpid, 0, 0, 0, 0, 0, 0),
		jem_raw(SYS_gettid, 0, 0, 0, 0, 0, 0), sig, (long)info, 0, 0);
}

/* The program's handler, to be jumped to; NULL: return to where the signal came from. */
JEM_ALONE JEM_HIDDEN __attribute__((used)) void (*jem_signal_route(int sig, siginfo_t *info,
								   ucontext_t *context))(int)
{
	greg_t *pc = &context->uc_mcontext.gregs[REG_RIP];
	uint64_t *word = &jem_signals_words[sig];
	uint64_t seen = __atomic_load_n(word, __ATOMIC_ACQUIRE);
	uintptr_t go_on;

	if (info->si_code > 0) { /* a signal that is sent may come while a load is under way */
		go_on = jem_guard_fixup((uintptr_t)*pc);
		if (go_on) {
			*pc = (greg_t)go_on;
			return NULL;
		}
	}
	/* The kernel would have reset the handler, and nothing else. */
	while ((seen & WORD_RESETHAND) && is_real(handler_of(seen)) &&
	       !__atomic_compare_exchange_n(word, &seen, seen & ~WORD_HANDLER, false,
					    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		;
	jem_signals_until = 0; /* its mask holds while it runs */
	if (handler_of(seen) == SIG_DFL) {
		die_by_default(sig, info);
		return NULL;
	}
	return handler_of(seen) == SIG_IGN ? NULL : handler_of(seen);
}

/* --- what the program sets and sees ------------------------------------------------------------- */

bool jem_signals_is_on(void)
{
	return __atomic_load_n(&state, __ATOMIC_ACQUIRE) == ON;
}

/*
 * A child of vfork has the memory of its parent, but actions of its own: what it changes must not
 * be noted. A child of fork has a copy of both.
 */
static bool is_vforked(void)
{
	long pid = jem_raw(SYS_getpid, 0, 0, 0, 0, 0, 0);

	return pid != __atomic_load_n(&owner_pid, __ATOMIC_RELAXED) &&
	       __atomic_load_n(unforked, __ATOMIC_RELAXED);
}

uint32_t jem_signals_forks(void)
{
	uint32_t wiped = 0;

	if (unforked && !__atomic_load_n(unforked, __ATOMIC_ACQUIRE)) {
		__atomic_store_n(&owner_pid, (int32_t)jem_raw(SYS_getpid, 0, 0, 0, 0, 0, 0),
				 __ATOMIC_RELAXED);
		if (__atomic_compare_exchange_n(unforked, &wiped, 1, false, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE)) {
			jem_signals_stack_forked();
			__atomic_add_fetch(&forks, 1, __ATOMIC_RELEASE);
		}
	}
	return __atomic_load_n(&forks, __ATOMIC_ACQUIRE);
}

/* What the kernel shall have where the program wants `act`. */
static struct jem_signals_action kernel_action(int sig, const struct jem_signals_action *act)
{
	struct jem_signals_action ours = *act;

	if (!is_fault(sig)) {
		ours.handler = jem_signal_pass;
		return ours;
	}
	ours.handler = jem_signal_fault;
	ours.flags |= SA_SIGINFO;
	ours.flags &= ~(unsigned long)SA_RESETHAND;
	if (act->handler == SIG_DFL) {
		/* On the other stack, if there is one: the fault may be that of a full stack. */
		ours.flags |= SA_ONSTACK;
		ours.flags &= ~(unsigned long)SA_NODEFER;
	}
	if (!(ours.flags & SA_RESTORER_FLAG)) {
		ours.flags |= SA_RESTORER_FLAG;
		ours.restorer = jem_signals_restorer();
	}
	return ours;
}

static bool is_wrapped(int sig, const struct jem_signals_action *act)
{
	if (is_fault(sig))
		return act->handler != SIG_IGN;
	return is_real(act->handler) && jem_signals_blocks(act->mask);
}

static void show(int sig, uint64_t word, struct jem_signals_action *action)
{
	unsigned long differing =
		SA_RESTORER_FLAG | SA_SIGINFO | SA_RESETHAND | SA_ONSTACK | SA_NODEFER;

	if (!is_ours(action->handler))
		return;
	action->handler = handler_of(word);
	if (!is_fault(sig))
		return;
	action->flags &= ~differing;
	action->flags |= word & WORD_RESTORER ? SA_RESTORER_FLAG : 0;
	action->flags |= word & WORD_SIGINFO ? SA_SIGINFO : 0;
	action->flags |= word & WORD_RESETHAND ? SA_RESETHAND : 0;
	action->flags |= word & WORD_ONSTACK ? SA_ONSTACK : 0;
	action->flags |= word & WORD_NODEFER ? SA_NODEFER : 0;
}

/*
 * The word goes first: a handler of ours that starts from then on finds where to go. It stays when ours
 * leaves, because one that has been started may not have read it yet.
 */
int jem_signals_change(int sig, const struct jem_signals_action *act,
		       struct jem_signals_action *old)
{
	struct jem_signals_action wanted;
	struct jem_signals_action before;
	uint64_t word;
	int ret;

	if (sig <= 0 || sig >= SIGNAL_COUNT || !jem_signals_is_on())
		return ask_kernel(sig, act, old);
	jem_signals_forks();
	word = __atomic_load_n(&jem_signals_words[sig], __ATOMIC_ACQUIRE);
	if (act && (act->flags & SA_ONSTACK) && is_real(act->handler))
		jem_signals_stack_withdraw();
	if (!act) {
		ret = ask_kernel(sig, NULL, old);
	} else if (is_vforked() || !is_wrapped(sig, act)) {
		jem_signals_until = 0;
		wanted = *act; /* `old` may be the same memory */
		ret = ask_kernel(sig, &wanted, &before);
		if (!ret && old)
			*old = before;
	} else {
		wanted = kernel_action(sig, act);
		word = __atomic_exchange_n(&jem_signals_words[sig], word_of(act), __ATOMIC_ACQ_REL);
		ret = ask_kernel(sig, &wanted, &before);
		if (!ret && old)
			*old = before;
	}
	if (!ret && old)
		show(sig, word, old);
	return ret;
}

void (*jem_signals_shown(int sig, void (*handler)(int)))(int)
{
	if (sig <= 0 || sig >= SIGNAL_COUNT || !is_ours(handler))
		return handler;
	return handler_of(__atomic_load_n(&jem_signals_words[sig], __ATOMIC_ACQUIRE));
}

/* Another thread may change the action meanwhile: what was replaced tells, and is adopted in turn. */
void jem_signals_adopt(int sig)
{
	struct jem_signals_action seen;
	struct jem_signals_action wanted;
	struct jem_signals_action before;

	if (ask_kernel(sig, NULL, &seen) < 0)
		return;
	for (int i = 0; i < ADOPT_TRIES; i++) {
		if (is_ours(seen.handler))
			return;
		if ((seen.flags & SA_ONSTACK) && is_real(seen.handler))
			jem_signals_stack_withdraw();
		if (!is_wrapped(sig, &seen))
			return;
		wanted = kernel_action(sig, &seen);
		__atomic_store_n(&jem_signals_words[sig], word_of(&seen), __ATOMIC_RELEASE);
		if (ask_kernel(sig, &wanted, &before) < 0 || before.handler == seen.handler)
			return;
		seen = before;
	}
}

void (*jem_signals_restorer(void))(void)
{
	return libc_restorer ? libc_restorer : jem_signal_restore;
}

/* --- start -------------------------------------------------------------------------------------- */

/*
 * libc's own restorer makes a backtrace look as ever. It is seen where libc has set an action; where it
 * never has, it is asked to set one again that changes nothing.
 */
static void find_restorer(void)
{
	int (*libc_sigaction)(int, const struct sigaction *, struct sigaction *);
	struct jem_signals_action seen;
	struct sigaction same;

	for (int sig = 1; sig < SIGNAL_COUNT && !libc_restorer; sig++) {
		if (ask_kernel(sig, NULL, &seen) == 0 && (seen.flags & SA_RESTORER_FLAG))
			libc_restorer = seen.restorer;
	}
	libc_sigaction = jem_next("sigaction");
	if (libc_restorer || !libc_sigaction || ask_kernel(SIGBUS, NULL, &seen) < 0 ||
	    libc_sigaction(SIGBUS, NULL, &same) < 0 || libc_sigaction(SIGBUS, &same, NULL) < 0)
		return;
	libc_restorer = kernel_action_now(SIGBUS).restorer;
	ask_kernel(SIGBUS, &seen, NULL); /* with flags that nobody can tell from before */
}

static uint32_t *map_wiped_by_fork(void)
{
	long page = jem_raw(SYS_mmap, 0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	if (page < 0 && page > -PAGE)
		return NULL;
	if (jem_raw(SYS_madvise, page, PAGE, MADV_WIPEONFORK, 0, 0, 0) < 0) {
		jem_raw(SYS_munmap, page, PAGE, 0, 0, 0, 0);
		return NULL;
	}
	return (uint32_t *)page;
}

bool jem_signals_start(void)
{
	uint32_t off = OFF;

	if (jem_signals_is_on())
		return has_handler(SIGSEGV) && has_handler(SIGBUS);
	if (!jem_signals_may_call() ||
	    !__atomic_compare_exchange_n(&state, &off, STARTING, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		return false;
	unforked = map_wiped_by_fork();
	if (!unforked) {
		__atomic_store_n(&state, OFF, __ATOMIC_RELEASE);
		return false;
	}
	*unforked = 1;
	owner_pid = (int32_t)jem_raw(SYS_getpid, 0, 0, 0, 0, 0, 0);
	find_restorer();
	/* From now on changes come to us; those under way are adopted by their interposers. */
	__atomic_store_n(&state, ON, __ATOMIC_RELEASE);
	for (int sig = 1; sig < SIGNAL_COUNT; sig++) {
		if (sig != SIGKILL && sig != SIGSTOP)
			jem_signals_adopt(sig);
	}
	return has_handler(SIGSEGV) && has_handler(SIGBUS);
}

bool jem_signals_may_call(void)
{
	return !(__atomic_load_n(&forbidden, __ATOMIC_RELAXED) & JEM_FORBIDDEN_CALLS);
}

bool jem_signals_may_read_clock(void)
{
	return !(__atomic_load_n(&forbidden, __ATOMIC_RELAXED) & JEM_FORBIDDEN_CLOCK);
}

void jem_signals_on_forbidden(void (*react)(unsigned what))
{
	__atomic_store_n(&on_forbidden, react, __ATOMIC_RELEASE);
}

void jem_signals_forbid(unsigned what)
{
	void (*react)(unsigned) = __atomic_load_n(&on_forbidden, __ATOMIC_ACQUIRE);

	if (react && (what & ~__atomic_load_n(&forbidden, __ATOMIC_RELAXED)))
		react(what);
	__atomic_or_fetch(&forbidden, what, __ATOMIC_RELAXED);
}

/*
 * The trust is noted first: what comes in between takes it back. Under seccomp nobody can be asked, and
 * the mask can change only by a handler, which takes the trust back for good.
 */
bool jem_signals_ask(uint64_t ticks)
{
	uint64_t mask = UINT64_MAX;

	if (!jem_signals_is_on())
		return false;
	if (!jem_signals_may_call())
		return jem_signals_until != 0;
	jem_signals_stack_offer();
	__atomic_store_n(&jem_signals_until, ticks + JEM_SIGNALS_TRUST_TICKS, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (jem_raw(SYS_rt_sigprocmask, SIG_BLOCK, 0, (long)&mask, MASK_BYTES, 0, 0) == 0 &&
	    !jem_signals_blocks(mask) && has_handler(SIGSEGV) && has_handler(SIGBUS))
		return true;
	jem_signals_until = 0;
	return false;
}

#else

JEM_HIDDEN JEM_TLS uint64_t jem_signals_until;

/* No load is redirected on other machines yet: every guarded read is a system call there. */
bool jem_signals_start(void)
{
	return false;
}

bool jem_signals_ask(uint64_t ticks)
{
	(void)ticks;
	return false;
}

bool jem_signals_may_call(void)
{
	return true;
}

bool jem_signals_may_read_clock(void)
{
	return true;
}

void jem_signals_on_forbidden(void (*react)(unsigned what))
{
	(void)react;
}

uint32_t jem_signals_forks(void)
{
	return 0;
}

#endif
