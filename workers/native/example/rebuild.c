/*
 * The rebuild: a new member is filled window by window, on a thread of its own. Each window is a job of the array:
 * writes to it are locked out on all channels, it is copied, the offset is published, the lock goes. Between
 * windows other changes have their turn. Only the superblock that is written at the end makes the target a member.
 */

static uint32_t g_rebuilds;

static void rebuild_continue(void *unused);
static void rebuild_read(void *unused);
static void rebuild_drop(struct job *job);
static void rebuild_followed(struct job *job, int status);

static uint64_t
window_end(const struct rebuild *rebuild)
{
	uint64_t end = rebuild->offset + g_options.window_blocks;

	return end < g_array.superblock.blocks ? end : g_array.superblock.blocks;
}

/* On its thread. */

static void
rebuild_open(void *unused)
{
	(void)unused;
	if (channel_open(g_thread) == NULL) {
		g_array.rebuild->status = -ENOMEM;
	}
	SEND(g_app, rebuild_continue, NULL);
}

static void
rebuild_copied(void *unused)
{
	struct rebuild *rebuild = g_array.rebuild;

	(void)unused;
	if (rebuild->status == 0) {
		rebuild->offset = window_end(rebuild);
	}
	g_array.lock = (struct range){0, 0};
	array_report();
	array_follow(rebuild->job, rebuild->after);
}

static void
rebuild_wrote(void *unused, bool is_ok)
{
	struct rebuild *rebuild = g_array.rebuild;

	(void)unused;
	if (!is_ok && rebuild->status == 0) {
		rebuild->status = -EIO;
	}
	SEND(g_app, rebuild_copied, NULL);
}

static void
rebuild_read_ended(void *unused, bool is_ok)
{
	struct rebuild *rebuild = g_array.rebuild;
	uint64_t first = slot_data_offset(rebuild->slot) + rebuild->offset;

	if (!is_ok) {
		rebuild_read(unused);
		return;
	}
	disk_submit(g_thread->channel->disks[rebuild->slot], RAIDSTORM_WRITE, first,
		    window_end(rebuild) - rebuild->offset, rebuild->window, false, rebuild_wrote, NULL);
}

/* Read the window from a member that was not tried yet. */
static void
rebuild_read(void *unused)
{
	struct rebuild *rebuild = g_array.rebuild;
	uint32_t source;

	(void)unused;
	if (rebuild->status != 0 ||
	    !channel_read_source(g_thread->channel, rebuild->offset, rebuild->tried, &source)) {
		rebuild_wrote(NULL, false);
		return;
	}
	rebuild->tried |= 1u << source;
	disk_submit(g_thread->channel->disks[source], RAIDSTORM_READ, slot_data_offset(source) + rebuild->offset,
		    window_end(rebuild) - rebuild->offset, rebuild->window, false, rebuild_read_ended, NULL);
}

static void
rebuild_paused(void *unused)
{
	SEND(g_app, rebuild_continue, unused);
}

static void
rebuild_pause(void *unused)
{
	timer_start(g_thread, g_options.window_blocks * 1000 / g_options.rebuild_blocks_per_ms, rebuild_paused, unused);
}

static void rebuild_gone(void *unused);

static void
rebuild_exit(void *unused)
{
	(void)unused;
	if (g_thread->channel != NULL) {
		channel_close(g_thread->channel);
	}
	thread_exit(g_thread);
	SEND(g_app, rebuild_gone, NULL);
}

/* On the app thread: windows. */

static void
window_unlocked(struct job *job, int status)
{
	(void)status;
	if (g_options.rebuild_blocks_per_ms != 0) {
		SEND(g_array.rebuild->thread, rebuild_pause, NULL);
	} else {
		SEND(g_app, rebuild_continue, NULL);
	}
	job_end(job);
}

static void
window_locked(struct job *job, int status)
{
	(void)status;
	g_array.rebuild->tried = 0;
	g_array.rebuild->job = job;
	g_array.rebuild->after = window_unlocked;
	SEND(g_array.rebuild->thread, rebuild_read, NULL);
}

/* The end. */

static void
rebuild_saved(struct job *job, int status)
{
	struct rebuild *rebuild = g_array.rebuild;
	struct slot *slot = &g_array.slots[rebuild->slot];

	if (status != 0) {
		array_stop(job, status);
		return;
	}
	if (g_array.superblock.entries[rebuild->slot].state != ENTRY_CONFIGURED) {
		rebuild_drop(job); /* its own superblock could not be written */
		return;
	}
	slot->state = SLOT_MEMBER;
	rebuild->status = 0;
	array_report();
	RAIDSTORM_EMIT(RAIDSTORM_REBUILD_ENDED, 0);
	if (slot->is_unreadable) { /* it has missed a write meanwhile, which is not acknowledged yet */
		member_failed(rebuild->slot);
	}
	array_follow(job, rebuild_followed);
}

static void
rebuild_flushed(void *context, bool is_ok)
{
	struct rebuild *rebuild = g_array.rebuild;

	if (!is_ok || rebuild->status != 0 || g_array.slots[rebuild->slot].is_unreadable) {
		rebuild_drop(context);
		return;
	}
	g_array.superblock.entries[rebuild->slot].state = ENTRY_CONFIGURED;
	superblock_save(context, rebuild_saved);
}

static void
rebuild_dropped(struct job *job, int status)
{
	slot_release(g_array.rebuild->slot);
	rebuild_followed(job, status);
}

static void
rebuild_drop(struct job *job)
{
	struct rebuild *rebuild = g_array.rebuild;

	rebuild->status = rebuild->status != 0 ? rebuild->status : -EIO;
	say(LEVEL_NOTICE, "the rebuild of disk%u ends: %s", g_array.slots[rebuild->slot].disk->number,
	    strerror(-rebuild->status));
	g_array.superblock.entries[rebuild->slot].state = ENTRY_MISSING;
	slot_unpublish(rebuild->slot);
	RAIDSTORM_EMIT(RAIDSTORM_REBUILD_ENDED, rebuild->status);
	array_follow(job, rebuild_dropped);
}

static void
rebuild_ended(struct job *job, int status)
{
	job_finish(job, status);
}

static void
rebuild_followed(struct job *job, int status)
{
	(void)status;
	rebuild_end(job, rebuild_ended);
}

static void
rebuild_end(struct job *job, job_step after)
{
	g_array.rebuild->job = job;
	g_array.rebuild->after = after;
	if (g_array.rebuild->thread != NULL) {
		SEND(g_array.rebuild->thread, rebuild_exit, NULL);
	} else {
		SEND(g_app, rebuild_gone, NULL);
	}
}

static void
rebuild_gone(void *unused)
{
	struct rebuild *rebuild = g_array.rebuild;
	struct job *removal, *next;

	(void)unused;
	g_array.rebuild = NULL;
	for (removal = rebuild->removals; removal != NULL; removal = next) {
		next = removal->next;
		removal->next = NULL;
		if (rebuild->status == 0) {
			JOB(removal, member_remove); /* too late to stop: it is a member now */
		} else {
			job_reply(removal, 0);
			free(removal);
		}
	}
	rebuild->after(rebuild->job, rebuild->status);
	free(rebuild->window);
	free(rebuild);
}

/* The next window, or the end. */

static void
rebuild_next(struct job *job)
{
	struct rebuild *rebuild = g_array.rebuild;
	struct slot *slot;

	if (rebuild == NULL || rebuild->number != job->rebuild) {
		job_end(job); /* the array has stopped meanwhile */
		return;
	}
	slot = &g_array.slots[rebuild->slot];
	if (rebuild->status != 0 || slot->is_unreadable) {
		rebuild_drop(job);
	} else if (rebuild->offset == g_array.superblock.blocks) {
		/* The superblock may call it CONFIGURED only when what was copied is on its medium. */
		disk_submit(slot->app_channel, RAIDSTORM_FLUSH, 0, 0, NULL, false, rebuild_flushed, job);
	} else {
		g_array.lock = (struct range){rebuild->offset, window_end(rebuild)};
		array_follow(job, window_locked);
	}
}

static void
rebuild_continue(void *unused)
{
	struct job *job;

	(void)unused;
	if (g_array.rebuild != NULL) {
		job = allocate(sizeof(*job));
		job->rebuild = g_array.rebuild->number;
		JOB(job, rebuild_next);
	}
}

/* The begin. */

static void
rebuild_started(struct job *job, int status)
{
	struct rebuild *rebuild = g_array.rebuild;

	(void)status;
	if (rebuild->status != 0) {
		job_reply(job, rebuild->status);
		rebuild_drop(job); /* a channel has no access to the target */
		return;
	}
	rebuild->thread = thread_create(rebuild->number, ARRAY_NAME "_rebuild");
	SEND(rebuild->thread, rebuild_open, NULL);
	job_finish(job, 0);
}

static void
rebuild_begin(struct job *job, uint32_t slot)
{
	struct rebuild *rebuild = allocate(sizeof(*rebuild));

	rebuild->number = RAIDSTORM_FIRST_OTHER_THREAD + g_rebuilds++;
	rebuild->slot = slot;
	rebuild->window = allocate(g_options.window_blocks * BLOCK);
	g_array.rebuild = rebuild;
	array_report();
	array_follow(job, rebuild_started);
}

/* bdev_raid_add_base_bdev: the first superblock that names the new member is the one at the end. */

static int
add_place(const struct disk *disk)
{
	int place = -1;

	for (int slot = (int)g_array.superblock.count - 1; slot >= 0; slot--) {
		if (g_array.slots[slot].state != SLOT_EMPTY) {
			continue;
		}
		if (memcmp(g_array.superblock.entries[slot].uuid, disk->uuid, UUID_BYTES) == 0) {
			return slot;
		}
		place = slot;
	}
	return place;
}

static int
add_check(const struct disk *disk)
{
	if (g_array.state != ARRAY_ONLINE || disk->state != DISK_PRESENT || !array_has_source_beside(SLOTS_MAX)) {
		return -ENODEV;
	}
	if (g_array.rebuild != NULL || disk->is_claimed) {
		return -EPERM;
	}
	if (!disk->is_examined) {
		return -EIO;
	}
	if (disk->found.is_valid && (!g_array.has_superblock ||
				     memcmp(disk->found.uuid, g_array.superblock.uuid, UUID_BYTES) != 0)) {
		return -EEXIST; /* it is another array's */
	}
	return add_place(disk) < 0 ? -EINVAL : 0;
}

static void
member_add(struct job *job)
{
	struct disk *disk = job->disks[0];
	int status = add_check(disk);
	struct entry *entry;
	uint32_t slot;

	if (status != 0) {
		job_finish(job, status);
		return;
	}
	slot = (uint32_t)add_place(disk);
	entry = &g_array.superblock.entries[slot];
	if (disk->blocks < slot_data_offset(slot) + g_array.superblock.blocks) {
		job_finish(job, -EINVAL);
		return;
	}
	if (slot_occupy(slot, disk, SLOT_TARGET) != 0) {
		job_finish(job, -ENOMEM);
		return;
	}
	memcpy(entry->uuid, disk->uuid, UUID_BYTES);
	entry->state = ENTRY_MISSING;
	rebuild_begin(job, slot);
}
