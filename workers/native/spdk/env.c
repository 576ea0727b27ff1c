/*
 * env.c: lib/env for one core without a clock, huge pages or devices: ticks, memory, pools, rings, cores. What this
 * file doesn't define, the build generates as functions that abort with their name.
 */
#include "adapter.h"

#define ALIGNMENT_MIN 64

/* The clock. */

static uint64_t g_ticks = TICKS_PER_SECOND; /* 0 and 1 have meanings of their own in lib/thread */

void
env_set_clock(uint64_t ticks)
{
	if (ticks > g_ticks) {
		g_ticks = ticks;
	}
}

uint64_t
spdk_get_ticks(void)
{
	return g_ticks;
}

uint64_t
spdk_get_ticks_hz(void)
{
	return TICKS_PER_SECOND;
}

void
spdk_delay_us(unsigned int us)
{
	g_ticks += us;
}

void
spdk_pause(void)
{
}

/* Allocations that fail on purpose. */

static uint64_t g_fails_in;
static bool g_failures_paused;

void
env_fail_allocation(uint64_t nth)
{
	g_fails_in = nth;
}

/* What the adapter itself asks SPDK must not use up the count. */
void
env_pause_failures(bool pause)
{
	g_failures_paused = pause;
}

static bool
fails_now(void)
{
	if (g_fails_in == 0 || g_failures_paused || --g_fails_in != 0) {
		return false;
	}
	RAIDSTORM_EMIT(RAIDSTORM_ALLOCATION_FAILED, threads_current());
	return true;
}

/* Memory. */

static void *
allocate(size_t size, size_t align, bool zero)
{
	if (fails_now()) {
		return NULL;
	}
	return heap_allocate(size, align > ALIGNMENT_MIN ? align : ALIGNMENT_MIN, zero);
}

void *
spdk_malloc(size_t size, size_t align, uint64_t *unused, int numa_id, uint32_t flags)
{
	return allocate(size, align, false);
}

void *
spdk_zmalloc(size_t size, size_t align, uint64_t *unused, int numa_id, uint32_t flags)
{
	return allocate(size, align, true);
}

void *
spdk_realloc(void *buf, size_t size, size_t align)
{
	void *moved = allocate(size, align, false);
	size_t old;

	if (moved != NULL && buf != NULL) {
		old = malloc_usable_size(buf);
		memcpy(moved, buf, old < size ? old : size);
		free(buf);
	}
	return moved;
}

void
spdk_free(void *buf)
{
	free(buf);
}

void *
spdk_dma_malloc(size_t size, size_t align, uint64_t *unused)
{
	return allocate(size, align, false);
}

void *
spdk_dma_zmalloc(size_t size, size_t align, uint64_t *unused)
{
	return allocate(size, align, true);
}

void *
spdk_dma_malloc_socket(size_t size, size_t align, uint64_t *unused, int numa_id)
{
	return allocate(size, align, false);
}

void *
spdk_dma_zmalloc_socket(size_t size, size_t align, uint64_t *unused, int numa_id)
{
	return allocate(size, align, true);
}

void *
spdk_dma_realloc(void *buf, size_t size, size_t align, uint64_t *unused)
{
	return spdk_realloc(buf, size, align);
}

void
spdk_dma_free(void *buf)
{
	free(buf);
}

uint64_t
spdk_vtophys(const void *buf, uint64_t *size)
{
	return (uint64_t)(uintptr_t)buf;
}

/* Pools make objects when they are first wanted, for memory that is touched costs time in every child. */

#define CHUNK_OBJECTS 64

struct spdk_mempool {
	char *name;
	size_t count, made, size;
	void **spare;
	size_t spares, spare_room;
	uint8_t *chunk;
	size_t chunk_left;
	bool may_fail;
};

struct spdk_mempool *
spdk_mempool_create(const char *name, size_t count, size_t ele_size, size_t cache_size, int numa_id)
{
	struct spdk_mempool *pool;

	if (fails_now()) {
		return NULL;
	}
	pool = calloc(1, sizeof(*pool));
	pool->name = strdup(name);
	pool->count = count;
	pool->size = SPDK_ALIGN_CEIL(ele_size, ALIGNMENT_MIN);
	/* lib/thread aborts when it has no message: by design, not by mistake. */
	pool->may_fail = strncmp(name, "msgpool", strlen("msgpool")) != 0;
	return pool;
}

struct spdk_mempool *
spdk_mempool_create_ctor(const char *name, size_t count, size_t ele_size, size_t cache_size, int numa_id,
			 spdk_mempool_obj_cb_t *obj_init, void *obj_init_arg)
{
	struct spdk_mempool *pool = spdk_mempool_create(name, count, ele_size, cache_size, numa_id);
	void **objects;

	if (pool == NULL || obj_init == NULL) {
		return pool;
	}
	objects = calloc(count, sizeof(*objects));
	for (size_t i = 0; i < count; i++) {
		objects[i] = spdk_mempool_get(pool);
		obj_init(pool, obj_init_arg, objects[i], (unsigned)i);
	}
	spdk_mempool_put_bulk(pool, objects, count);
	free(objects);
	return pool;
}

char *
spdk_mempool_get_name(struct spdk_mempool *pool)
{
	return pool->name;
}

/* Chunks stay: an object that is used after its pool has gone is then at least not another's. */
void
spdk_mempool_free(struct spdk_mempool *pool)
{
	if (pool != NULL) {
		free(pool->spare);
		free(pool->name);
		free(pool);
	}
}

static void *
take(struct spdk_mempool *pool)
{
	if (pool->spares > 0) {
		return pool->spare[--pool->spares];
	}
	if (pool->chunk_left == 0) {
		pool->chunk_left = CHUNK_OBJECTS;
		pool->chunk = heap_allocate(pool->size * CHUNK_OBJECTS, ALIGNMENT_MIN, true);
	}
	pool->chunk_left--;
	pool->made++;
	pool->chunk += pool->size;
	return pool->chunk - pool->size;
}

void *
spdk_mempool_get(struct spdk_mempool *pool)
{
	if (spdk_mempool_count(pool) == 0 || (pool->may_fail && fails_now())) {
		return NULL;
	}
	return take(pool);
}

int
spdk_mempool_get_bulk(struct spdk_mempool *pool, void **objects, size_t count)
{
	if (spdk_mempool_count(pool) < count || (pool->may_fail && fails_now())) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++) {
		objects[i] = take(pool);
	}
	return 0;
}

void
spdk_mempool_put(struct spdk_mempool *pool, void *object)
{
	if (pool->spares == pool->spare_room) {
		pool->spare_room = pool->spare_room ? pool->spare_room * 2 : CHUNK_OBJECTS;
		pool->spare = realloc(pool->spare, pool->spare_room * sizeof(*pool->spare));
	}
	pool->spare[pool->spares++] = object;
}

void
spdk_mempool_put_bulk(struct spdk_mempool *pool, void **objects, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		spdk_mempool_put(pool, objects[i]);
	}
}

size_t
spdk_mempool_count(const struct spdk_mempool *pool)
{
	return pool->count - pool->made + pool->spares;
}

/* Rings. One that is watched is the queue of messages of a thread. */

#define RING_ROOM 64

struct spdk_ring {
	void **slots;
	size_t room, head, count, count_max;
	uint32_t thread;
	bool is_watched, is_held;
};

static struct spdk_ring *g_last_ring;

struct spdk_ring *
spdk_ring_create(enum spdk_ring_type type, size_t count, int numa_id)
{
	struct spdk_ring *ring = calloc(1, sizeof(*ring));

	ring->room = count < RING_ROOM ? spdk_align64pow2(count) : RING_ROOM;
	ring->slots = calloc(ring->room, sizeof(*ring->slots));
	ring->count_max = count;
	g_last_ring = ring;
	return ring;
}

void
spdk_ring_free(struct spdk_ring *ring)
{
	if (ring != NULL) {
		free(ring->slots);
		free(ring);
	}
}

size_t
spdk_ring_count(struct spdk_ring *ring)
{
	return ring->count;
}

static void
grow_ring(struct spdk_ring *ring)
{
	void **slots = calloc(ring->room * 2, sizeof(*slots));

	for (size_t i = 0; i < ring->count; i++) {
		slots[i] = ring->slots[(ring->head + i) & (ring->room - 1)];
	}
	free(ring->slots);
	ring->slots = slots;
	ring->head = 0;
	ring->room *= 2;
}

size_t
spdk_ring_enqueue(struct spdk_ring *ring, void **objs, size_t count, size_t *free_space)
{
	if (ring->count + count > ring->count_max) {
		return 0;
	}
	while (ring->count + count > ring->room) {
		grow_ring(ring);
	}
	for (size_t i = 0; i < count; i++) {
		ring->slots[(ring->head + ring->count++) & (ring->room - 1)] = objs[i];
		if (ring->is_watched) {
			threads_count_message(ring->thread);
		}
	}
	if (free_space != NULL) {
		*free_space = ring->count_max - ring->count;
	}
	return count;
}

size_t
spdk_ring_dequeue(struct spdk_ring *ring, void **objs, size_t count)
{
	size_t taken = 0;

	while (!ring->is_held && taken < count && ring->count > 0) {
		objs[taken++] = ring->slots[ring->head];
		ring->head = (ring->head + 1) & (ring->room - 1);
		ring->count--;
	}
	return taken;
}

struct spdk_ring *
env_last_ring(void)
{
	return g_last_ring;
}

void
env_watch_ring(struct spdk_ring *ring, uint32_t thread)
{
	ring->is_watched = true;
	ring->thread = thread;
}

/* A ring that is held gives nothing, so that a thread can be polled without handling a message. */
void
env_hold_ring(struct spdk_ring *ring, bool hold)
{
	ring->is_held = hold;
}

void *
env_ring_head(struct spdk_ring *ring)
{
	return ring->count == 0 ? NULL : ring->slots[ring->head];
}

/* One core on one NUMA node. */

uint32_t
spdk_env_get_core_count(void)
{
	return 1;
}

uint32_t
spdk_env_get_current_core(void)
{
	return 0;
}

uint32_t
spdk_env_get_main_core(void)
{
	return 0;
}

uint32_t
spdk_env_get_first_core(void)
{
	return 0;
}

uint32_t
spdk_env_get_last_core(void)
{
	return 0;
}

uint32_t
spdk_env_get_next_core(uint32_t prev_core)
{
	return UINT32_MAX;
}

int32_t
spdk_env_get_numa_id(uint32_t core)
{
	return 0;
}

int32_t
spdk_env_get_first_numa_id(void)
{
	return 0;
}

int32_t
spdk_env_get_last_numa_id(void)
{
	return 0;
}

int32_t
spdk_env_get_next_numa_id(int32_t prev_numa_id)
{
	return INT32_MAX;
}

int32_t
spdk_mem_get_numa_id(const void *buf, uint64_t *size)
{
	return 0;
}

bool
spdk_process_is_primary(void)
{
	return true;
}

bool
spdk_iommu_is_enabled(void)
{
	return false;
}
