/*
 * heap.c: the heap of this object alone, at a fixed address.
 *
 * SPDK orders trees by pointer, and a buggy target reads freed memory. On libc's heap, which Python shares, both would
 * depend on everything else in the process. Here, equal calls give equal addresses and equal bytes, fresh or freed.
 *
 * Freed memory holds a pattern and rests in its class's queue before it is used again; a write to it in the meantime,
 * a write beyond the end of a block, and a free of anything but a live block are crashes of kind "heap". The heap is
 * reset only by the end of the process. Memory that is not ours goes back to libc.
 */
#include "adapter.h"

#include <dlfcn.h>
#include <sys/mman.h>

/* This file is never instrumented, for it looks at what it has poisoned for all others. */
#ifdef RAIDSTORM_SANITIZED
#include <sanitizer/asan_interface.h>
#define POISON(address, size) __asan_poison_memory_region(address, size)
#define UNPOISON(address, size) __asan_unpoison_memory_region(address, size)
#else
#define POISON(address, size)
#define UNPOISON(address, size)
#endif

#define HEAP_BASE 0x200000000000ULL
#define HEAP_BYTES (16ULL << 30)
/* It becomes writable in parts, for the process has a limit on what is. */
#define PART_BYTES (32ULL << 20)
#define GRAIN 16
#define CLASSES 136
#define LIVE 0x51a11fe5u
#define FREED 0xdeadb10cu
#define TAIL 0x7a11c0de7a11c0deULL
#define TAIL_BYTES 8
#define FILL 0xd5
/* How much of a freed block holds the pattern: a huge one would touch pages for nothing. */
#define FILL_BYTES_MAX 4096
/* A class keeps so many freed blocks before it uses one again, and so many bytes at most. */
#define RESTING_BLOCKS 32
#define RESTING_BYTES (64 * 1024)

/* It stands before each block, live or freed. */
struct header {
	uint32_t check;
	uint32_t link; /* live: grains back to the start of an aligned block; freed: the next in the queue, in grains */
	uint64_t size : 48;
	uint64_t class : 16;
};
SPDK_STATIC_ASSERT(sizeof(struct header) == GRAIN, "a header is a grain");

struct queue {
	uint32_t first, last, count;
};

static uint8_t *g_base;
static uint64_t g_used = GRAIN; /* 0 stands for none in links */
static uint64_t g_writable;
static struct queue g_queues[CLASSES];

static void
open_heap(void)
{
	g_base = mmap((void *)HEAP_BASE, HEAP_BYTES, PROT_NONE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	if (g_base != (uint8_t *)HEAP_BASE) {
		fprintf(stderr, "raidstorm: the target's heap can't have its fixed address\n");
		abort();
	}
}

static bool
is_ours(const void *address)
{
	return (uint64_t)(uintptr_t)address - HEAP_BASE < HEAP_BYTES;
}

/* Classes are four to each doubling: 16, 32, 48, 64, 80, 96, 112, 128, 160, ... grains of 16 bytes. */
static uint32_t
class_of(uint64_t bytes)
{
	uint64_t grains = (bytes + GRAIN - 1) / GRAIN;
	uint32_t shift;

	if (grains <= 8) {
		return (uint32_t)grains;
	}
	shift = 63 - (uint32_t)__builtin_clzll(grains - 1) - 2;
	return 8 + (shift - 1) * 4 + (uint32_t)(((grains - 1) >> shift) - 3);
}

static uint64_t
class_bytes(uint32_t class)
{
	if (class <= 8) {
		return (uint64_t)class * GRAIN;
	}
	return ((uint64_t)((class - 9) % 4 + 5) << ((class - 9) / 4 + 1)) * GRAIN;
}

static struct header *
at(uint32_t link)
{
	return (struct header *)(g_base + (uint64_t)link * GRAIN);
}

static uint32_t
link_to(const struct header *header)
{
	return (uint32_t)(((const uint8_t *)header - g_base) / GRAIN);
}

static size_t
filled(uint64_t size)
{
	return size < FILL_BYTES_MAX ? size : FILL_BYTES_MAX;
}

static void
check_rest(const struct header *header)
{
	const uint64_t *word = (const uint64_t *)(header + 1);
	uint64_t expected;

	memset(&expected, FILL, sizeof(expected));
	for (size_t i = filled(class_bytes(header->class) - sizeof(*header)) / sizeof(*word); i > 0; i--, word++) {
		if (*word != expected) {
			char message[128];
			size_t offset = (size_t)((const char *)word - (const char *)(header + 1));

			snprintf(message, sizeof(message), "freed memory was written to, in bytes %zu-%zu of a block of %zu",
				 offset, offset + sizeof(*word) - 1, class_bytes(header->class) - sizeof(*header));
			raidstorm_crash("heap", message);
		}
	}
	if (header->check != FREED) {
		raidstorm_crash("heap", "the header of freed memory was written to");
	}
}

/* Take a block of the class that has rested long enough, or none. */
static struct header *
reuse(uint32_t class)
{
	struct queue *queue = &g_queues[class];
	struct header *header;

	if (queue->count <= RESTING_BLOCKS && queue->count * class_bytes(class) <= RESTING_BYTES) {
		return NULL;
	}
	header = at(queue->first);
	check_rest(header);
	UNPOISON(header, class_bytes(class));
	queue->first = header->link;
	queue->count--;
	return header;
}

/* Cut a new block off. Its bytes are zero, and untouched. */
static struct header *
cut_off(uint32_t class)
{
	struct header *header = (struct header *)(g_base + g_used);
	uint64_t wanted;

	g_used += class_bytes(class);
	if (g_used > g_writable) {
		wanted = (g_used + PART_BYTES - 1) / PART_BYTES * PART_BYTES;
		if (wanted > HEAP_BYTES ||
		    mprotect(g_base + g_writable, wanted - g_writable, PROT_READ | PROT_WRITE) != 0) {
			raidstorm_crash("memory", "the target has used all memory that it may have");
		}
		g_writable = wanted;
	}
	return header;
}

static void
set_tail(struct header *header)
{
	uint64_t tail = TAIL;

	memcpy((uint8_t *)(header + 1) + header->size, &tail, TAIL_BYTES);
}

void *
heap_allocate(size_t size, size_t alignment, bool zero)
{
	uint64_t slack = alignment > GRAIN ? alignment : 0;
	struct header *block, *header;
	uint32_t class;
	bool fresh = false;

	if (g_base == NULL) {
		open_heap();
	}
	if (size > HEAP_BYTES / 2) {
		errno = ENOMEM;
		return NULL;
	}
	class = class_of(size + slack + sizeof(*header) + TAIL_BYTES);
	block = reuse(class);
	if (block == NULL) {
		block = cut_off(class);
		fresh = true;
	}
	header = block;
	if (slack != 0) {
		header = (struct header *)(((uintptr_t)(block + 1) + alignment - 1) / alignment * alignment) - 1;
	}
	header->check = LIVE;
	header->link = (uint32_t)(header - block);
	header->size = size;
	header->class = class;
	set_tail(header);
	if (zero && !fresh) {
		memset(header + 1, 0, size);
	}
	POISON(block, (uint8_t *)(header + 1) - (uint8_t *)block);
	POISON((uint8_t *)(header + 1) + size, (uint8_t *)block + class_bytes(class) - (uint8_t *)(header + 1) - size);
	return header + 1;
}

static struct header *
live_header(void *address)
{
	struct header *header = (struct header *)address - 1;
	uint64_t tail;

	if ((uintptr_t)address % GRAIN != 0 || (uint64_t)((uint8_t *)address - g_base) >= g_used) {
		raidstorm_crash("heap", "something that is no block of the heap was freed");
	}
	if (header->check != LIVE) {
		/* The pattern has covered the header of an aligned block. */
		raidstorm_crash("heap", header->check == FREED || header->check == FILL * 0x01010101u ?
				"a block was freed twice" : "something that is no block of the heap was freed");
	}
	UNPOISON((uint8_t *)address + header->size, TAIL_BYTES);
	memcpy(&tail, (uint8_t *)address + header->size, TAIL_BYTES);
	if (tail != TAIL) {
		raidstorm_crash("heap", "a block was written to beyond its end");
	}
	return header;
}

void
heap_free(void *address)
{
	struct header *header = live_header(address), *block = header - header->link;
	uint32_t class = header->class;
	struct queue *queue = &g_queues[class];

	UNPOISON(block, class_bytes(class));
	header->check = FREED;
	memset(block + 1, FILL, filled(class_bytes(class) - sizeof(*block)));
	block->check = FREED;
	block->class = class;
	block->link = 0;
	if (queue->count == 0) {
		queue->first = link_to(block);
	} else {
		at(queue->last)->link = link_to(block);
	}
	queue->last = link_to(block);
	queue->count++;
	POISON(block, class_bytes(class));
}

size_t
heap_size(void *address)
{
	return live_header(address)->size;
}

/* libc's, by way of the next object, for memory that is not ours. */
static void
foreign_free(void *address)
{
	static void (*next)(void *);

	if (next == NULL) {
		next = (void (*)(void *))dlsym(RTLD_NEXT, "free");
	}
	next(address);
}

static void *
foreign_realloc(void *address, size_t size)
{
	static void *(*next)(void *, size_t);

	if (next == NULL) {
		next = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
	}
	return next(address, size);
}

/* In place of libc's, for all that is linked into this object. */

void *
malloc(size_t size)
{
	return heap_allocate(size, 0, false);
}

void *
calloc(size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return heap_allocate(bytes, 0, true);
}

void
free(void *address)
{
	if (address == NULL) {
		return;
	}
	if (is_ours(address)) {
		heap_free(address);
	} else {
		foreign_free(address);
	}
}

void *
realloc(void *address, size_t size)
{
	size_t old;
	void *moved;

	if (address == NULL) {
		return malloc(size);
	}
	if (!is_ours(address)) {
		return foreign_realloc(address, size);
	}
	if (size == 0) {
		heap_free(address);
		return NULL;
	}
	old = heap_size(address);
	moved = malloc(size);
	if (moved != NULL) {
		memcpy(moved, address, old < size ? old : size);
		heap_free(address);
	} else {
		set_tail((struct header *)address - 1);
	}
	return moved;
}

void *
reallocarray(void *address, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(address, bytes);
}

int
posix_memalign(void **address, size_t alignment, size_t size)
{
	if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) {
		return EINVAL;
	}
	*address = heap_allocate(size, alignment, false);
	return *address == NULL ? ENOMEM : 0;
}

void *
aligned_alloc(size_t alignment, size_t size)
{
	return heap_allocate(size, alignment, false);
}

void *
memalign(size_t alignment, size_t size)
{
	return heap_allocate(size, alignment, false);
}

size_t
malloc_usable_size(void *address)
{
	if (address == NULL || !is_ours(address)) {
		return 0;
	}
	return ((struct header *)address - 1)->size;
}

char *
strndup(const char *text, size_t length_max)
{
	size_t length = strnlen(text, length_max);
	char *copy = malloc(length + 1);

	if (copy != NULL) {
		memcpy(copy, text, length);
		copy[length] = '\0';
	}
	return copy;
}

char *
strdup(const char *text)
{
	return strndup(text, SIZE_MAX);
}

int
vasprintf(char **text, const char *format, va_list arguments)
{
	va_list again;
	int length;

	va_copy(again, arguments);
	length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	*text = length < 0 ? NULL : malloc((size_t)length + 1);
	if (*text == NULL) {
		return -1;
	}
	return vsnprintf(*text, (size_t)length + 1, format, arguments);
}

int
asprintf(char **text, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(text, format, arguments);
	va_end(arguments);
	return length;
}

/* With _FORTIFY_SOURCE, these are what the two above are called by. */

int
__vasprintf_chk(char **text, int flag, const char *format, va_list arguments)
{
	(void)flag;
	return vasprintf(text, format, arguments);
}

int
__asprintf_chk(char **text, int flag, const char *format, ...)
{
	va_list arguments;
	int length;

	(void)flag;
	va_start(arguments, format);
	length = vasprintf(text, format, arguments);
	va_end(arguments);
	return length;
}

ssize_t
getdelim(char **line, size_t *room, int delimiter, FILE *file)
{
	size_t length = 0;
	int character = 0;

	while (character != delimiter && (character = fgetc(file)) != EOF) {
		if (length + 2 > *room || *line == NULL) {
			*room = *room < 64 ? 128 : *room * 2;
			*line = realloc(*line, *room);
		}
		(*line)[length++] = (char)character;
		(*line)[length] = '\0';
	}
	return length == 0 ? -1 : (ssize_t)length;
}

ssize_t
getline(char **line, size_t *room, FILE *file)
{
	return getdelim(line, room, '\n', file);
}
