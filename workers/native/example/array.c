/*
 * The array on the app thread: its life, and its members. Each change is a job, and the next one begins when it
 * has ended.
 */

static struct job *g_jobs;
static struct {
	struct job *job;
	job_step then;
	uint32_t left;
} g_follow;

/* Jobs. */

static void
job_start(void *unused)
{
	(void)unused;
	g_jobs->run(g_jobs);
}

static void
jobs_go_on(void)
{
	if (g_jobs != NULL) {
		/* Its name is that of the job, so that a story says what the step does. */
		thread_send(g_app, job_start, g_jobs->name, NULL);
	}
}

static void
job_add(struct job *job, void (*run)(struct job *job), const char *name)
{
	struct job **end = &g_jobs;

	job->run = run;
	job->name = name;
	while (*end != NULL) {
		end = &(*end)->next;
	}
	*end = job;
	if (g_jobs == job) {
		jobs_go_on();
	}
}

static void
job_end(struct job *job)
{
	assert(g_jobs == job);
	g_jobs = job->next;
	free(job);
	jobs_go_on();
}

static void
job_reply(struct job *job, int status)
{
	if (!job->has_token) {
		return;
	}
	job->has_token = false;
	if (status == 0) {
		reply(job->token, 0, 0, "true", 4);
	} else {
		reply_error(job->token, status);
	}
}

static void
job_finish(struct job *job, int status)
{
	job_reply(job, status);
	job_end(job);
}

/* Publishing: the caller has changed g_array; `then` is called when no thread acts on the former state any more. */

static void
array_follow(struct job *job, job_step then)
{
	g_follow.job = job;
	g_follow.then = then;
	g_follow.left = 1;
	for (struct thread *thread = g_threads; thread != NULL; thread = thread->next) {
		if (thread->channel != NULL) {
			g_follow.left++;
			SEND(thread, channel_follow, NULL);
		}
	}
	SEND(g_app, array_followed, NULL);
}

static void
array_followed(void *unused)
{
	(void)unused;
	if (--g_follow.left == 0) {
		g_follow.then(g_follow.job, 0);
	}
}

/* Slots. */

static uint64_t
slot_data_offset(uint32_t slot)
{
	return g_array.has_superblock ? g_array.superblock.entries[slot].data_offset : 0;
}

static int
slot_occupy(uint32_t number, struct disk *disk, enum slot_state state)
{
	struct slot *slot = &g_array.slots[number];

	slot->app_channel = disk_channel_get(g_app, disk);
	if (slot->app_channel == NULL) {
		return -ENOMEM;
	}
	slot->disk = disk;
	slot->state = state;
	slot->is_unreadable = false;
	disk->is_claimed = true;
	return 0;
}

/* Let all channels drop the member; what it lacks from now on matters to none, for no restart would use it. */
static void
slot_unpublish(uint32_t slot)
{
	g_array.slots[slot].state = SLOT_LEAVING;
	g_array.slots[slot].generation++;
	array_report();
	mirror_acknowledge();
}

static void
slot_release(uint32_t number)
{
	struct slot *slot = &g_array.slots[number];
	struct disk *disk = slot->disk;

	slot->state = SLOT_EMPTY;
	slot->generation++;
	slot->is_unreadable = false;
	slot->disk = NULL;
	disk->is_claimed = false;
	disk_channel_put(slot->app_channel);
	slot->app_channel = NULL;
	disk_check_gone(disk);
}

static bool
array_has_source_beside(uint32_t slot)
{
	for (uint32_t other = 0; other < SLOTS_MAX; other++) {
		if (other != slot && g_array.slots[other].state == SLOT_MEMBER && !g_array.slots[other].is_unreadable) {
			return true;
		}
	}
	return false;
}

static int
slot_of(const struct disk *disk)
{
	for (int slot = 0; slot < SLOTS_MAX; slot++) {
		if (g_array.slots[slot].disk == disk && g_array.slots[slot].state != SLOT_LEAVING) {
			return slot;
		}
	}
	return -1;
}

/* The end of an array. */

static void
array_dismiss(void)
{
	for (uint32_t slot = 0; slot < SLOTS_MAX; slot++) {
		if (g_array.slots[slot].disk != NULL) {
			slot_release(slot);
		}
	}
	memset(&g_array.superblock, 0, sizeof(g_array.superblock));
	g_array.state = ARRAY_ABSENT;
	array_report();
}

static void
array_wiped(struct job *job, int status)
{
	(void)status;
	array_dismiss();
	job_finish(job, job->status);
}

static void
array_closed(struct job *job, int status)
{
	if (job->clears) {
		superblock_wipe(job, array_wiped);
	} else {
		array_wiped(job, status);
	}
}

static void
array_evicted(struct job *job, int status)
{
	if (g_array.rebuild != NULL) {
		rebuild_end(job, array_closed);
	} else {
		array_closed(job, status);
	}
}

/*
 * The array serves nothing from now on. Requests that wait for a change of members would wait for a job behind
 * this one.
 */
static void
array_stop(struct job *job, int status)
{
	say(LEVEL_WARNING, "the array stops%s", status != 0 ? ": its superblock can't be written" : "");
	job->status = status;
	g_array.state = ARRAY_OFFLINE;
	if (g_array.rebuild != NULL) {
		g_array.rebuild->status = -ENODEV;
	}
	array_report();
	mirror_acknowledge();
	service_evict(job, array_evicted);
}

static void
array_delete(struct job *job)
{
	if (g_array.state == ARRAY_ONLINE) {
		array_stop(job, 0);
	} else if (g_array.state == ARRAY_CONFIGURING) {
		array_closed(job, 0);
	} else {
		job_finish(job, -ENODEV);
	}
}

/* Removal. */

static void
remove_followed(struct job *job, int status)
{
	(void)status;
	slot_release(job->slot);
	job_finish(job, 0);
}

static void
remove_saved(struct job *job, int status)
{
	if (status != 0) {
		array_stop(job, status); /* a restart would use the member, so nothing may be acknowledged without it */
		return;
	}
	slot_unpublish(job->slot);
	array_follow(job, remove_followed);
}

static void
member_remove(struct job *job)
{
	struct slot *slot = &g_array.slots[job->slot];

	if (slot->state != SLOT_MEMBER || slot->generation != job->generation) {
		job_finish(job, -ENODEV); /* another job has removed it */
	} else if (g_array.state == ARRAY_CONFIGURING) {
		slot_release(job->slot); /* the array waits for it again, unless nothing of it is left */
		if (array_has_source_beside(SLOTS_MAX)) {
			array_report();
		} else {
			array_dismiss();
		}
		job_finish(job, 0);
	} else if (!array_has_source_beside(job->slot)) {
		array_stop(job, 0); /* the last one stays CONFIGURED, so that the array can be assembled from it */
	} else {
		say(LEVEL_NOTICE, "disk%u is being removed%s", slot->disk->number,
		    job->is_failed ? ": it has missed a write" : "");
		if (job->is_failed) {
			RAIDSTORM_EMIT(RAIDSTORM_MEMBER_GIVEN_UP, job->slot);
		}
		slot->is_unreadable = true;
		g_array.superblock.entries[job->slot].state = job->is_failed ? ENTRY_FAILED : ENTRY_MISSING;
		superblock_save(job, remove_saved);
	}
}

static void
member_leave(uint32_t slot, struct job *job, bool is_failed)
{
	job->slot = slot;
	job->generation = g_array.slots[slot].generation;
	job->is_failed = is_failed;
	if (g_array.slots[slot].state == SLOT_TARGET) {
		g_array.rebuild->status = -ENODEV; /* the rebuild stops where it can, and removes its target */
		job->next = g_array.rebuild->removals;
		g_array.rebuild->removals = job;
	} else {
		JOB(job, member_remove);
	}
}

static void
member_has_failed(void *context)
{
	uintptr_t packed = (uintptr_t)context;
	uint32_t slot = packed % SLOTS_MAX;
	enum slot_state state = g_array.slots[slot].state;

	if (packed / SLOTS_MAX == g_array.slots[slot].generation && (state == SLOT_MEMBER || state == SLOT_TARGET)) {
		member_leave(slot, allocate(sizeof(struct job)), true);
	}
}

static void
member_failed(uint32_t slot)
{
	uintptr_t packed = (uintptr_t)g_array.slots[slot].generation * SLOTS_MAX + slot;

	SEND(g_app, member_has_failed, (void *)packed);
}

static void
disk_removed(void *context)
{
	struct disk *disk = context;
	int slot = slot_of(disk);

	if (slot >= 0 && disk->state == DISK_REMOVED) { /* else another device is in its place already */
		member_leave((uint32_t)slot, allocate(sizeof(struct job)), false);
	}
}
