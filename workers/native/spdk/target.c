/*
 * target.c: SPDK as a target of raidstorm: its description, its start, and what is alive in it.
 */
#include "adapter.h"

#include "spdk/accel.h"
#include "spdk/version.h"

#define IOBUF_SMALL_COUNT 1024
#define IOBUF_LARGE_COUNT 128
#define IOBUF_SMALL_CACHE 8
#define IOBUF_LARGE_CACHE 1
#define BDEV_IO_POOL 8192
#define BDEV_IO_CACHE 16
#define ACCEL_POOL 64
#define SUPERBLOCK_BYTES (1024 * 1024) /* of each member, before its data */
#define BYTES_PER_MB (1024 * 1024)

#ifdef RAIDSTORM_HAS_RAID1_WITHOUT_DATA
#define RAID1_WITHOUT_DATA true
#else
#define RAID1_WITHOUT_DATA false /* unmaps aren't offered, and flushes succeed without reaching a disk */
#endif

/* The description. */

struct text {
	char *bytes;
	size_t length, room;
};

static int
append(void *context, const void *data, size_t size)
{
	struct text *text = context;

	if (text->length + size + 1 > text->room) {
		text->room = (text->length + size + 1) * 2;
		text->bytes = realloc(text->bytes, text->room);
	}
	memcpy(text->bytes + text->length, data, size);
	text->length += size;
	text->bytes[text->length] = '\0';
	return 0;
}

static void
write_names(struct spdk_json_write_ctx *w, const char *key, const char *const *names)
{
	spdk_json_write_named_array_begin(w, key);
	for (; *names != NULL; names++) {
		spdk_json_write_string(w, *names);
	}
	spdk_json_write_array_end(w);
}

static void
write_faults(struct spdk_json_write_ctx *w)
{
	static const char *const always[] = {
		"disk_failure", "disk_pull", "read_errors", "write_errors", "unmap_errors", "flush_errors", "bad_blocks",
		"disk_slow", "disk_hang", "superblock_errors", "channel_failures", "bit_rot", "misdirected_write",
		"disk_grow", "target_kill", "power_loss", "reactor_stall", "host_vanish", "network_cut", "host_slow",
		NULL
	};

	spdk_json_write_named_array_begin(w, "faults");
	for (const char *const *name = always; *name != NULL; name++) {
		spdk_json_write_string(w, *name);
	}
	if (rpc_is_known("bdev_error_create")) {
		spdk_json_write_string(w, "error_bdev");
	}
	if (rpc_is_known("bdev_delay_create")) {
		spdk_json_write_string(w, "delay_bdev");
	}
	spdk_json_write_array_end(w);
}

static void
write_capabilities(struct spdk_json_write_ctx *w)
{
	static const char *const operations[] = {
		"member_removal", "last_member_removal", "array_recreate", "rebuild_stop", "add_in_rebuild",
		"add_to_offline", "wrong_requests", "bdev_reset", "array_reset", "namespace_attach", "namespace_detach",
		/* SPDK's own application destroys poll groups only after it has stopped to listen. */
		"poll_group_create", NULL
	};

	spdk_json_write_named_uint64(w, "data_offset", SUPERBLOCK_BYTES / RAIDSTORM_BLOCK_SIZE);
	write_faults(w);
	write_names(w, "operations", operations);
	rpc_write_methods(w);
	spdk_json_write_named_bool(w, "superblock", true);
	spdk_json_write_named_bool(w, "start_degraded", false);
	spdk_json_write_named_bool(w, "clear_superblock",
				   rpc_takes("bdev_raid_delete", "{\"name\": \"?\", \"clear_sb\": true}",
					     "{\"name\": \"?\"}"));
	spdk_json_write_named_bool(w, "unmap", RAID1_WITHOUT_DATA);
	spdk_json_write_named_bool(w, "write_zeroes", true);
	/* A namespace says that compare-and-write takes one block, and hosts of raidstorm ask for more. */
	spdk_json_write_named_bool(w, "compare", false);
	spdk_json_write_named_bool(w, "abort", true);
	spdk_json_write_named_bool(w, "flush", RAID1_WITHOUT_DATA);
	spdk_json_write_named_bool(w, "fua", false);
}

const char *
raidstorm_describe(void)
{
	static struct text text;
	struct spdk_json_write_ctx *w;

	if (text.bytes != NULL) {
		return text.bytes;
	}
	w = spdk_json_write_begin(append, &text, 0);
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "name", "SPDK");
	spdk_json_write_named_string(w, "version", SPDK_VERSION_STRING);
#ifdef DEBUG
	spdk_json_write_named_string(w, "build", "debug");
#else
	spdk_json_write_named_string(w, "build", "release");
#endif
	spdk_json_write_named_object_begin(w, "capabilities");
	write_capabilities(w);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
	spdk_json_write_end(w);
	return text.bytes;
}

uint32_t
raidstorm_interface(void)
{
	return RAIDSTORM_INTERFACE;
}

/* Preparation. Small caches, for each buffer in one is a page that every child touches. */

static int
set_options(void)
{
	struct spdk_iobuf_opts iobuf = {};
	struct spdk_accel_opts accel = {};
	struct spdk_bdev_opts bdev = {};

	spdk_iobuf_get_opts(&iobuf, sizeof(iobuf));
	iobuf.small_pool_count = IOBUF_SMALL_COUNT;
	iobuf.large_pool_count = IOBUF_LARGE_COUNT;
	spdk_accel_get_opts(&accel, sizeof(accel));
	accel.small_cache_size = IOBUF_SMALL_CACHE;
	accel.large_cache_size = IOBUF_LARGE_CACHE;
	accel.task_count = ACCEL_POOL;
	accel.sequence_count = ACCEL_POOL;
	accel.buf_count = ACCEL_POOL;
	spdk_bdev_get_opts(&bdev, sizeof(bdev));
	bdev.bdev_io_pool_size = BDEV_IO_POOL;
	bdev.bdev_io_cache_size = BDEV_IO_CACHE;
	bdev.iobuf_small_cache_size = IOBUF_SMALL_CACHE;
	bdev.iobuf_large_cache_size = IOBUF_LARGE_CACHE;
	return spdk_iobuf_set_opts(&iobuf) || spdk_accel_set_opts(&accel) || spdk_bdev_set_opts(&bdev) ? -EINVAL : 0;
}

static int g_bdev_status = -ETIMEDOUT;

static void
bdev_is_ready(void *cb_arg, int rc)
{
	g_bdev_status = rc;
}

static int
prepare_libraries(void)
{
	int status;

	threads_begin_direct(threads_app());
	status = set_options() || spdk_iobuf_initialize() || spdk_accel_initialize() ? -EINVAL : 0;
	if (status == 0) {
		spdk_bdev_initialize(bdev_is_ready, NULL);
	}
	threads_end_direct(threads_app());
	threads_run_until_idle();
	return status != 0 ? status : g_bdev_status;
}

int
raidstorm_prepare(void)
{
	const int64_t *words;
	size_t count;
	int status;

	sanitizer_prepare();
	log_open();
	log_mute(getenv("RAIDSTORM_SPDK_LOG") == NULL);
	status = threads_prepare();
	if (status == 0) {
		status = prepare_libraries();
	}
	if (status == 0) {
		status = hosts_prepare();
	}
	log_mute(false);
	raidstorm_output(&words, &count); /* what the set-up did is no event of a run */
	return status;
}

/* The start. */

struct options {
	uint32_t window_blocks, queue_depth, io_blocks_max, rebuild_blocks_per_ms, life;
};

static const struct spdk_json_object_decoder g_decoders[] = {
	{"window_blocks", offsetof(struct options, window_blocks), spdk_json_decode_uint32, true},
	{"disk_queue_depth", offsetof(struct options, queue_depth), spdk_json_decode_uint32, true},
	{"disk_io_blocks_max", offsetof(struct options, io_blocks_max), spdk_json_decode_uint32, true},
	{"rebuild_blocks_per_ms", offsetof(struct options, rebuild_blocks_per_ms), spdk_json_decode_uint32, true},
	{"life", offsetof(struct options, life), spdk_json_decode_uint32, true},
};

static int
decode_options(const char *text, struct options *options)
{
	char *copy = strdup(text);
	struct spdk_json_val *values = NULL;
	ssize_t count;
	void *end;
	int status = -EINVAL;

	count = spdk_json_parse(copy, strlen(copy), NULL, 0, &end, 0);
	if (count > 0) {
		values = calloc((size_t)count, sizeof(*values));
		spdk_json_parse(copy, strlen(copy), values, (size_t)count, &end, SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE);
		status = spdk_json_decode_object_relaxed(values, g_decoders, SPDK_COUNTOF(g_decoders), options);
	}
	free(values);
	free(copy);
	return status == 0 ? 0 : -EINVAL;
}

/* Trees without a bandwidth of rebuilds refuse the parameter. */
static int
set_raid_options(const struct options *options)
{
	uint32_t window_kb = spdk_max(options->window_blocks * RAIDSTORM_BLOCK_SIZE / 1024, 1);
	uint64_t bytes_per_s = options->rebuild_blocks_per_ms * 1000ULL * RAIDSTORM_BLOCK_SIZE;
	char params[128];

	if (bytes_per_s > 0) {
		snprintf(params, sizeof(params),
			 "{\"process_window_size_kb\": %u, \"process_max_bandwidth_mb_sec\": %" PRIu64 "}", window_kb,
			 spdk_max((bytes_per_s + BYTES_PER_MB / 2) / BYTES_PER_MB, 1));
		if (rpc_call_now("bdev_raid_set_options", params) == 0) {
			return 0;
		}
	}
	snprintf(params, sizeof(params), "{\"process_window_size_kb\": %u}", window_kb);
	return rpc_call_now("bdev_raid_set_options", params) == 0 ? 0 : -EINVAL;
}

int
raidstorm_start(const char *text)
{
	struct options options = {.window_blocks = 2};
	int status = decode_options(text, &options);

	if (status == 0) {
		log_mute(true);
		status = set_raid_options(&options);
		log_mute(false);
	}
	disks_configure(options.queue_depth, options.io_blocks_max);
	system_set_life(options.life);
	threads_announce_all();
	rpc_watch_state();
	return status;
}

/* The census. */

static void
claims_census(FILE *file)
{
	char array[128];

	for (struct spdk_bdev *bdev = spdk_bdev_first(); bdev != NULL; bdev = spdk_bdev_next(bdev)) {
		if (bdev->internal.claim_type == SPDK_BDEV_CLAIM_NONE) {
			continue;
		}
		if (!rpc_array_of(bdev->name, array, sizeof(array))) {
			snprintf(array, sizeof(array), "%s", bdev->internal.claim_type == SPDK_BDEV_CLAIM_EXCL_WRITE ?
				 bdev->internal.claim.v1.module->name : "a module");
		}
		fprintf(file, "claim\t%s of %s\t1\n", array, bdev->name);
	}
}

const char *
raidstorm_census(void)
{
	static char *text;
	size_t length;
	FILE *file;

	free(text);
	file = open_memstream(&text, &length);
	spdk_set_thread(threads_app());
	threads_census(file);
	watch_census_channels(file);
	claims_census(file);
	watch_census_descriptors(file);
	hosts_census(file);
	spdk_set_thread(NULL);
	fclose(file);
	return text;
}
