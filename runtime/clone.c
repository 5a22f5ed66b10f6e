/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Returning from clone3 on a new stack takes a few instructions of assembly: there is no frame to return to. An architecture without
 * them here gets a plain copy of the process, which is slower and otherwise the same.
 */
#include "runtime/clone.h"

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fault.h"

#if defined(__x86_64__)
static long enter(struct clone_args *args, void (*fn)(void *), void *data)
{
	long result;
	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "mov %[data], %%rdi\n\t"
			 "mov %[fn], %%rax\n\t"
			 "xor %%ebp, %%ebp\n\t" /* last: fn and data may have been in it */
			 "call *%%rax\n\t"
			 "hlt\n"
			 "1:\n\t"
			 : "=a"(result)
			 : "a"((long)SYS_clone3), "D"(args), "S"(sizeof(*args)), [fn] "r"(fn), [data] "r"(data)
			 : "rcx", "r11", "memory");
	return result;
}
#define SHARED (CLONE_VM | CLONE_VFORK)
#elif defined(__aarch64__)
static long enter(struct clone_args *args, void (*fn)(void *), void *data)
{
	register long x8 __asm__("x8") = SYS_clone3;
	register long x0 __asm__("x0") = (long)args;
	register long x1 __asm__("x1") = sizeof(*args);
	__asm__ volatile("svc 0\n\t"
			 "cbnz x0, 1f\n\t"
			 "mov x29, xzr\n\t"
			 "mov x0, %[data]\n\t"
			 "blr %[fn]\n\t"
			 "brk #1\n"
			 "1:\n\t"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), [fn] "r"(fn), [data] "r"(data)
			 : "memory", "cc", "x30");
	return x0;
}
#define SHARED (CLONE_VM | CLONE_VFORK)
#else
static long enter(struct clone_args *args, void (*fn)(void *), void *data)
{
	args->stack = 0;
	args->stack_size = 0;
	long result = syscall(SYS_clone3, args, sizeof(*args));
	if (result == 0)
		fn(data);
	return result < 0 ? -errno : result;
}
#define SHARED 0
#endif

long bsn_clone_shared(struct clone_args *args, void *stack, size_t size, void (*fn)(void *data), void *data)
{
	int fault = bsn_fault_gate("clone3");
	if (fault < 0)
		return fault;
	args->flags |= SHARED;
	args->stack = (uint64_t)(uintptr_t)stack;
	args->stack_size = size;
	return enter(args, fn, data);
}
