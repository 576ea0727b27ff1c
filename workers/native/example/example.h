/*
 * example.h: the parts of the example target, and what they call of one another.
 *
 * The target is a mirror of two to four disks with a superblock, a rebuild, and NVMe hosts. It does what a real
 * one must do: nothing that it has acknowledged is lost, whatever disks, hosts and the operator do, and wherever
 * it is killed.
 *
 *   thread.c      threads, messages, timers
 *   disk.c        disks, and one channel for each thread that uses one
 *   mirror.c      requests for the array, on one thread: reads from one member, writes to all
 *   channel.c     a thread's view of the array, and how it changes
 *   array.c       changes of the array, one after the other on the app thread; members leave
 *   assembly.c    an array is created, or assembled from its superblocks
 *   report.c      what an operator sees
 *   superblock.c  what the first block of each member says of all
 *   rebuild.c     a new member is filled, window by window
 *   service.c     poll groups and namespaces
 *   host.c        queues and controllers; command.c: NVMe commands
 *   rpc.c         the operator's methods; json.c: a small reader
 *   example.c     all of them in one translation unit, and the rest of raidstorm_target.h
 *
 * A thread touches its own channels only, and everything else belongs to the app thread. The exceptions are marked
 * `shared`: single words that one thread writes and any may read. They would be atomic in a target whose threads
 * run on several cores.
 */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include "raidstorm_target.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK RAIDSTORM_BLOCK_SIZE
#define DISKS_MAX 64
#define SLOTS_MAX 4 /* with four members the superblock still fits into one block, so it can't be torn */
#define NAMESPACES_MAX 8
#define DATA_OFFSET 8
#define ARRAY_NAME "raid0"
#define SUBSYSTEM "nqn.2016-06.io.spdk:raidstorm"
#define UUID_BYTES 16

/* The mistakes that raidstorm_start can switch on: each needs a certain order of steps. */
enum mistake { MISTAKE_NONE, MISTAKE_CRASH, MISTAKE_LOST_WRITE, MISTAKE_HANG };

struct options {
	uint64_t window_blocks, disk_queue_depth, disk_io_blocks_max, rebuild_blocks_per_ms;
	enum mistake mistake;
};

/* thread.c */

struct thread {
	struct thread *next;
	uint32_t number;
	char name[40];
	struct message *messages, **messages_end;
	struct timer *timers;
	bool is_exiting;
	struct channel *channel; /* of the array */
	bool is_group, is_accepting, is_closing; /* a poll group */
	uint32_t namespaces, leaving_namespaces; /* bit n: namespace n */
	uint32_t io_outstanding[NAMESPACES_MAX];
};

typedef void (*handler)(void *context);
#define SEND(thread, function, context) thread_send(thread, function, #function, context)

static void *allocate(size_t size); /* zeroed; never NULL */
static struct thread *thread_create(uint32_t number, const char *name);
static struct thread *thread_find(uint32_t number);
static void thread_send(struct thread *thread, handler handle, const char *name, void *context);
static void thread_exit(struct thread *thread); /* when its last message is handled */
static void timer_start(struct thread *thread, uint64_t delay_us, handler handle, void *context);
static void timer_cancel(struct thread *thread, const void *context);

/* superblock.c: the on-disk layout is SPDK's. */

enum entry_state { ENTRY_MISSING, ENTRY_CONFIGURED, ENTRY_FAILED, ENTRY_SPARE };

struct entry {
	uint8_t uuid[UUID_BYTES];
	uint64_t data_offset;
	enum entry_state state;
};

struct superblock {
	bool is_valid;
	uint8_t uuid[UUID_BYTES];
	uint64_t blocks, sequence;
	uint32_t count;
	struct entry entries[SLOTS_MAX]; /* by slot */
};

struct job;
typedef void (*job_step)(struct job *job, int status);

static void superblock_encode(const struct superblock *superblock, uint8_t *block);
static void superblock_decode(struct superblock *superblock, const uint8_t *block);
static void superblock_save(struct job *job, job_step then); /* to all members that it calls CONFIGURED */
static void superblock_wipe(struct job *job, job_step then);
static bool uuid_parse(uint8_t *uuid, const char *text);
static void uuid_format(const uint8_t *uuid, char text[37]);

/* disk.c */

enum disk_state { DISK_ABSENT, DISK_PRESENT, DISK_REMOVED };

struct disk {
	uint32_t number;
	uint8_t *media;
	uint64_t capacity, blocks;
	uint8_t uuid[UUID_BYTES];
	enum disk_state state;
	bool is_claimed; /* by the array */
	uint32_t channels, channel_failures;
	bool is_examined; /* then `found` is what its first block says */
	struct superblock found;
};

struct disk_channel {
	struct disk_channel *next;
	struct thread *thread;
	struct disk *disk;
	uint32_t references, in_flight;
	struct disk_io *waiting, **waiting_end;
};

typedef void (*io_done)(void *context, bool is_ok);

static struct disk *disk_named(const char *name); /* NULL: there is no such disk */
static struct disk_channel *disk_channel_get(struct thread *thread, struct disk *disk);
static void disk_channel_put(struct disk_channel *channel);
static bool disk_channel_is_idle(const struct disk_channel *channel);
static void disk_submit(struct disk_channel *channel, int type, uint64_t first, uint64_t count, void *data, bool fua,
			io_done done, void *context);
static void disk_check_gone(struct disk *disk);
static void disk_look(struct disk *disk, handler then, void *context); /* reads the superblock */

/* channel.c and mirror.c */

struct range {
	uint64_t first, end;
};

struct channel {
	struct thread *thread;
	uint32_t members; /* bit n: slot n */
	int target; /* slot, or -1 */
	uint64_t offset;
	struct range lock;
	struct disk_channel *disks[SLOTS_MAX];
	struct request *requests; /* with I/O in flight */
	struct request *waiting, **waiting_end; /* writes, for the lock */
	bool is_following;
};

static struct channel *channel_open(struct thread *thread); /* NULL: a disk's channel can't be created */
static void channel_close(struct channel *channel); /* without requests */
static void channel_follow(void *unused); /* message: take over what the array has published */
static void channel_check(struct channel *channel); /* something of it has ended */
static bool channel_read_source(const struct channel *channel, uint64_t block, uint32_t tried, uint32_t *slot);
static void mirror_submit(struct channel *channel, int type, uint64_t first, uint64_t count, void *data, bool fua,
			  io_done done, void *context);
static void mirror_acknowledge(void); /* all requests that waited for a removal which is durable now */

/* array.c */

enum array_state { ARRAY_ABSENT, ARRAY_CONFIGURING, ARRAY_ONLINE, ARRAY_OFFLINE };
enum slot_state { SLOT_EMPTY, SLOT_MEMBER, SLOT_TARGET, SLOT_LEAVING };

struct slot {
	enum slot_state state; /* shared */
	bool is_unreadable; /* shared: it may lack data, or is about to go */
	uint32_t generation; /* shared: grows when its member has gone, so that late news of that one is recognised */
	struct disk *disk;
	struct disk_channel *app_channel;
};

/* A change of the array. They run one after the other, so that each finds all threads agreeing on the array. */
struct job {
	struct job *next;
	void (*run)(struct job *job);
	const char *name; /* of that function */
	bool has_token;
	uint64_t token;
	struct disk *disks[SLOTS_MAX];
	uint32_t count, left;
	uint32_t slot, generation, rebuild;
	bool is_failed, clears, has_superblock;
	uint8_t uuid[UUID_BYTES];
	int status;
	job_step then;
};

struct array {
	enum array_state state; /* shared */
	bool has_superblock;
	struct superblock superblock;
	struct slot slots[SLOTS_MAX];
	struct range lock; /* shared: writes to these blocks wait */
	struct rebuild *rebuild;
};

#define JOB(job, function) job_add(job, function, #function)
static void job_add(struct job *job, void (*run)(struct job *job), const char *name);
static void job_end(struct job *job);
static void job_reply(struct job *job, int status);
static void array_follow(struct job *job, job_step then); /* `then`, when every channel has followed */
static void array_followed(void *unused);
static void array_stop(struct job *job, int status); /* offline, then gone; ends the job */
static void array_report(void);
static const char *array_text(void);
static uint64_t slot_data_offset(uint32_t slot);
static bool array_has_source_beside(uint32_t slot);
static int slot_occupy(uint32_t slot, struct disk *disk, enum slot_state state);
static void slot_release(uint32_t slot);
static void slot_unpublish(uint32_t slot);
static void member_failed(uint32_t slot); /* from any thread */
static void member_leave(uint32_t slot, struct job *job, bool is_failed);

/* rebuild.c */

struct rebuild {
	uint32_t number; /* of its thread, and never used again */
	struct thread *thread;
	uint32_t slot;
	uint64_t offset; /* shared: all blocks below are on the target */
	int status;
	uint32_t tried;
	uint8_t *window;
	struct job *removals; /* of its target, which wait for its end */
	job_step after;
	struct job *job;
};

static void rebuild_begin(struct job *job, uint32_t slot);
static void rebuild_end(struct job *job, job_step after); /* its thread, then itself */

/* service.c and host.c */

static int service_add_namespace(uint64_t token, uint32_t nsid);
static int service_remove_namespace(uint64_t token, uint32_t nsid);
static int service_create_group(uint64_t token, uint32_t number);
static int service_destroy_group(uint64_t token, uint32_t number);
static void service_evict(struct job *job, job_step then); /* detach all namespaces */
static void service_check(struct thread *thread); /* a request or a queue of this thread has ended */
static bool host_has_queues(const struct thread *thread);
static void host_leave_all(struct thread *thread);
static void host_namespaces_changed(uint32_t namespaces);

/* command.c */

struct queue;
static void command_execute(struct queue *queue, uint64_t token, const uint8_t *entry, const uint8_t *data,
			    uint32_t length);

enum level { LEVEL_ERROR, LEVEL_WARNING, LEVEL_NOTICE };
static void say(enum level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void reply(uint64_t token, int status, uint32_t value, const void *data, size_t length);
static void reply_error(uint64_t token, int error);

static struct options g_options;
static struct thread *g_threads; /* by number */
static struct thread *g_thread; /* the one that runs */
static struct thread *g_app;
static uint64_t g_now_us;
static struct disk g_disks[DISKS_MAX];
static struct array g_array;

#endif
