/*
 * raidstorm_target.h: what a target in C offers to raidstorm, and all that raidstorm knows of it.
 *
 * A target is a shared object that exports the functions below. It is a mirrored volume that hosts reach through NVMe
 * queues: SPDK behind our adapter (spdk/), the small mirror in example/, or your own. raidstorm loads it into a process
 * of its own, calls it from one OS thread, and decides every step itself.
 *
 * The target must never act on its own: no OS threads, no clock, no randomness, no sockets, no files. It is a set of
 * *threads* (in SPDK's sense: a queue of messages that somebody polls). Whatever it wants to do later is a message to one of its
 * threads, a timer of one, or an I/O to a disk; it reports each, and waits until raidstorm takes that step. A step must
 * depend on nothing but the calls so far: equal calls give equal output, in every process.
 *
 * Output is a list of records (see enum raidstorm_record), which raidstorm fetches after each call. runtime.c, which is
 * linked into the target, keeps that list, and describes crashes: signals, failed assertions, raidstorm_crash().
 *
 * The lives of a process: raidstorm_describe, raidstorm_prepare; then it is forked for each run, and the child calls
 * raidstorm_disk for each disk, raidstorm_start, and then steps. A target that is killed is another child over the same disks.
 *
 * Unless stated otherwise, a function returns 0, or a negative errno: -ENOENT where the step isn't possible.
 */
#ifndef RAIDSTORM_TARGET_H
#define RAIDSTORM_TARGET_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RAIDSTORM_INTERFACE 1 /* raidstorm_interface() returns the one the target was built with */
#define RAIDSTORM_BLOCK_SIZE 512

/* Threads have numbers: the app thread, then one per poll group, then those that the target creates itself. */
#define RAIDSTORM_APP_THREAD 0
#define RAIDSTORM_FIRST_POLL_GROUP_THREAD 1
#define RAIDSTORM_FIRST_OTHER_THREAD 16

enum raidstorm_io_type {
	RAIDSTORM_READ = 1,
	RAIDSTORM_WRITE = 2,
	RAIDSTORM_FLUSH = 3,
	RAIDSTORM_UNMAP = 4,
	RAIDSTORM_RESET = 8, /* ends only after all I/O that this disk got before it */
};

enum raidstorm_io_status {
	RAIDSTORM_SUCCESS = 1,
	RAIDSTORM_FAILED = -1,
	RAIDSTORM_NOMEM = -4, /* the target asks again later */
	RAIDSTORM_ABORTED = -7,
};

/*
 * A record is a list of 64-bit words: its kind, the number of words that follow, and these. Where a record has a text or data,
 * its last words are the number of bytes and the bytes themselves, padded with zeroes to a whole word.
 */
enum raidstorm_record {
	RAIDSTORM_MESSAGE = 1, /* thread: one more message waits for it */
	RAIDSTORM_IO = 2, /* id (never 0, never used again), thread, disk, type, first block, blocks, 1 for FUA */
	RAIDSTORM_TIMER = 3, /* thread, deadline in microseconds: raidstorm_timer has work to do from then on */
	RAIDSTORM_POLLERS = 4, /* thread: something waits for raidstorm_pollers, and for nothing else */
	RAIDSTORM_REPLY = 5, /* token, status, value, data: see raidstorm_rpc and raidstorm_command */
	RAIDSTORM_HANDLED = 6, /* address, relative to the object's base, of the function whose message was handled */
	RAIDSTORM_HANDLED_NAME = 7, /* text: the same by name */
	RAIDSTORM_THREAD_BORN = 8, /* thread, text: its name */
	RAIDSTORM_THREAD_GONE = 9, /* thread */
	RAIDSTORM_QUEUE_OPENED = 10, /* queue, thread: its poll group takes commands from now on */
	RAIDSTORM_QUEUE_REFUSED = 11, /* queue */
	RAIDSTORM_QUEUE_GONE = 12, /* queue: no command of it will be answered any more */
	RAIDSTORM_CHANNEL_FAILED = 13, /* disk, thread: a channel could not be created (raidstorm_fail_channels) */
	RAIDSTORM_DISK_APPEARED = 14, /* disk: the target has registered its bdev */
	RAIDSTORM_DISK_GONE = 15, /* disk: the target has let go of it */
	RAIDSTORM_ALLOCATION_FAILED = 16, /* thread: raidstorm_fail_allocation has struck */
	/*
	 * text: the arrays, as bdev_raid_get_bdevs with category "all" answers, compared by the target and emitted in the step
	 * that changed it.
	 */
	RAIDSTORM_STATE = 17,
	/* text: the subsystem, as nvmf_get_subsystems answers with its nqn; compared and emitted like STATE. */
	RAIDSTORM_SUBSYSTEM = 19,
	/*
	 * status (0 or a negative errno): the rebuild that STATE has shown has ended. After a success all channels treat its
	 * target as a member, after a failure none does. STATE may show no process any more before that, or only afterwards.
	 */
	RAIDSTORM_REBUILD_ENDED = 20,
	RAIDSTORM_MEMBER_GIVEN_UP = 21, /* slot: the target begins to remove it by itself */
	RAIDSTORM_LOG = 18, /* level (0 error, 1 warning, 2 notice), text: one line, without addresses and times */
};

/* Describe: */

uint32_t raidstorm_interface(void);

/*
 * A JSON object that stays valid: "name", "version", "build" ("debug" or "release"), and "capabilities":
 *   "data_offset": blocks before the array's data on a member with a superblock
 *   "faults", "operations": the names of those that act (see `raidstorm list`); all others are left out of plans
 *   "rpcs": methods that raidstorm_rpc knows
 *   "superblock": whether arrays can have one; "start_degraded": whether an array with a missing member can be started
 *   "examine": whether bdev_examine looks at a disk again; "clear_superblock": whether bdev_raid_delete knows "clear_sb"
 *   "retries_aborted": whether it sends a disk I/O that ended with RAIDSTORM_ABORTED again; otherwise it must fail the member
 *   "unmap", "write_zeroes", "compare", "abort", "flush", "fua": true or false
 */
const char *raidstorm_describe(void);

int raidstorm_prepare(void); /* do all that no seed changes */

/* Begin: */

/* Disk `disk` has these bytes as its media from now on, for `capacity_blocks`; shared with raidstorm. It is not plugged in yet. */
int raidstorm_disk(uint32_t disk, void *media, uint64_t capacity_blocks);

/*
 * Start the target; `options` is a JSON object with "disks", "poll_groups_max", "window_blocks" (of a rebuild),
 * "disk_queue_depth", "disk_io_blocks_max" (0: no bound), "rebuild_blocks_per_ms" (0: no bound), "superblock".
 * "life": the number of this life of the target in its run, from 1. Unknown keys are ignored. Afterwards the app thread
 * exists, and the subsystem for hosts, without a namespace.
 */
int raidstorm_start(const char *options);

/* Steps: */

int raidstorm_deliver(uint32_t thread); /* the thread handles its oldest message */
/* Time is `now_us` from now on, and the thread's due timers fire. Time passes by this call alone. */
int raidstorm_timer(uint32_t thread, uint64_t now_us);
int raidstorm_pollers(uint32_t thread); /* the thread's pollers without a period run */
/*
 * I/O `id` ends on the thread that submitted it. Before that, `blocks` of it take effect: data is copied between its buffers and
 * the media from block `media_block` on (for an unmap: zeroes).
 */
int raidstorm_end_io(uint64_t id, int status, uint64_t media_block, uint64_t blocks);

/* The operator: */

/*
 * A JSON-RPC request, on the app thread; `params` is a JSON text or "". The reply has status 0 and the result's text as
 * data, or a negative number and the error's message. Besides SPDK's methods these, with such parameters:
 *   raidstorm_poll_group_create {"thread": N}   a thread with a poll group, whose number is N
 *   raidstorm_poll_group_destroy {"thread": N}  its connections end, then the thread
 *   raidstorm_bdev_reset {"name": NAME}         a reset, as an initiator asks for it
 * The names of disks are disk0, disk1 and so on, that of the array is raid0.
 */
int raidstorm_rpc(uint64_t token, const char *method, const char *params);

/* Disks, each call on the app thread: */

int raidstorm_plug(uint32_t disk, uint64_t blocks, const char *uuid); /* a device appears; it is examined, as steps */
int raidstorm_unplug(uint32_t disk); /* it is pulled; I/O in flight is still ended by raidstorm_end_io */
int raidstorm_resize(uint32_t disk, uint64_t blocks);
int raidstorm_fail_channels(uint32_t disk, uint32_t count); /* so many channels of it can't be created */
int raidstorm_fail_allocation(uint64_t nth); /* the nth allocation from now fails; 0: none */

/* Hosts: */

int raidstorm_open_queue(uint64_t queue, uint32_t host); /* answered by QUEUE_OPENED or QUEUE_REFUSED */
/*
 * One NVMe command (64 bytes, little endian; fabrics commands as well) arrives on the thread of its queue. `data` of `length`
 * bytes goes with it or is to be filled. The reply has the 15 bits of status above the phase tag (SC, SCT << 8, DNR << 14),
 * DW0 of the completion (of a connect: the controller's id) as value, and for a command that reads, the data.
 */
int raidstorm_command(uint64_t queue, uint64_t token, const uint8_t command[64], const void *data, uint32_t length);
int raidstorm_close_queue(uint64_t queue); /* its host has closed the connection */

/* Look: */

/*
 * What is alive, a line each: kind, tab, owner, tab, count. Kinds: "thread" (by name), "channel" ("disk0 on THREAD"), "claim"
 * ("raid0 of disk0"), "descriptor", "queue", "request".
 */
const char *raidstorm_census(void);

/* From runtime.c, for raidstorm: */

/* The records since the last call; valid until the next call of any function. */
void raidstorm_output(const int64_t **words, size_t *count);
/* From now on a crash writes its description to this area, and ends the process with RAIDSTORM_CRASH_EXIT. */
void raidstorm_catch_crashes(char *area, size_t size);
#define RAIDSTORM_CRASH_EXIT 99

/* From runtime.c, for targets: */

void raidstorm_emit(enum raidstorm_record kind, int count, const int64_t *words);
void raidstorm_emit_bytes(enum raidstorm_record kind, int count, const int64_t *words, const void *bytes,
			  size_t length);
/* The function at this address, in this object, is about to handle a message. */
void raidstorm_emit_handled(const void *function);
/* End as a crash of this kind ("heap", "exit"), described by one line. */
void raidstorm_crash(const char *kind, const char *message) __attribute__((noreturn));

#define RAIDSTORM_EMIT(kind, ...)                                                                                      \
	do {                                                                                                           \
		const int64_t emitted_words[] = {__VA_ARGS__};                                                         \
		raidstorm_emit(kind, (int)(sizeof(emitted_words) / sizeof(int64_t)), emitted_words);                   \
	} while (0)

#ifdef __cplusplus
}
#endif
#endif /* RAIDSTORM_TARGET_H */
