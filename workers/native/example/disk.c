/* Disks: at most disk_queue_depth I/O of a thread are in flight on one of them, the others wait here. */

struct disk_io {
	struct disk_io *next;
	uint64_t id; /* of the piece that is in flight */
	struct disk_channel *channel;
	int type;
	uint64_t first, count, ended, piece; /* blocks; a large I/O is sent in pieces, one after the other */
	uint8_t *data;
	bool fua;
	io_done done;
	void *context;
};

static struct disk_channel *g_disk_channels;
static struct disk_io *g_in_flight;
static uint64_t g_last_io;

static struct disk *
disk_named(const char *name)
{
	char own[16];

	for (uint32_t number = 0; number < DISKS_MAX; number++) {
		snprintf(own, sizeof(own), "disk%u", number);
		if (g_disks[number].state == DISK_PRESENT && strcmp(own, name) == 0) {
			return &g_disks[number];
		}
	}
	return NULL;
}

static struct disk_channel *
disk_channel_get(struct thread *thread, struct disk *disk)
{
	struct disk_channel *channel = g_disk_channels;

	while (channel != NULL && (channel->thread != thread || channel->disk != disk)) {
		channel = channel->next;
	}
	if (channel == NULL && disk->channel_failures > 0) {
		disk->channel_failures--;
		RAIDSTORM_EMIT(RAIDSTORM_CHANNEL_FAILED, disk->number, thread->number);
		return NULL;
	}
	if (channel == NULL) {
		channel = allocate(sizeof(*channel));
		channel->thread = thread;
		channel->disk = disk;
		channel->waiting_end = &channel->waiting;
		channel->next = g_disk_channels;
		g_disk_channels = channel;
		disk->channels++;
	}
	channel->references++;
	return channel;
}

static void
disk_channel_put(struct disk_channel *channel)
{
	struct disk_channel **place = &g_disk_channels;
	struct disk *disk = channel->disk;

	if (--channel->references > 0) {
		return;
	}
	assert(disk_channel_is_idle(channel));
	while (*place != channel) {
		place = &(*place)->next;
	}
	*place = channel->next;
	free(channel);
	disk->channels--;
	disk_check_gone(disk);
}

static bool
disk_channel_is_idle(const struct disk_channel *channel)
{
	return channel->in_flight == 0 && channel->waiting == NULL;
}

static void
disk_check_gone(struct disk *disk)
{
	if (disk->state == DISK_REMOVED && disk->channels == 0 && !disk->is_claimed) {
		disk->state = DISK_ABSENT;
		RAIDSTORM_EMIT(RAIDSTORM_DISK_GONE, disk->number);
	}
}

/* I/O. */

static void
disk_send(struct disk_io *io)
{
	struct disk_channel *channel = io->channel;
	uint64_t left = io->count - io->ended, most = g_options.disk_io_blocks_max;
	bool is_whole = io->type == RAIDSTORM_FLUSH || io->type == RAIDSTORM_RESET || most == 0;

	io->piece = is_whole || left < most ? left : most;
	io->id = ++g_last_io;
	io->next = g_in_flight;
	g_in_flight = io;
	RAIDSTORM_EMIT(RAIDSTORM_IO, io->id, channel->thread->number, channel->disk->number, io->type,
		       io->first + io->ended, io->piece, io->fua);
}

static void
disk_send_waiting(struct disk_channel *channel)
{
	while (channel->waiting != NULL && channel->in_flight < g_options.disk_queue_depth) {
		struct disk_io *io = channel->waiting;

		channel->waiting = io->next;
		if (channel->waiting == NULL) {
			channel->waiting_end = &channel->waiting;
		}
		channel->in_flight++;
		disk_send(io);
	}
}

static void
disk_submit(struct disk_channel *channel, int type, uint64_t first, uint64_t count, void *data, bool fua, io_done done,
	    void *context)
{
	struct disk_io *io = allocate(sizeof(*io));

	assert(channel != NULL);
	io->channel = channel;
	io->type = type;
	io->first = type == RAIDSTORM_FLUSH ? 0 : first; /* a flush is always of the whole disk */
	io->count = type == RAIDSTORM_FLUSH ? channel->disk->blocks : count;
	io->data = data;
	io->fua = fua;
	io->done = done;
	io->context = context;
	if (type == RAIDSTORM_RESET) {
		channel->in_flight++; /* it must not wait for the I/O that it is to end */
		disk_send(io);
		return;
	}
	*channel->waiting_end = io;
	channel->waiting_end = &io->next;
	disk_send_waiting(channel);
}

static void
disk_transfer(const struct disk_io *io, uint64_t media_block, uint64_t blocks)
{
	struct disk *disk = io->channel->disk;
	uint8_t *media = disk->media + media_block * BLOCK;

	if (blocks == 0 || io->type == RAIDSTORM_FLUSH || io->type == RAIDSTORM_RESET) {
		return;
	}
	if (blocks > io->piece || media_block >= disk->capacity || blocks > disk->capacity - media_block) {
		raidstorm_crash("disk", "an I/O ends with blocks that it doesn't have");
	}
	if (io->type == RAIDSTORM_UNMAP) {
		memset(media, 0, blocks * BLOCK);
	} else if (io->type == RAIDSTORM_WRITE) {
		memcpy(media, io->data + io->ended * BLOCK, blocks * BLOCK);
	} else {
		memcpy(io->data + io->ended * BLOCK, media, blocks * BLOCK);
	}
}

int
raidstorm_end_io(uint64_t id, int status, uint64_t media_block, uint64_t blocks)
{
	struct disk_io **place = &g_in_flight, *io;
	struct disk_channel *channel;

	while (*place != NULL && (*place)->id != id) {
		place = &(*place)->next;
	}
	io = *place;
	if (io == NULL) {
		return -ENOENT;
	}
	*place = io->next;
	io->next = NULL;
	channel = io->channel;
	g_thread = channel->thread;
	disk_transfer(io, media_block, blocks);
	if (status == RAIDSTORM_SUCCESS) {
		io->ended += io->piece;
	}
	/* A reset aborts I/O, and a disk may be short of memory: neither is a fault of the disk, so ask again. */
	if (status == RAIDSTORM_ABORTED || status == RAIDSTORM_NOMEM ||
	    (status == RAIDSTORM_SUCCESS && io->ended < io->count)) {
		disk_send(io);
		return 0;
	}
	channel->in_flight--;
	disk_send_waiting(channel);
	io->done(io->context, status == RAIDSTORM_SUCCESS); /* may put the channel */
	free(io);
	return 0;
}

/* Devices come and go, on the app thread. */

int
raidstorm_disk(uint32_t number, void *media, uint64_t capacity_blocks)
{
	if (number >= DISKS_MAX) {
		return -EINVAL;
	}
	g_disks[number].number = number;
	g_disks[number].media = media;
	g_disks[number].capacity = capacity_blocks;
	return 0;
}

int
raidstorm_resize(uint32_t number, uint64_t blocks)
{
	(void)number;
	(void)blocks;
	return -ENOTSUP;
}

int
raidstorm_fail_channels(uint32_t number, uint32_t count)
{
	if (number >= DISKS_MAX) {
		return -EINVAL;
	}
	g_disks[number].channel_failures = count;
	return 0;
}

struct look {
	struct disk *disk;
	struct disk_channel *channel;
	uint8_t block[BLOCK];
	handler then;
	void *context;
};

static void
disk_looked(void *context, bool is_ok)
{
	struct look *look = context;

	if (is_ok && look->disk->state == DISK_PRESENT && !look->disk->is_claimed) {
		look->disk->is_examined = true;
		superblock_decode(&look->disk->found, look->block);
	}
	disk_channel_put(look->channel);
	look->then(look->context);
	free(look);
}

static void
disk_look(struct disk *disk, handler then, void *context)
{
	struct look *look = allocate(sizeof(*look));

	look->disk = disk;
	look->then = then;
	look->context = context;
	look->channel = disk->state == DISK_PRESENT ? disk_channel_get(g_app, disk) : NULL;
	if (look->channel == NULL) {
		then(context);
		free(look);
		return;
	}
	disk_submit(look->channel, RAIDSTORM_READ, 0, 1, look->block, false, disk_looked, look);
}
