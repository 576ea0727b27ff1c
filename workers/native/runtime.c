/*
 * runtime.c: what every target needs, linked into its object: the list of records, and the description of a crash.
 *
 * A description is text: the kind, the message, and for each frame inside this object its offset from the object's base, a line
 * each, innermost first. raidstorm knows symbols and source lines.
 */
#define _GNU_SOURCE
#include "raidstorm_target.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <link.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define FRAMES_MAX 64
#define STACK_BYTES (256 * 1024)
#define NEAR_NULL 0x10000

/* The records. They lie in a mapping, not on the heap, which a target may corrupt. */

static int64_t *g_words;
static size_t g_count, g_room;

static int64_t *
make_room(size_t more)
{
	if (g_count + more > g_room) {
		size_t room = g_room ? g_room : 1 << 15;
		int64_t *words;

		while (room < g_count + more) {
			room *= 2;
		}
		words = mmap(NULL, room * sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (words == MAP_FAILED) {
			raidstorm_crash("memory", "there is no memory for the records of a step");
		}
		if (g_words != NULL) {
			memcpy(words, g_words, g_count * sizeof(int64_t));
			munmap(g_words, g_room * sizeof(int64_t));
		}
		g_words = words;
		g_room = room;
	}
	g_count += more;
	return g_words + g_count - more;
}

void
raidstorm_emit(enum raidstorm_record kind, int count, const int64_t *words)
{
	int64_t *record = make_room(2 + (size_t)count);

	record[0] = kind;
	record[1] = count;
	memcpy(record + 2, words, (size_t)count * sizeof(int64_t));
}

void
raidstorm_emit_bytes(enum raidstorm_record kind, int count, const int64_t *words, const void *bytes, size_t length)
{
	size_t padded = (length + 7) / 8;
	int64_t *record = make_room(3 + (size_t)count + padded);

	record[0] = kind;
	record[1] = (int64_t)(1 + (size_t)count + padded);
	if (count != 0) {
		memcpy(record + 2, words, (size_t)count * sizeof(int64_t));
	}
	record[2 + count] = (int64_t)length;
	if (padded != 0) {
		record[2 + (size_t)count + padded] = 0;
		memcpy(record + 3 + count, bytes, length);
	}
}

void
raidstorm_output(const int64_t **words, size_t *count)
{
	*words = g_words;
	*count = g_count;
	g_count = 0;
}

/* Where this object lies. */

static uintptr_t g_first, g_end;

static int
find_own_object(struct dl_phdr_info *info, size_t size, void *unused)
{
	uintptr_t own = (uintptr_t)&g_first;
	(void)size;
	(void)unused;

	for (int i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t first = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;

		if (info->dlpi_phdr[i].p_type == PT_LOAD && own >= first && own < first + info->dlpi_phdr[i].p_memsz) {
			g_first = info->dlpi_addr;
			g_end = first + info->dlpi_phdr[i].p_memsz;
			return 1;
		}
	}
	return 0;
}

static uintptr_t
offset_of(uintptr_t address)
{
	if (g_first == 0 && g_end == 0) {
		dl_iterate_phdr(find_own_object, NULL);
	}
	return address >= g_first && address < g_end ? address - g_first : 0;
}

void
raidstorm_emit_handled(const void *function)
{
	RAIDSTORM_EMIT(RAIDSTORM_HANDLED, (int64_t)offset_of((uintptr_t)function));
}

/* Crashes. */

static char *g_area;
static size_t g_area_room;

/* Append to the area; of what doesn't fit, nothing. Only functions that a signal handler may call. */
static void
write_down(const char *text)
{
	size_t length = strlen(text);

	if (length < g_area_room) {
		memcpy(g_area, text, length + 1);
		g_area += length;
		g_area_room -= length;
	}
}

static void
write_down_frame(uintptr_t address)
{
	char line[2 + 2 * sizeof(uintptr_t) + 2], *digit = line + sizeof(line);
	uintptr_t offset = offset_of(address);

	if (offset == 0) {
		return;
	}
	*--digit = '\0';
	*--digit = '\n';
	for (; offset != 0; offset >>= 4) {
		*--digit = "0123456789abcdef"[offset & 15];
	}
	write_down(digit);
}

static void
die(const char *kind, const char *message, uintptr_t innermost)
{
	static volatile sig_atomic_t is_dying;
	void *frames[FRAMES_MAX];

	if (g_area == NULL || is_dying) {
		_exit(RAIDSTORM_CRASH_EXIT);
	}
	is_dying = 1;
	write_down(kind);
	write_down("\n");
	write_down(message);
	write_down("\n");
	if (innermost != 0) {
		write_down_frame(innermost + 1); /* every other frame is a return address: one beyond its call */
	}
	for (int i = 1, count = backtrace(frames, FRAMES_MAX); i < count; i++) {
		if ((uintptr_t)frames[i] != innermost) {
			write_down_frame((uintptr_t)frames[i]);
		}
	}
	_exit(RAIDSTORM_CRASH_EXIT);
}

void
raidstorm_crash(const char *kind, const char *message)
{
	die(kind, message, 0);
	_exit(RAIDSTORM_CRASH_EXIT);
}

/* In place of libc's: glibc would print it and raise SIGABRT. */
void
__assert_fail(const char *assertion, const char *file, unsigned int line, const char *function)
{
	static char message[4096];
	const char *name = strrchr(file, '/');

	snprintf(message, sizeof(message), "%s:%u: %s: Assertion `%s' failed", name != NULL ? name + 1 : file, line, function,
		 assertion);
	raidstorm_crash("assertion", message);
}

static void
caught(int number, siginfo_t *info, void *context)
{
	const char *name, *where = "";
	static char message[128];
	uintptr_t pc = 0;

	switch (number) {
	case SIGSEGV:
		name = "SIGSEGV";
		break;
	case SIGBUS:
		name = "SIGBUS";
		break;
	case SIGFPE:
		name = "SIGFPE";
		break;
	case SIGILL:
		name = "SIGILL";
		break;
	default:
		name = "SIGABRT";
		break;
	}
	if (number == SIGSEGV || number == SIGBUS) {
		/* The kernel gives no address for one that no pointer can have, such as the fill of freed memory. */
		bool has_address = info->si_code != SI_KERNEL && info->si_code != SI_USER;
		bool is_near = has_address && (uintptr_t)info->si_addr < NEAR_NULL;

		where = is_near ? " at an address near NULL" : " at a wild address";
	}
#if defined(__x86_64__)
	pc = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	pc = (uintptr_t)((ucontext_t *)context)->uc_mcontext.pc;
#else
	(void)context;
#endif
	strcpy(message, name);
	strcat(message, where);
	die("signal", message, pc);
}

void
raidstorm_catch_crashes(char *area, size_t size)
{
	static const int numbers[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
	struct sigaction action;
	stack_t stack;
	void *frames[FRAMES_MAX];

	g_area = area;
	g_area_room = size;
	/* The first call loads the unwinder, for which there may be no memory later. */
	backtrace(frames, FRAMES_MAX);
	offset_of(0);
	memset(&stack, 0, sizeof(stack));
	stack.ss_sp = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack.ss_size = STACK_BYTES;
	if (stack.ss_sp != MAP_FAILED) {
		sigaltstack(&stack, NULL);
	}
	memset(&action, 0, sizeof(action));
	action.sa_sigaction = caught;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK;
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		sigaction(numbers[i], &action, NULL);
	}
}
