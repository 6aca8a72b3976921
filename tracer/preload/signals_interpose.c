/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/preload/signals_interpose.h"

#include "tracer/preload/guard.h"
#include "tracer/preload/guard_backend.h"
#include "tracer/preload/next.h"
#include "tracer/preload/raw.h"
#include "tracer/preload/signals.h"
#include "tracer/preload/signals_stack.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/syscall.h>

#if defined(__x86_64__)

#define EXPORT __attribute__((visibility("default")))
/* The attributes that <signal.h> gives the target. */
#define ALIAS(target) __attribute__((alias(target), nothrow, leaf))

#pragma GCC diagnostic ignored                                                                     \
	"-Wdeprecated-declarations" /* they are here to be called by old programs */

enum {
	SIGNAL_COUNT = 65,
	LIBC_SIGNALS_FROM = 32, /* 32 and 33 belong to libc */
	LIBC_SIGNALS_TO = 33,
	MASK_BYTES = 8,
	SIG_HOLD_ = 2,
};

enum {
#define JEM_INTERPOSED(name) NEXT_##name,
	JEM_INTERPOSED_ALL(JEM_INTERPOSED)
#undef JEM_INTERPOSED
	NEXT_COUNT
};

/* The functions of the name further down in the order of look-up; found at the first call. */
JEM_HIDDEN void *jem_interposed_next[NEXT_COUNT];

/* Of signals whose signal() shall not restart system calls; libc keeps such a set for itself. */
static uint64_t interrupting;

void *jem_interposed_find(unsigned index);

JEM_HIDDEN __attribute__((used)) void *jem_interposed_find(unsigned index)
{
	static const char names[NEXT_COUNT][24] = {
#define JEM_INTERPOSED(name) #name,
		JEM_INTERPOSED_ALL(JEM_INTERPOSED)
#undef JEM_INTERPOSED
	};
	void *found = __atomic_load_n(&jem_interposed_next[index], __ATOMIC_RELAXED);

	if (found)
		return found;
	found = jem_next(names[index]);
	__atomic_store_n(&jem_interposed_next[index], found, __ATOMIC_RELAXED);
	return found;
}

/* A variable of the function's own type, which the next function of the name is put into. */
#define NEXT(name)                                                                                 \
	__typeof__(name) *next;                                                                    \
	void *found = jem_interposed_find(NEXT_##name);                                            \
	memcpy(&next, &found, sizeof(next))

/*
 * Those that may restore or change a mask and need nothing but that the mask be asked for again: the
 * next function is jumped to with every register as it was. They save or replace the
 * caller's registers (swapcontext, longjmp), which a frame of ours would spoil.
 */
#define FORGET_AND_JUMP(name, index)                                                               \
	__asm__(".text\n.p2align 4\n.globl " #name "\n.type " #name ", @function\n" #name ":\n"    \
		".cfi_startproc\n"                                                                 \
		"	endbr64\n"                                                                       \
		"	mov $" #index ", %r11d\n"                                                  \
		"	jmp jem_interposed_forget\n"                                                     \
		".cfi_endproc\n.size " #name ", . - " #name "\n");

__asm__(".text\n"
	".p2align 4\n"
	".type jem_interposed_forget, @function\n"
	"jem_interposed_forget:\n"
	".cfi_startproc\n"
	"	mov jem_signals_until@gottpoff(%rip), %r10\n"
	"	movq $0, %fs:(%r10)\n"
	"jem_interposed_jump:\n"
	"	lea jem_interposed_next(%rip), %r10\n"
	"	mov (%r10,%r11,8), %r10\n"
	"	test %r10, %r10\n"
	"	jz 1f\n"
	"	jmp *%r10\n"
	"1:	push %rdi\n	.cfi_adjust_cfa_offset 8\n"
	"	push %rsi\n	.cfi_adjust_cfa_offset 8\n"
	"	push %rdx\n	.cfi_adjust_cfa_offset 8\n"
	"	push %rcx\n	.cfi_adjust_cfa_offset 8\n"
	"	push %r8\n	.cfi_adjust_cfa_offset 8\n"
	"	push %r9\n	.cfi_adjust_cfa_offset 8\n"
	"	push %rax\n	.cfi_adjust_cfa_offset 8\n"
	"	mov %r11d, %edi\n"
	"	call jem_interposed_find\n"
	"	mov %rax, %r10\n"
	"	pop %rax\n	.cfi_adjust_cfa_offset -8\n"
	"	pop %r9\n	.cfi_adjust_cfa_offset -8\n"
	"	pop %r8\n	.cfi_adjust_cfa_offset -8\n"
	"	pop %rcx\n	.cfi_adjust_cfa_offset -8\n"
	"	pop %rdx\n	.cfi_adjust_cfa_offset -8\n"
	"	pop %rsi\n	.cfi_adjust_cfa_offset -8\n"
	"	pop %rdi\n	.cfi_adjust_cfa_offset -8\n"
	"	jmp *%r10\n"
	".cfi_endproc\n"
	".size jem_interposed_forget, . - jem_interposed_forget\n");

JEM_INTERPOSED_JUMPS(FORGET_AND_JUMP)

/* The stack pointer of a jmp_buf is its seventh word. It is read here: a bad one ends in this function. */
#define LEAVE_AND_JUMP(name, index)                                                                \
	__asm__(".text\n.p2align 4\n.globl " #name "\n.type " #name ", @function\n" #name ":\n"    \
		".cfi_startproc\n"                                                                 \
		"	endbr64\n"                                                                       \
		"	push %rdi\n	.cfi_adjust_cfa_offset 8\n"                                          \
		"	push %rsi\n	.cfi_adjust_cfa_offset 8\n"                                          \
		"	sub $8, %rsp\n	.cfi_adjust_cfa_offset 8\n"                                       \
		"	mov 48(%rdi), %rdi\n"                                                            \
		"	call jem_shadow_jump\n"                                                          \
		"	add $8, %rsp\n	.cfi_adjust_cfa_offset -8\n"                                      \
		"	pop %rsi\n	.cfi_adjust_cfa_offset -8\n"                                          \
		"	pop %rdi\n	.cfi_adjust_cfa_offset -8\n"                                          \
		"	mov $" #index ", %r11d\n"                                                  \
		"	jmp jem_interposed_forget\n"                                                     \
		".cfi_endproc\n.size " #name ", . - " #name "\n");

JEM_INTERPOSED_LEAVES(LEAVE_AND_JUMP)
#define CHECK_INDEX(name, index)                                                                   \
	_Static_assert(NEXT_##name == (index), "the stub jumps to another one");
JEM_INTERPOSED_JUMPS(CHECK_INDEX)
JEM_INTERPOSED_LEAVES(CHECK_INDEX)

/*
 * syscall(): variadic, so that it is passed on in registers and on the stack as they are. Four of the
 * numbers are looked at.
 */
__asm__(".text\n"
	".p2align 4\n"
	".globl syscall\n"
	".type syscall, @function\n"
	"syscall:\n"
	".cfi_startproc\n"
	"	endbr64\n"
	"	xor %r11d, %r11d\n" /* NEXT_syscall */
	"	cmp $14, %rdi\n"    /* rt_sigprocmask */
	"	je jem_interposed_forget\n"
	"	cmp $13, %rdi\n" /* rt_sigaction */
	"	je jem_interposed_rt_sigaction\n"
	"	cmp $157, %rdi\n" /* prctl */
	"	je 1f\n"
	"	cmp $317, %rdi\n" /* seccomp */
	"	jne jem_interposed_jump\n"
	"1:	push %rdi\n	.cfi_adjust_cfa_offset 8\n"
	"	push %rsi\n	.cfi_adjust_cfa_offset 8\n"
	"	push %rdx\n	.cfi_adjust_cfa_offset 8\n"
	"	push %rcx\n	.cfi_adjust_cfa_offset 8\n"
	"	push %r8\n	.cfi_adjust_cfa_offset 8\n"
	"	call jem_interposed_note\n"
	"	pop %r8\n	.cfi_adjust_cfa_offset -8\n"
	"	pop %rcx\n	.cfi_adjust_cfa_offset -8\n"
	"	pop %rdx\n	.cfi_adjust_cfa_offset -8\n"
	"	pop %rsi\n	.cfi_adjust_cfa_offset -8\n"
	"	pop %rdi\n	.cfi_adjust_cfa_offset -8\n"
	"	xor %r11d, %r11d\n"
	"	jmp jem_interposed_jump\n"
	".cfi_endproc\n"
	".size syscall, . - syscall\n");
_Static_assert(NEXT_syscall == 0 && SYS_rt_sigprocmask == 14 && SYS_rt_sigaction == 13 &&
		       SYS_prctl == 157 && SYS_seccomp == 317,
	       "numbers of the stub");

void jem_interposed_note(long number, long a, long b);

/* What a program forbids itself, it forbids us: before it is so. */
JEM_HIDDEN __attribute__((used)) void jem_interposed_note(long number, long a, long b)
{
	bool is_prctl = number == SYS_prctl;

	if (is_prctl && a == PR_SET_TSC && b == PR_TSC_SIGSEGV) {
		jem_signals_forbid(JEM_FORBIDDEN_CLOCK);
	} else if (is_prctl ? a == PR_SET_SECCOMP && b == SECCOMP_MODE_STRICT
			    : a == SECCOMP_SET_MODE_STRICT) {
		jem_signals_forbid(JEM_FORBIDDEN_CALLS | JEM_FORBIDDEN_CLOCK);
	} else if (!is_prctl || a == PR_SET_SECCOMP) {
		jem_signals_forbid(JEM_FORBIDDEN_CALLS);
		jem_guard_stop(); /* a filter may forbid rt_sigreturn; the strict mode does not */
	}
	if (!jem_signals_may_call())
		jem_guard_victim_stop();
}

long jem_interposed_rt_sigaction(long number, long sig, const struct jem_signals_action *act,
				 struct jem_signals_action *old, size_t size);

JEM_HIDDEN __attribute__((used)) long
jem_interposed_rt_sigaction(long number, long sig, const struct jem_signals_action *act,
			    struct jem_signals_action *old, size_t size)
{
	struct jem_signals_action copy;
	struct jem_signals_action before;
	long ret;

	/* Bad addresses are the kernel's to refuse: it is given what cannot be read, and writes `old`. */
	if (!jem_signals_is_on() || size != MASK_BYTES || sig <= 0 || sig >= SIGNAL_COUNT ||
	    (act && !jem_guard_readv_copy(&copy, (uintptr_t)act, sizeof(copy)))) {
		ret = jem_raw(number, sig, (long)act, (long)old, (long)size, 0, 0);
	} else {
		ret = old ? jem_raw(SYS_rt_sigaction, sig, 0, (long)old, MASK_BYTES, 0, 0) : 0;
		if (!ret)
			ret = jem_signals_change((int)sig, act ? &copy : NULL, &before);
		if (!ret && old)
			memcpy(old, &before, sizeof(before));
	}
	if (ret >= 0)
		return ret;
	errno = (int)-ret;
	return -1;
}

/* --- actions ------------------------------------------------------------------------------------ */

static int fail(int code)
{
	errno = code;
	return -1;
}

static int set_action(int sig, const struct sigaction *act, struct sigaction *old)
{
	struct jem_signals_action wanted;
	struct jem_signals_action before;
	int ret;

	if (sig <= 0 || sig >= SIGNAL_COUNT || sig == LIBC_SIGNALS_FROM || sig == LIBC_SIGNALS_TO)
		return fail(EINVAL);
	if (act) {
		wanted.handler = act->sa_handler;
		wanted.flags = (unsigned long)(long)act->sa_flags | 0x04000000ul; /* SA_RESTORER */
		wanted.restorer = jem_signals_restorer();
		memcpy(&wanted.mask, &act->sa_mask, sizeof(wanted.mask));
	}
	ret = jem_signals_change(sig, act ? &wanted : NULL, &before);
	if (ret < 0)
		return fail(-ret);
	if (old) {
		/* Of the mask libc writes what the kernel knows. */
		old->sa_handler = before.handler;
		old->sa_flags = (int)before.flags;
		old->sa_restorer = before.restorer;
		memcpy(&old->sa_mask, &before.mask, sizeof(before.mask));
	}
	return 0;
}

EXPORT int sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	int ret;

	if (jem_signals_is_on())
		return set_action(sig, act, old);
	NEXT(sigaction);
	ret = next(sig, act, old);
	if (act && !ret && jem_signals_is_on())
		jem_signals_adopt(sig);
	return ret;
}

EXPORT int __sigaction(int sig, const struct sigaction *act, struct sigaction *old)
	ALIAS("sigaction");

static sighandler_t set_handler(int sig, sighandler_t handler, int flags, bool blocks_itself)
{
	struct sigaction act = { .sa_flags = flags };
	struct sigaction old;

	if (handler == SIG_ERR || sig <= 0 || sig >= SIGNAL_COUNT) {
		errno = EINVAL;
		return SIG_ERR;
	}
	act.sa_handler = handler;
	if (blocks_itself)
		sigaddset(&act.sa_mask, sig);
	return set_action(sig, &act, &old) < 0 ? SIG_ERR : old.sa_handler;
}

EXPORT sighandler_t signal(int sig, sighandler_t handler)
{
	sighandler_t old;
	int flags = SA_RESTART;

	if (jem_signals_is_on()) {
		if (sig > 0 && sig < SIGNAL_COUNT &&
		    (__atomic_load_n(&interrupting, __ATOMIC_RELAXED) >> (sig - 1) & 1))
			flags = 0;
		return set_handler(sig, handler, flags, true);
	}
	NEXT(signal);
	old = next(sig, handler);
	if (old != SIG_ERR && jem_signals_is_on())
		jem_signals_adopt(sig);
	return old;
}

sighandler_t bsd_signal(int sig, sighandler_t handler);

EXPORT sighandler_t bsd_signal(int sig, sighandler_t handler) ALIAS("signal");
EXPORT sighandler_t ssignal(int sig, sighandler_t handler) ALIAS("signal");

EXPORT sighandler_t __sysv_signal(int sig, sighandler_t handler)
{
	sighandler_t old;

	if (jem_signals_is_on())
		return set_handler(sig, handler, (int)SA_RESETHAND | SA_NODEFER | SA_INTERRUPT,
				   false);
	NEXT(__sysv_signal);
	old = next(sig, handler);
	if (old != SIG_ERR && jem_signals_is_on())
		jem_signals_adopt(sig);
	return old;
}

EXPORT sighandler_t sysv_signal(int sig, sighandler_t handler) ALIAS("__sysv_signal");

EXPORT int siginterrupt(int sig, int is_on)
{
	NEXT(siginterrupt);
	int ret = next(sig, is_on);

	if (!ret && is_on)
		__atomic_or_fetch(&interrupting, 1ull << (sig - 1), __ATOMIC_RELAXED);
	else if (!ret)
		__atomic_and_fetch(&interrupting, ~(1ull << (sig - 1)), __ATOMIC_RELAXED);
	return ret;
}

/* The System V way: SIG_HOLD blocks, anything else sets the action and unblocks. */
EXPORT sighandler_t sigset(int sig, sighandler_t handler)
{
	sighandler_t old;
	uint64_t before = 0;
	uint64_t bit;
	bool holds = handler == (sighandler_t)SIG_HOLD_;

	if (!jem_signals_is_on()) {
		NEXT(sigset);
		jem_signals_until = 0;
		old = next(sig, handler);
		jem_signals_until = 0;
		if (old != SIG_ERR && jem_signals_is_on())
			jem_signals_adopt(sig);
		return old;
	}
	if (holds) {
		struct sigaction now;

		old = set_action(sig, NULL, &now) < 0 ? SIG_ERR : now.sa_handler;
	} else {
		old = set_handler(sig, handler, 0, false);
	}
	if (old == SIG_ERR)
		return old;
	bit = 1ull << (sig - 1);
	jem_raw(SYS_rt_sigprocmask, holds ? SIG_BLOCK : SIG_UNBLOCK, (long)&bit, (long)&before,
		MASK_BYTES, 0, 0);
	jem_signals_until = 0;
	return before & bit ? (sighandler_t)SIG_HOLD_ : old;
}

EXPORT int sigignore(int sig)
{
	int ret;

	if (jem_signals_is_on())
		return set_handler(sig, SIG_IGN, 0, false) == SIG_ERR ? -1 : 0;
	NEXT(sigignore);
	ret = next(sig);
	if (!ret && jem_signals_is_on())
		jem_signals_adopt(sig);
	return ret;
}

/* What the program sets, it has; what is ours, is nothing. */
EXPORT int sigaltstack(const stack_t *stack, stack_t *old)
{
	stack_t before;
	int ret;

	NEXT(sigaltstack);
	if (!jem_signals_is_on())
		return next(stack, old);
	if (stack)
		jem_signals_stack_withdraw();
	ret = next(stack, old ? &before : NULL);
	if (!ret && old)
		*old = jem_signals_stack_is_ours(&before) ? (stack_t){ .ss_flags = SS_DISABLE }
							  : before;
	return ret;
}

/* --- masks -------------------------------------------------------------------------------------- */

/*
 * Before, because a hook of a handler that runs on return must ask; and after, because a hook of a
 * handler that ran in between may have been told of another mask.
 */
#define PASSED_ON(type, name, parameters, ...)                                                     \
	EXPORT type name parameters                                                                \
	{                                                                                          \
		type ret;                                                                          \
                                                                                                   \
		NEXT(name);                                                                        \
		jem_signals_until = 0;                                                             \
		ret = next(__VA_ARGS__);                                                           \
		jem_signals_until = 0;                                                             \
		return ret;                                                                        \
	}

typedef sigset_t set;
typedef struct epoll_event event;

int sigblock(int mask);
int sigsetmask(int mask);
int __sigpause(int mask_or_signal, int is_signal);
int __sigsuspend(const set *wanted);
int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *time, const set *wanted,
		size_t size);

PASSED_ON(int, sigprocmask, (int how, const set *wanted, set *old), how, wanted, old)
PASSED_ON(int, pthread_sigmask, (int how, const set *wanted, set *old), how, wanted, old)
PASSED_ON(int, sigblock, (int mask), mask)
PASSED_ON(int, sigsetmask, (int mask), mask)
PASSED_ON(int, sighold, (int sig), sig)
PASSED_ON(int, sigsuspend, (const set *wanted), wanted)
PASSED_ON(int, __sigsuspend, (const set *wanted), wanted)
PASSED_ON(int, __sigpause, (int mask_or_signal, int is_signal), mask_or_signal, is_signal)
PASSED_ON(int, ppoll,
	  (struct pollfd * fds, nfds_t count, const struct timespec *time, const set *wanted), fds,
	  count, time, wanted)
PASSED_ON(int, __ppoll_chk,
	  (struct pollfd * fds, nfds_t count, const struct timespec *time, const set *wanted,
	   size_t size),
	  fds, count, time, wanted, size)
PASSED_ON(int, pselect,
	  (int count, fd_set *readable, fd_set *writable, fd_set *special,
	   const struct timespec *time, const set *wanted),
	  count, readable, writable, special, time, wanted)
PASSED_ON(int, epoll_pwait, (int fd, event *events, int count, int timeout_ms, const set *wanted),
	  fd, events, count, timeout_ms, wanted)

PASSED_ON(int, epoll_pwait2,
	  (int fd, event *events, int count, const struct timespec *time, const set *wanted), fd,
	  events, count, time, wanted)

EXPORT int prctl(int option, ...)
{
	unsigned long words[4];
	va_list list;

	va_start(list, option);
	for (int i = 0; i < 4; i++)
		words[i] = va_arg(list, unsigned long);
	va_end(list);
	jem_interposed_note(SYS_prctl, option, (long)words[0]);
	NEXT(prctl);
	return next(option, words[0], words[1], words[2], words[3]);
}

#endif
