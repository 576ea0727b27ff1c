/*
 * Channels: a thread's view of the array, with members, target, offset and lock. The app thread publishes a new
 * state, then has all channels follow it by message, each on its own thread. A channel that is born meanwhile
 * starts with the published state.
 */

static void
channel_resume(struct channel *channel)
{
	struct request *waiting = channel->waiting, *next;

	channel->waiting = NULL;
	channel->waiting_end = &channel->waiting;
	if (g_options.mistake == MISTAKE_HANG && g_array.rebuild != NULL && g_array.rebuild->status < 0) {
		return; /* the mistake: the writes that wait for the lock of a rebuild that stops are forgotten */
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
	bool is_target = g_array.slots[slot].state == SLOT_TARGET;

	return is_target && rebuild->thread != NULL && rebuild->thread != channel->thread;
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
		if (channel->disks[slot] == NULL) {
			if (g_options.mistake == MISTAKE_CRASH && has_started_without(channel, slot)) {
				channel->target = (int)slot;
				continue;
			}
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
 * A channel has followed when nothing in flight contradicts the published state: no I/O on a member that it has
 * dropped, and no write that the lock excludes.
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
