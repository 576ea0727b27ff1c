/*
 * The mirror on one thread: reads from one member, writes to all, and to the target of a rebuild below its offset.
 *
 * A channel is a thread's view of the array: members, target, offset, lock. The app thread publishes a new state, then has all
 * channels follow it by message, each on its own thread; a channel that is born meanwhile starts with the published state.
 */

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
	uint32_t turn; /* of the members in serving reads */
};

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

static void channel_check(struct channel *channel);

static void
request_end(struct request *request, bool is_ok)
{
	io_done done = request->done;
	void *context = request->context;

	channel_check(request->channel);
	free(request);
	done(context, is_ok); /* may close the channel */
}

/* Reads. Each member has two turns, for it may work again when the last one has failed. */

static bool
channel_read_source(struct channel *channel, uint32_t tried, uint32_t *slot)
{
	for (uint32_t i = 0; i < SLOTS_MAX; i++) {
		uint32_t candidate = (channel->turn + i) % SLOTS_MAX;

		if (channel->members >> candidate & 1 && is_readable(candidate) && !(tried >> candidate & 1)) {
			channel->turn = candidate + 1;
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

	if (!channel_read_source(channel, request->tried, &slot)) {
		request->tried = 0;
		if (request->rounds++ > 0 || !channel_read_source(channel, 0, &slot)) {
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

/* The slots that a write goes to. A write that begins below the offset goes to the target as a whole: what lies above is
 * copied again later. */
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

/* Channels. */

static void
channel_resume(struct channel *channel)
{
	struct request *waiting = channel->waiting, *next;

	channel->waiting = NULL;
	channel->waiting_end = &channel->waiting;
	if (g_options.mistake == MISTAKE_HANG && g_array.rebuild != NULL && g_array.rebuild->status < 0) {
		return; /* the mistake: nobody answers the writes that wait for the lock of a rebuild that has been stopped */
	}
	for (; waiting != NULL; waiting = next) {
		next = waiting->next;
		waiting->next = NULL;
		if (overlaps(waiting->range, channel->lock)) {
			*channel->waiting_end = waiting;
			channel->waiting_end = &waiting->next;
		} else {
			request_start(waiting);
		}
	}
}

/* The mistake: only the begin of a rebuild opens its target, which a channel that is born later never sees. */
static bool
has_started_without(const struct channel *channel, uint32_t slot)
{
	const struct rebuild *rebuild = g_array.rebuild;

	return g_array.slots[slot].state == SLOT_TARGET && rebuild->thread != NULL && rebuild->thread != channel->thread;
}

static int
channel_update(struct channel *channel)
{
	int status = 0;

	channel->members = 0;
	channel->target = -1;
	channel->offset = g_array.rebuild != NULL ? g_array.rebuild->offset : 0;
	channel->lock = g_array.lock;
	for (uint32_t slot = 0; slot < SLOTS_MAX; slot++) {
		enum slot_state state = g_array.slots[slot].state;

		if (state != SLOT_MEMBER && state != SLOT_TARGET) {
			continue;
		}
		if (channel->disks[slot] == NULL && g_options.mistake == MISTAKE_CRASH && has_started_without(channel, slot)) {
			channel->target = (int)slot;
			continue;
		}
		if (channel->disks[slot] == NULL) {
			channel->disks[slot] = disk_channel_get(channel->thread, g_array.slots[slot].disk);
		}
		if (channel->disks[slot] == NULL) {
			status = -ENOMEM;
		} else if (state == SLOT_MEMBER) {
			channel->members |= 1u << slot;
		} else {
			channel->target = (int)slot;
		}
	}
	return status;
}

static struct channel *
channel_open(struct thread *thread)
{
	struct channel *channel = allocate(sizeof(*channel));

	assert(thread->channel == NULL);
	channel->thread = thread;
	channel->waiting_end = &channel->waiting;
	thread->channel = channel;
	if (channel_update(channel) != 0) {
		channel_close(channel);
		return NULL;
	}
	return channel;
}

static struct disk_channel *
channel_disk(struct channel *channel, uint32_t slot)
{
	return channel->disks[slot];
}

static void
channel_close(struct channel *channel)
{
	assert(channel->requests == NULL && channel->waiting == NULL);
	for (uint32_t slot = 0; slot < SLOTS_MAX; slot++) {
		if (channel->disks[slot] != NULL) {
			disk_channel_put(channel->disks[slot]);
		}
	}
	if (channel->is_following) {
		SEND(g_app, array_followed, NULL);
	}
	channel->thread->channel = NULL;
	free(channel);
}

/*
 * A channel has followed when nothing in flight contradicts the published state: no I/O on a member that it has dropped, and no
 * write that the lock excludes.
 */
static void
channel_check(struct channel *channel)
{
	struct request *request = channel->requests;

	if (!channel->is_following) {
		return;
	}
	for (; request != NULL; request = request->next) {
		if (is_write(request) && overlaps(request->range, channel->lock)) {
			return;
		}
	}
	for (uint32_t slot = 0; slot < SLOTS_MAX; slot++) {
		bool is_used = channel->members >> slot & 1 || channel->target == (int)slot;

		if (is_used || channel->disks[slot] == NULL) {
			continue;
		}
		if (!disk_channel_is_idle(channel->disks[slot])) {
			return;
		}
		disk_channel_put(channel->disks[slot]);
		channel->disks[slot] = NULL;
	}
	channel->is_following = false;
	SEND(g_app, array_followed, NULL);
}

static void
channel_follow(void *unused)
{
	struct channel *channel = g_thread->channel;
	int status;

	(void)unused;
	if (channel == NULL) {
		SEND(g_app, array_followed, NULL); /* it has been closed meanwhile */
		return;
	}
	status = channel_update(channel);
	if (status != 0 && g_array.rebuild != NULL) {
		g_array.rebuild->status = status;
	}
	channel->is_following = true;
	channel_resume(channel);
	channel_check(channel);
}
