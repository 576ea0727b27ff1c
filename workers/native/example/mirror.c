/*
 * The mirror on one thread: reads from one member, writes to all, and to the target of a rebuild below its offset.
 */

struct part {
	struct request *request;
	uint32_t slot;
};

struct request {
	struct request *next;
	struct channel *channel;
	int type;
	struct range range;
	void *data;
	bool fua;
	io_done done;
	void *context;
	uint32_t parts_left, written, tried, rounds;
	uint32_t missed; /* bit n: the member in slot n lacks it, which must be durable before the acknowledgement */
	uint32_t sent, generations[SLOTS_MAX]; /* the members that it was sent to */
	bool is_ok;
	struct part parts[SLOTS_MAX];
};

static struct request *g_unacknowledged;

static bool
overlaps(struct range one, struct range other)
{
	return one.first < other.end && other.first < one.end;
}

static bool
is_write(const struct request *request)
{
	return request->type == RAIDSTORM_WRITE || request->type == RAIDSTORM_UNMAP;
}

static bool
is_readable(uint32_t slot)
{
	return g_array.slots[slot].state == SLOT_MEMBER && !g_array.slots[slot].is_unreadable;
}

static void
request_unlink(struct request **list, struct request *request)
{
	while (*list != request) {
		list = &(*list)->next;
	}
	*list = request->next;
	request->next = NULL;
}

static void
request_end(struct request *request, bool is_ok)
{
	io_done done = request->done;
	void *context = request->context;

	channel_check(request->channel);
	free(request);
	done(context, is_ok); /* may close the channel */
}

/*
 * Reads. The first block decides which member is asked first, so that each serves some. Each has two turns, for it may
 * work again when the last one has failed.
 */

static bool
channel_read_source(const struct channel *channel, uint64_t block, uint32_t tried, uint32_t *slot)
{
	uint32_t count = g_array.superblock.count;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t candidate = (uint32_t)((block + i) % count);

		if (channel->members >> candidate & 1 && is_readable(candidate) && !(tried >> candidate & 1)) {
			*slot = candidate;
			return true;
		}
	}
	return false;
}

static void read_ended(void *context, bool is_ok);

static bool
read_send(struct request *request)
{
	struct channel *channel = request->channel;
	struct range range = request->range;
	uint32_t slot;

	if (!channel_read_source(channel, range.first, request->tried, &slot)) {
		request->tried = 0;
		if (request->rounds++ > 0 || !channel_read_source(channel, range.first, 0, &slot)) {
			return false;
		}
	}
	request->parts[0] = (struct part){request, slot};
	disk_submit(channel->disks[slot], RAIDSTORM_READ, slot_data_offset(slot) + range.first, range.end - range.first,
		    request->data, false, read_ended, &request->parts[0]);
	return true;
}

static void
read_ended(void *context, bool is_ok)
{
	struct part *part = context;
	struct request *request = part->request;

	request->tried |= 1u << part->slot;
	if (is_ok || g_array.state != ARRAY_ONLINE || !read_send(request)) {
		request_unlink(&request->channel->requests, request);
		request_end(request, is_ok);
	}
}

/* Writes. */

/* All members have answered. An acknowledgement says that every member has the data, or is durably none any more. */
static void
write_ended(struct request *request)
{
	uint32_t holders = 0, missed = 0;

	for (uint32_t slot = 0; slot < SLOTS_MAX; slot++) {
		enum slot_state state = g_array.slots[slot].state;
		bool is_same = request->generations[slot] == g_array.slots[slot].generation;

		if (!(request->sent >> slot & 1) || !is_same || (state != SLOT_MEMBER && state != SLOT_TARGET)) {
			continue; /* a member that has been removed since doesn't count */
		}
		if (!(request->written >> slot & 1)) {
			missed |= 1u << slot;
		} else if (is_readable(slot)) {
			holders |= 1u << slot;
		}
	}
	request_unlink(&request->channel->requests, request);
	if (holders == 0 || (missed != 0 && g_array.state != ARRAY_ONLINE)) {
		request_end(request, false); /* no member is worse than another */
		return;
	}
	if (missed == 0) {
		request_end(request, true);
		return;
	}
	request->missed = missed;
	request->next = g_unacknowledged;
	g_unacknowledged = request;
	for (uint32_t slot = 0; slot < SLOTS_MAX; slot++) {
		if (missed >> slot & 1) {
			g_array.slots[slot].is_unreadable = true;
			member_failed(slot);
		}
	}
	channel_check(request->channel); /* the lock doesn't wait for the acknowledgement, only for I/O */
}

static void
part_ended(void *context, bool is_ok)
{
	struct part *part = context;
	struct request *request = part->request;

	request->written |= is_ok ? 1u << part->slot : 0;
	if (--request->parts_left == 0) {
		write_ended(request);
	} else {
		channel_check(request->channel);
	}
}

static void
mirror_acknowledged(void *context)
{
	struct request *request = context;

	request_end(request, request->is_ok);
}

static void
mirror_acknowledge(void)
{
	struct request **place = &g_unacknowledged, *request;

	while ((request = *place) != NULL) {
		for (uint32_t slot = 0; slot < SLOTS_MAX; slot++) {
			if (request->generations[slot] != g_array.slots[slot].generation) {
				request->missed &= ~(1u << slot);
			}
		}
		if (request->missed != 0 && g_array.state == ARRAY_ONLINE) {
			place = &request->next;
			continue;
		}
		*place = request->next;
		request->is_ok = request->missed == 0;
		SEND(request->channel->thread, mirror_acknowledged, request);
	}
}

/*
 * The slots that a write goes to. A write that begins below the offset goes to the target as a whole: what lies above
 * is copied again later.
 */
static uint32_t
write_slots(const struct channel *channel, const struct request *request)
{
	bool is_below = request->range.first < channel->offset;

	if (g_options.mistake == MISTAKE_LOST_WRITE) {
		is_below = request->range.end <= channel->offset;
	}
	if (channel->target >= 0 && (is_below || !is_write(request))) {
		return channel->members | 1u << channel->target;
	}
	return channel->members;
}

static void
request_start(struct request *request)
{
	struct channel *channel = request->channel;
	uint64_t first = request->range.first, count = request->range.end - first;
	uint32_t slots = write_slots(channel, request);

	request->next = channel->requests;
	channel->requests = request;
	if (request->type == RAIDSTORM_READ) {
		if (!read_send(request)) {
			request_unlink(&channel->requests, request);
			request_end(request, false);
		}
		return;
	}
	for (uint32_t slot = 0; slot < SLOTS_MAX; slot++) {
		request->generations[slot] = g_array.slots[slot].generation;
		request->parts[slot] = (struct part){request, slot};
	}
	request->sent = slots;
	request->parts_left = (uint32_t)__builtin_popcount(slots);
	for (uint32_t slot = 0; slot < SLOTS_MAX; slot++) {
		if (slots >> slot & 1) {
			disk_submit(channel->disks[slot], request->type, slot_data_offset(slot) + first, count,
				    request->data, request->fua, part_ended, &request->parts[slot]);
		}
	}
}

static void
mirror_submit(struct channel *channel, int type, uint64_t first, uint64_t count, void *data, bool fua, io_done done,
	      void *context)
{
	struct request *request = allocate(sizeof(*request));

	request->channel = channel;
	request->type = type;
	request->range = (struct range){first, first + count};
	request->data = data;
	request->fua = fua;
	request->done = done;
	request->context = context;
	if (g_array.state != ARRAY_ONLINE || channel->members == 0) {
		request_end(request, false);
	} else if (is_write(request) && overlaps(request->range, channel->lock)) {
		*channel->waiting_end = request;
		channel->waiting_end = &request->next;
	} else {
		request_start(request);
	}
}
