/*
 * adapter.h: what the files of the SPDK adapter share. The adapter stands in for the environment of SPDK's libraries:
 * env.c and heap.c for lib/env, threads.c for the reactors, rpc.c for lib/jsonrpc and lib/rpc, disks.c for the disks,
 * hosts.c for a transport of lib/nvmf, and target.c for the application. It uses public headers alone.
 */
#ifndef RAIDSTORM_SPDK_ADAPTER_H
#define RAIDSTORM_SPDK_ADAPTER_H

#include "../raidstorm_target.h"

#include "spdk/stdinc.h"
#include "spdk/bdev.h"
#include "spdk/bdev_module.h"
#include "spdk/env.h"
#include "spdk/json.h"
#include "spdk/jsonrpc.h"
#include "spdk/log.h"
#include "spdk/nvmf.h"
#include "spdk/queue.h"
#include "spdk/rpc.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/uuid.h"

#include <malloc.h>

#define SUBSYSTEM_NQN "nqn.2016-06.io.spdk:raidstorm"
#define TICKS_PER_SECOND 1000000ULL /* so that a tick is a microsecond */

/* env.c */
void env_set_clock(uint64_t ticks);
void env_fail_allocation(uint64_t nth);
void env_pause_failures(bool pause);
struct spdk_ring *env_last_ring(void);
void env_hold_ring(struct spdk_ring *ring, bool hold);
void env_watch_ring(struct spdk_ring *ring, uint32_t thread);
void *env_ring_head(struct spdk_ring *ring);

/* heap.c */
void *heap_allocate(size_t size, size_t alignment, bool zero);
void heap_free(void *address);
size_t heap_size(void *address);

/* system.c */
void system_set_life(uint64_t life);

/* threads.c */
int threads_prepare(void);
void threads_census(FILE *file);
struct spdk_thread *threads_app(void);
struct spdk_thread *threads_create(const char *name, uint32_t number);
uint32_t threads_number_of(struct spdk_thread *thread);
uint32_t threads_current(void);
struct spdk_thread *threads_find(uint32_t number);
void threads_count_message(uint32_t number);
void threads_announce_timer(uint32_t number, uint64_t deadline);
void threads_wait_for_pollers(uint32_t number, int change);
void threads_begin_direct(struct spdk_thread *thread);
void threads_end_direct(struct spdk_thread *thread);
void threads_finish_step(uint32_t number);
void threads_run_until_idle(void);
void threads_announce_all(void);

/* names.c */
void names_emit(const void *message);
bool names_is_channel_release(const void *message);
void names_prepare(struct spdk_ring *app_ring);

/* disks.c */
void disks_configure(uint32_t queue_depth, uint32_t io_blocks_max);

/* watch.c */
void watch_finish_step(uint32_t number);
void watch_census_channels(FILE *file);
void watch_census_descriptors(FILE *file);

/* rpc.c */
typedef void (*rpc_reply_fn)(void *context, int64_t status, const char *text, size_t length);
int rpc_call(const char *method, const char *params, rpc_reply_fn reply, void *context);
int rpc_call_now(const char *method, const char *params);
void rpc_write_methods(struct spdk_json_write_ctx *w);
bool rpc_is_known(const char *method);
void rpc_finish_step(void);
void rpc_watch_state(void);
void rpc_check_state(uint32_t thread);
bool rpc_takes(const char *method, const char *params, const char *others);
bool rpc_array_of(const char *member, char *name, size_t room);

/* hosts.c */
int hosts_prepare(void);
void hosts_finish_step(void);
uint64_t hosts_namespaces(void);
void hosts_census(FILE *file);

/* sanitizer.c */
void sanitizer_prepare(void);

/* log.c */
void log_open(void);
void log_mute(bool mute);

#endif
