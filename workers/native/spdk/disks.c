/*
 * disks.c: the disks, as bdevs whose I/O ends when raidstorm says so. The media is raidstorm's, and outlives the bdev.
 *
 * Contracts kept here: an I/O is reported once and ended once, on the thread that submitted it; a reset after all that
 * its disk got before; a channel and the disk itself go only when SPDK lets go of them.
 */
#include "adapter.h"

#define PENDING_LISTS 64
#define DISKS_MAX 4096
#define MODULE_NAME "raidstorm"

struct disk {
	uint32_t number;
	bool is_plugged;
	uint8_t *media;
	uint64_t capacity_blocks;
	uint32_t failing_channels;
	struct spdk_bdev *bdev;
	TAILQ_HEAD(, disk_io) pending;
};

/* What lives as long as one bdev: the disk may be plugged in again as another. */
struct device {
	struct spdk_bdev bdev;
	struct disk *disk;
	char name[24], channels_name[40];
};

struct channel {
	struct disk *disk;
	uint32_t depth;
};

struct disk_io {
	uint64_t id;
	struct disk *disk;
	struct channel *channel;
	struct spdk_thread *thread;
	enum raidstorm_io_type type;
	TAILQ_ENTRY(disk_io) link, by_id;
};

static struct disk **g_disks;
static uint32_t g_disk_count;
static uint32_t g_queue_depth, g_io_blocks_max;
static uint64_t g_last_id;

/* I/O that waits for its end, by its number. */
static TAILQ_HEAD(io_list, disk_io) g_pending[PENDING_LISTS];

static int module_init(void);

static int
get_ctx_size(void)
{
	return sizeof(struct disk_io);
}

static struct spdk_bdev_module g_module = {
	.name = MODULE_NAME,
	.module_init = module_init,
	.get_ctx_size = get_ctx_size,
};
SPDK_BDEV_MODULE_REGISTER(raidstorm, &g_module)

static int
module_init(void)
{
	return 0;
}

void
disks_configure(uint32_t queue_depth, uint32_t io_blocks_max)
{
	g_queue_depth = queue_depth;
	g_io_blocks_max = io_blocks_max;
}

static struct io_list *
list_of(uint64_t id)
{
	struct io_list *list = &g_pending[id % PENDING_LISTS];

	if (list->tqh_last == NULL) {
		TAILQ_INIT(list);
	}
	return list;
}

static void
enter_pending(struct disk_io *io)
{
	TAILQ_INSERT_TAIL(list_of(io->id), io, by_id);
	TAILQ_INSERT_TAIL(&io->disk->pending, io, link);
}

static struct disk_io *
find_pending(uint64_t id)
{
	struct disk_io *io;

	TAILQ_FOREACH(io, list_of(id), by_id) {
		if (io->id == id) {
			return io;
		}
	}
	return NULL;
}

static void
leave_pending(struct disk_io *io)
{
	TAILQ_REMOVE(list_of(io->id), io, by_id);
	TAILQ_REMOVE(&io->disk->pending, io, link);
	io->channel->depth--;
}

/* Submission. */

static void
report(struct spdk_bdev_io *bdev_io, struct channel *channel, enum raidstorm_io_type type)
{
	struct disk_io *io = (struct disk_io *)bdev_io->driver_ctx;
	uint64_t blocks = type == RAIDSTORM_RESET ? 0 : bdev_io->u.bdev.num_blocks;

	io->id = ++g_last_id;
	io->disk = channel->disk; /* as NVMe does: I/O goes where its channel leads, whatever bdev it names */
	io->channel = channel;
	io->thread = spdk_get_thread();
	io->type = type;
	channel->depth++;
	enter_pending(io);
	RAIDSTORM_EMIT(RAIDSTORM_IO, (int64_t)io->id, threads_current(), io->disk->number, type,
		       (int64_t)(blocks == 0 ? 0 : bdev_io->u.bdev.offset_blocks), (int64_t)blocks, 0);
}

static void
read_has_buffer(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io, bool success)
{
	if (!success) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_NOMEM);
		return;
	}
	report(bdev_io, spdk_io_channel_get_ctx(ch), RAIDSTORM_READ);
}

/* The depth counts I/O that is reported; a reset is never refused for it. */
static void
submit_request(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	struct channel *channel = spdk_io_channel_get_ctx(ch);

	if (g_queue_depth != 0 && channel->depth >= g_queue_depth && bdev_io->type != SPDK_BDEV_IO_TYPE_RESET) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_NOMEM);
		return;
	}
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		spdk_bdev_io_get_buf(bdev_io, read_has_buffer,
				     bdev_io->u.bdev.num_blocks * RAIDSTORM_BLOCK_SIZE);
		break;
	case SPDK_BDEV_IO_TYPE_WRITE:
		report(bdev_io, channel, RAIDSTORM_WRITE);
		break;
	case SPDK_BDEV_IO_TYPE_FLUSH:
		report(bdev_io, channel, RAIDSTORM_FLUSH);
		break;
	case SPDK_BDEV_IO_TYPE_UNMAP:
		report(bdev_io, channel, RAIDSTORM_UNMAP);
		break;
	case SPDK_BDEV_IO_TYPE_RESET:
		report(bdev_io, channel, RAIDSTORM_RESET);
		break;
	default:
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
	}
}

static bool
io_type_supported(void *ctx, enum spdk_bdev_io_type type)
{
	return type == SPDK_BDEV_IO_TYPE_READ || type == SPDK_BDEV_IO_TYPE_WRITE || type == SPDK_BDEV_IO_TYPE_FLUSH ||
	       type == SPDK_BDEV_IO_TYPE_UNMAP || type == SPDK_BDEV_IO_TYPE_RESET;
}

/* The end of an I/O. */

static void
copy(struct spdk_bdev_io *bdev_io, uint8_t *media, uint64_t length, bool to_media)
{
	struct iovec *iov = bdev_io->u.bdev.iovs;

	for (int i = 0; i < bdev_io->u.bdev.iovcnt && length > 0; i++) {
		uint64_t part = spdk_min(iov[i].iov_len, length);

		if (to_media) {
			memcpy(media, iov[i].iov_base, part);
		} else {
			memcpy(iov[i].iov_base, media, part);
		}
		media += part;
		length -= part;
	}
}

static void
take_effect(struct disk_io *io, struct spdk_bdev_io *bdev_io, uint64_t media_block, uint64_t blocks)
{
	uint8_t *media = io->disk->media + media_block * RAIDSTORM_BLOCK_SIZE;

	if (io->type == RAIDSTORM_UNMAP) {
		memset(media, 0, blocks * RAIDSTORM_BLOCK_SIZE);
	} else if (io->type == RAIDSTORM_READ || io->type == RAIDSTORM_WRITE) {
		copy(bdev_io, media, blocks * RAIDSTORM_BLOCK_SIZE, io->type == RAIDSTORM_WRITE);
	}
}

static bool
is_first_of_disk(const struct disk_io *io)
{
	return TAILQ_FIRST(&io->disk->pending) == io;
}

int
raidstorm_end_io(uint64_t id, int status, uint64_t media_block, uint64_t blocks)
{
	struct disk_io *io = find_pending(id);
	struct spdk_bdev_io *bdev_io;
	struct spdk_thread *thread;

	if (io == NULL) {
		return -ENOENT;
	}
	bdev_io = spdk_bdev_io_from_ctx(io);
	thread = io->thread;
	if (io->type == RAIDSTORM_RESET && !is_first_of_disk(io)) {
		raidstorm_crash("contract", "a reset was ended before what its disk had got earlier");
	}
	if (io->type != RAIDSTORM_RESET && blocks > bdev_io->u.bdev.num_blocks) {
		return -EINVAL;
	}
	if (blocks > 0 && (media_block >= io->disk->capacity_blocks ||
			   blocks > io->disk->capacity_blocks - media_block)) {
		return -EINVAL;
	}
	if (blocks > 0) {
		take_effect(io, bdev_io, media_block, blocks);
	}
	leave_pending(io);
	threads_begin_direct(thread);
	spdk_bdev_io_complete(bdev_io, status);
	threads_end_direct(thread);
	return 0;
}

/* Channels. */

static int
create_channel(void *io_device, void *ctx_buf)
{
	struct disk *disk = ((struct device *)io_device)->disk;

	memset(ctx_buf, 0, sizeof(struct channel));
	((struct channel *)ctx_buf)->disk = disk;
	if (disk->failing_channels > 0) {
		disk->failing_channels--;
		RAIDSTORM_EMIT(RAIDSTORM_CHANNEL_FAILED, disk->number, threads_current());
		return -ENOMEM;
	}
	return 0;
}

static void
destroy_channel(void *io_device, void *ctx_buf)
{
}

static struct spdk_io_channel *
get_io_channel(void *ctx)
{
	return spdk_get_io_channel(ctx);
}

/* Plugging and unplugging. */

static void
device_is_gone(void *io_device)
{
	struct device *device = io_device;
	struct disk *disk = device->disk;

	disk->bdev = NULL;
	spdk_bdev_destruct_done(&device->bdev, 0);
	free(device);
	RAIDSTORM_EMIT(RAIDSTORM_DISK_GONE, disk->number);
}

static int
destruct(void *ctx)
{
	spdk_io_device_unregister(ctx, device_is_gone);
	return 1;
}

static const struct spdk_bdev_fn_table g_functions = {
	.destruct = destruct,
	.submit_request = submit_request,
	.io_type_supported = io_type_supported,
	.get_io_channel = get_io_channel,
};

static struct disk *
find_disk(uint32_t number)
{
	return number < g_disk_count ? g_disks[number] : NULL;
}

static struct disk *
make_disk(uint32_t number)
{
	if (number >= g_disk_count) {
		g_disks = realloc(g_disks, (number + 1) * sizeof(*g_disks));
		memset(g_disks + g_disk_count, 0, (number + 1 - g_disk_count) * sizeof(*g_disks));
		g_disk_count = number + 1;
	}
	g_disks[number] = calloc(1, sizeof(struct disk));
	g_disks[number]->number = number;
	TAILQ_INIT(&g_disks[number]->pending);
	return g_disks[number];
}

int
raidstorm_disk(uint32_t disk, void *media, uint64_t capacity_blocks)
{
	struct disk *found = find_disk(disk);

	if (disk >= DISKS_MAX) {
		return -EINVAL;
	}
	if (found == NULL) {
		found = make_disk(disk);
	}
	if (found->bdev != NULL) {
		return -EBUSY;
	}
	found->media = media;
	found->capacity_blocks = capacity_blocks;
	return 0;
}

static struct device *
make_device(struct disk *disk, uint64_t blocks)
{
	struct device *device = calloc(1, sizeof(*device));

	device->disk = disk;
	snprintf(device->name, sizeof(device->name), "disk%u", disk->number);
	snprintf(device->channels_name, sizeof(device->channels_name), "media of disk%u", disk->number);
	device->bdev.ctxt = device;
	device->bdev.name = device->name;
	device->bdev.product_name = "raidstorm disk";
	device->bdev.blocklen = RAIDSTORM_BLOCK_SIZE;
	device->bdev.blockcnt = blocks;
	device->bdev.write_cache = 1;
	device->bdev.fn_table = &g_functions;
	device->bdev.module = &g_module;
#ifdef RAIDSTORM_HAS_MAX_RW_SIZE
	device->bdev.max_rw_size = g_io_blocks_max;
#endif
	return device;
}

static int
register_device(struct device *device)
{
	int status;

	spdk_io_device_register(device, create_channel, destroy_channel, sizeof(struct channel), device->channels_name);
	status = spdk_bdev_register(&device->bdev);
	if (status != 0) {
		spdk_io_device_unregister(device, NULL);
		free(device);
		return status;
	}
	device->disk->bdev = &device->bdev;
	device->disk->is_plugged = true;
	RAIDSTORM_EMIT(RAIDSTORM_DISK_APPEARED, device->disk->number);
	return 0;
}

int
raidstorm_plug(uint32_t disk, uint64_t blocks, const char *uuid)
{
	struct disk *found = find_disk(disk);
	struct device *device;
	int status;

	if (found == NULL || blocks > found->capacity_blocks) {
		return found == NULL ? -ENOENT : -EINVAL;
	}
	if (found->bdev != NULL) {
		return -EEXIST; /* SPDK has not let go of the device that was here before */
	}
	device = make_device(found, blocks);
	if (uuid != NULL && uuid[0] != '\0' && spdk_uuid_parse(&device->bdev.uuid, uuid) != 0) {
		free(device);
		return -EINVAL;
	}
	threads_begin_direct(threads_app());
	status = register_device(device);
	threads_end_direct(threads_app());
	return status;
}

int
raidstorm_unplug(uint32_t disk)
{
	struct disk *found = find_disk(disk);

	if (found == NULL || !found->is_plugged) {
		return -ENOENT;
	}
	found->is_plugged = false;
	threads_begin_direct(threads_app());
	spdk_bdev_unregister(found->bdev, NULL, NULL);
	threads_end_direct(threads_app());
	return 0;
}

int
raidstorm_resize(uint32_t disk, uint64_t blocks)
{
	struct disk *found = find_disk(disk);
	int status;

	if (found == NULL || !found->is_plugged || blocks > found->capacity_blocks) {
		return found == NULL || !found->is_plugged ? -ENOENT : -EINVAL;
	}
	threads_begin_direct(threads_app());
	status = spdk_bdev_notify_blockcnt_change(found->bdev, blocks);
	threads_end_direct(threads_app());
	return status;
}

int
raidstorm_fail_channels(uint32_t disk, uint32_t count)
{
	struct disk *found = find_disk(disk);

	if (found == NULL) {
		return -ENOENT;
	}
	found->failing_channels = count;
	return 0;
}

int
raidstorm_fail_allocation(uint64_t nth)
{
	env_fail_allocation(nth);
	return 0;
}

/* A reset as an initiator asks for it: by a descriptor and a channel of its own, on the app thread. */

struct reset {
	struct spdk_jsonrpc_request *request;
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *channel;
};

static void
end_reset(struct reset *reset, bool success)
{
	if (reset->channel != NULL) {
		spdk_put_io_channel(reset->channel);
	}
	spdk_bdev_close(reset->desc);
	if (success) {
		spdk_jsonrpc_send_bool_response(reset->request, true);
	} else {
		spdk_jsonrpc_send_error_response(reset->request, -EIO, spdk_strerror(EIO));
	}
	free(reset);
}

static void
reset_is_done(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	spdk_bdev_free_io(bdev_io);
	end_reset(cb_arg, success);
}

/* The descriptor is closed when the reset ends, removed or not. */
static void
ignore_event(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *event_ctx)
{
}

static const struct spdk_json_object_decoder g_reset_decoders[] = {
	{"name", 0, spdk_json_decode_string},
};

static void
rpc_raidstorm_bdev_reset(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct reset *reset = calloc(1, sizeof(*reset));
	char *name = NULL;
	int status = -EINVAL;

	reset->request = request;
	if (params != NULL && spdk_json_decode_object(params, g_reset_decoders, 1, &name) == 0) {
		status = spdk_bdev_open_ext(name, true, ignore_event, NULL, &reset->desc);
	}
	free(name);
	if (status != 0) {
		spdk_jsonrpc_send_error_response(request, status, spdk_strerror(-status));
		free(reset);
		return;
	}
	reset->channel = spdk_bdev_get_io_channel(reset->desc);
	if (reset->channel == NULL || spdk_bdev_reset(reset->desc, reset->channel, reset_is_done, reset) != 0) {
		end_reset(reset, false);
	}
}
SPDK_RPC_REGISTER("raidstorm_bdev_reset", rpc_raidstorm_bdev_reset, SPDK_RPC_RUNTIME)
