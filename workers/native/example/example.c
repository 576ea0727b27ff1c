/* The example target; see example.h for what lies where. */

#include "example.h"

#ifdef NDEBUG
#define BUILD "release"
#else
#define BUILD "debug"
#endif

#include "thread.c"
#include "disk.c"
#include "mirror.c"
#include "channel.c"
#include "array.c"
#include "assembly.c"
#include "report.c"
#include "superblock.c"
#include "rebuild.c"
#include "service.c"
#include "host.c"
#include "command.c"
#include "json.c"
#include "rpc.c"

uint32_t
raidstorm_interface(void)
{
	return RAIDSTORM_INTERFACE;
}

const char *
raidstorm_describe(void)
{
	return "{\"name\": \"example\", \"version\": \"1\", \"build\": \"" BUILD "\", \"mistakes\": {"
	       "\"crash\": \"a channel that is born during a rebuild lacks its target\", "
	       "\"lost-write\": \"a write across the offset of a rebuild skips its target\", "
	       "\"hang\": \"a rebuild that is stopped forgets the writes that wait for its lock\"}, "
	       "\"capabilities\": {\"data_offset\": 8, \"superblock\": true, \"start_degraded\": true, \"examine\": true, "
	       "\"clear_superblock\": true, \"retries_aborted\": true, "
	       "\"unmap\": true, \"write_zeroes\": true, \"compare\": false, "
	       "\"abort\": false, \"flush\": true, \"fua\": true, "
	       "\"faults\": [\"disk_failure\", \"disk_pull\", \"read_errors\", \"write_errors\", \"unmap_errors\", "
	       "\"flush_errors\", \"bad_blocks\", \"disk_slow\", \"disk_hang\", \"superblock_errors\", "
	       "\"channel_failures\", \"bit_rot\", \"misdirected_write\", \"target_kill\", \"power_loss\", "
	       "\"reactor_stall\", \"host_vanish\", \"network_cut\", \"host_slow\"], "
	       "\"operations\": [\"member_removal\", \"last_member_removal\", \"array_recreate\", \"rebuild_stop\", "
	       "\"add_in_rebuild\", \"add_to_offline\", \"wrong_requests\", \"bdev_reset\", \"array_reset\", "
	       "\"namespace_attach\", \"namespace_detach\", \"poll_group_create\", \"poll_group_destroy\"], "
	       "\"rpcs\": [\"bdev_raid_create\", \"bdev_raid_delete\", \"bdev_raid_add_base_bdev\", "
	       "\"bdev_raid_remove_base_bdev\", \"bdev_raid_start_degraded\", \"bdev_raid_get_bdevs\", "
	       "\"bdev_examine\", \"bdev_wait_for_examine\", \"nvmf_subsystem_add_ns\", "
	       "\"nvmf_subsystem_remove_ns\", \"raidstorm_poll_group_create\", "
	       "\"raidstorm_poll_group_destroy\", \"raidstorm_bdev_reset\"]}}";
}

int
raidstorm_prepare(void)
{
	return 0;
}

static void
choose_mistake(const char *name)
{
	static const char *const names[] = {"", "crash", "lost-write", "hang"};

	for (enum mistake mistake = MISTAKE_NONE; mistake <= MISTAKE_HANG; mistake++) {
		if (strcmp(name, names[mistake]) == 0) {
			g_options.mistake = mistake;
		}
	}
}

int
raidstorm_start(const char *options)
{
	char mistake[16];

	if (!json_is_object(options)) {
		return -EINVAL;
	}
	g_options.window_blocks = json_number(json_member(options, "window_blocks"), 0);
	g_options.disk_queue_depth = json_number(json_member(options, "disk_queue_depth"), 0);
	g_options.disk_io_blocks_max = json_number(json_member(options, "disk_io_blocks_max"), 0);
	g_options.rebuild_blocks_per_ms = json_number(json_member(options, "rebuild_blocks_per_ms"), 0);
	g_options.window_blocks = g_options.window_blocks != 0 ? g_options.window_blocks : 8;
	g_options.disk_queue_depth = g_options.disk_queue_depth != 0 ? g_options.disk_queue_depth : 64;
	if (json_string(json_member(options, "mistake"), mistake, sizeof(mistake))) {
		choose_mistake(mistake);
	}
	g_app = thread_create(RAIDSTORM_APP_THREAD, "app_thread");
	return 0;
}

int
raidstorm_fail_allocation(uint64_t nth)
{
	return nth == 0 ? 0 : -ENOTSUP; /* the example ends when memory is short */
}

/* The census: what is alive. */

static char g_census[1 << 16];
static size_t g_census_length;

static void
census_line(const char *kind, const char *owner, const char *on, uint32_t count)
{
	g_census_length += (size_t)snprintf(g_census + g_census_length, sizeof(g_census) - g_census_length,
					    "%s\t%s%s\t%u\n", kind, owner, on, count);
	if (g_census_length >= sizeof(g_census)) {
		raidstorm_crash("memory", "the census is longer than its buffer");
	}
}

const char *
raidstorm_census(void)
{
	uint32_t queues = 0, requests = 0;
	char name[32];

	g_census_length = 0;
	for (struct thread *thread = g_threads; thread != NULL; thread = thread->next) {
		census_line("thread", thread->name, "", 1);
	}
	for (struct disk_channel *channel = g_disk_channels; channel != NULL; channel = channel->next) {
		snprintf(name, sizeof(name), "disk%u on ", channel->disk->number);
		census_line("channel", name, channel->thread->name, 1);
	}
	for (uint32_t number = 0; number < DISKS_MAX; number++) {
		snprintf(name, sizeof(name), ARRAY_NAME " of disk%u", number);
		if (g_disks[number].is_claimed) {
			census_line("claim", name, "", 1);
		}
	}
	for (struct queue *queue = g_queues; queue != NULL; queue = queue->next) {
		queues++;
		requests += queue->outstanding;
	}
	if (queues > 0) {
		census_line("queue", "of hosts", "", queues);
	}
	if (requests > 0) {
		census_line("request", "of hosts", "", requests);
	}
	g_census[g_census_length] = '\0';
	return g_census;
}
