/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry: where the compiler's calls arrive. Decides in some fifteen instructions if one is of interest.
 *
 * Flow:      mode -> generation of the plan -> probe of the site table by the return address -> included?
 *            then by a jump to hooks.c, with the registers saved first when a plan may want them
 * Registers: rax, rdi and flags are written before the decision, so that the others are at hand as the
 *            program left them; rdi waits in the red zone, which is ours: we have been called. No SSE.
 *            What a call may destroy no compiler relies on here; the rest the hooks keep, by the ABI
 * Stack:     hooks.c is entered as the hook was, by a jump; the frames made here keep the alignment
 *
 * hooks.c asserts the places of fields that are written here as numbers.
 */
#define MODE_ON       1
#define MODE_OFF      2
#define MODE_PAUSED   3
#define SITE_INCLUDED 1
#define SITE_TAIL     4
#define SITE_XMM      32
#define SITE_BYTES    32
#define SITE_FLAGS    16
#define SITE_PLAN     20
#define MODE          jem_state_page(%rip)
#define GENERATION    4 + jem_state_page(%rip)
#define SITES         8 + jem_state_page(%rip)
#define MASK          16 + jem_state_page(%rip)
#define PATCH         24 + jem_state_page(%rip)
#define VALUES        28 + jem_state_page(%rip)
#define PLAN          24 + jem_plan_page(%rip)
#define FRAME_XMM     800
#define FRAME_BYTES   928
#define SAVED_BYTES   192

	/* One bucket further; the one after the last is the first. */
	.macro	NEXT_BUCKET found, missed
	cmpq	$0, (%rax)
	je	\missed
	subq	SITES, %rax
	addq	$SITE_BYTES, %rax
	andq	MASK, %rax
	addq	SITES, %rax
	cmpq	%rdi, (%rax)
	je	\found
	.endm

	.macro	MOVE_XMM base, to_memory
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7
	.if	\to_memory
	movups	%xmm\n, \base + 16 * \n(%rsp)
	.else
	movups	\base + 16 * \n(%rsp), %xmm\n
	.endif
	.endr
	.endm

	.macro	BEGIN_FRAME bytes
	pushq	%rbp
	.cfi_def_cfa_offset 16
	.cfi_offset %rbp, -16
	movq	%rsp, %rbp
	.cfi_def_cfa_register %rbp
	subq	$\bytes, %rsp
	.endm

	.macro	END_FRAME
	leave
	.cfi_def_cfa %rsp, 8
	.cfi_restore %rbp
	.endm

	.macro	HOOK name, hook, is_exit
	.globl	\name
	.type	\name, @function
	.p2align 6
\name:
	.cfi_startproc
	endbr64
	cmpl	$MODE_ON, MODE
	jne	.Lcold\@
	movl	GENERATION, %eax
	cmpl	%eax, PLAN
	jne	.Lrenew\@
.Lprobe\@:
	movq	%rdi, -8(%rsp)
	.if	\is_exit
	/* Reached by a jump: the return address is the call site's, the key the function itself. */
	cmpq	%rsi, (%rsp)
	cmovneq	(%rsp), %rdi
	.else
	movq	(%rsp), %rdi
	.endif
	/* jem_plan_hash(key) & mask, as a distance in bytes */
	movabsq	$0x9e3779b97f4a7c15, %rax
	imulq	%rdi, %rax
	shrq	$27, %rax
	andq	MASK, %rax
	addq	SITES, %rax
	cmpq	%rdi, (%rax)
	jne	.Lother\@
.Lfound\@:
	testl	$SITE_INCLUDED, SITE_FLAGS(%rax)
	jz	.Lexcluded\@
	movl	SITE_PLAN(%rax), %edi
	testl	%edi, VALUES
	movq	-8(%rsp), %rdi
	jnz	.Lvalues\@
	movq	%rax, %rdx
	leaq	8(%rsp), %rcx
	jmp	\hook

.Lexcluded\@:
	cmpl	$0, PATCH
	jne	.Lpatch\@
	ret
.Lpatch\@:
	testl	$SITE_TAIL, SITE_FLAGS(%rax)
	jnz	.Lreturn\@
	movq	%rax, %rdi
	movl	$\is_exit, %esi
	jmp	jem_patch_site

.Lother\@:
	NEXT_BUCKET .Lfound\@, .Lmissed\@
	NEXT_BUCKET .Lfound\@, .Lmissed\@
.Lmissed\@:
	movq	-8(%rsp), %rdi
	xorl	%eax, %eax
	cmpl	$0, VALUES
	jne	.Lvalues\@
	movq	(%rsp), %rdx
	leaq	8(%rsp), %rcx
	jmp	\hook\()_missed

	/* struct jem_hook_frame: registers by their DWARF numbers */
.Lvalues\@:
	BEGIN_FRAME FRAME_BYTES
	movq	$0, 0(%rsp)
	movq	%rdx, 8(%rsp)
	movq	%rcx, 16(%rsp)
	movq	%rbx, 24(%rsp)
	movq	$0, 32(%rsp)
	movq	$0, 40(%rsp)
	movq	(%rbp), %rdx
	movq	%rdx, 48(%rsp)
	leaq	16(%rbp), %rdx
	movq	%rdx, 56(%rsp)
	movq	%r8, 64(%rsp)
	movq	%r9, 72(%rsp)
	movq	%r10, 80(%rsp)
	movq	%r11, 88(%rsp)
	movq	%r12, 96(%rsp)
	movq	%r13, 104(%rsp)
	movq	%r14, 112(%rsp)
	movq	%r15, 120(%rsp)
	movq	8(%rbp), %rdx
	movq	%rdx, 128(%rsp)
	movq	%rsi, 136(%rsp)
	movq	%rdi, 144(%rsp)
	testq	%rax, %rax
	jz	.Lxmm\@
	testl	$SITE_XMM, SITE_FLAGS(%rax)
	jnz	.Lxmm\@
.Lcall\@:
	movq	%rax, %rdx
	movq	%rsp, %rcx
	call	\hook\()_values
	.cfi_remember_state
	END_FRAME
.Lreturn\@:
	ret
	.cfi_restore_state
.Lxmm\@:
	MOVE_XMM FRAME_XMM, 1
	jmp	.Lcall\@
	.cfi_def_cfa %rsp, 8
	.cfi_restore %rbp

.Lcold\@:
	cmpl	$MODE_OFF, MODE
	je	.Lreturn\@
	cmpl	$MODE_PAUSED, MODE
	jne	.Lrenew\@
	movl	GENERATION, %eax
	cmpl	%eax, PLAN
	je	.Lreturn\@
	/* Something has to be done first; then on, with the registers as they were. */
.Lrenew\@:
	BEGIN_FRAME SAVED_BYTES
	movq	%rdi, (%rsp)
	movq	%rsi, 8(%rsp)
	movq	%rdx, 16(%rsp)
	movq	%rcx, 24(%rsp)
	movq	%r8, 32(%rsp)
	movq	%r9, 40(%rsp)
	movq	%r10, 48(%rsp)
	movq	%r11, 56(%rsp)
	MOVE_XMM 64, 1
	call	jem_life_cold
	movq	(%rsp), %rdi
	movq	8(%rsp), %rsi
	movq	16(%rsp), %rdx
	movq	24(%rsp), %rcx
	movq	32(%rsp), %r8
	movq	40(%rsp), %r9
	movq	48(%rsp), %r10
	movq	56(%rsp), %r11
	MOVE_XMM 64, 0
	END_FRAME
	testl	%eax, %eax
	jnz	.Lprobe\@
	ret
	.cfi_endproc
	.size	\name, . - \name
	.endm

	.hidden	jem_state_page
	.hidden	jem_plan_page
	.hidden	jem_hook_enter
	.hidden	jem_hook_exit
	.hidden	jem_hook_enter_missed
	.hidden	jem_hook_exit_missed
	.hidden	jem_hook_enter_values
	.hidden	jem_hook_exit_values
	.hidden	jem_patch_site
	.hidden	jem_life_cold

	.text
	HOOK	__cyg_profile_func_enter, jem_hook_enter, 0
	HOOK	__cyg_profile_func_exit, jem_hook_exit, 1

	.section .note.GNU-stack, "", @progbits
