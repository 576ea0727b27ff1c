/* The array on the app thread: its life, and its members. Each change is a job, and the next one begins when it has ended. */

static struct job *g_jobs;
static struct {
	struct job *job;
	job_step then;
	uint32_t left;
} g_follow;
static uint32_t g_examinations;
static struct job *g_examination_waiters;

/* Jobs. */

static void
job_start(void *unused)
{
	(void)unused;
	g_jobs->run(g_jobs);
}

static void
job_add(struct job *job, void (*run)(struct job *job))
{
	struct job **end = &g_jobs;

	job->run = run;
	while (*end != NULL) {
		end = &(*end)->next;
	}
	*end = job;
	if (g_jobs == job) {
		SEND(g_app, job_start, NULL);
	}
}

static void
job_end(struct job *job)
{
	assert(g_jobs == job);
	g_jobs = job->next;
	free(job);
	if (g_jobs != NULL) {
		SEND(g_app, job_start, NULL);
	}
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
job_fail(struct job *job, int status)
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
	job_fail(job, job->status);
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

/* The array serves nothing from now on. Requests that wait for a change of members would wait for a job behind this one. */
static void
array_stop(struct job *job, int status)
{
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
delete_run(struct job *job)
{
	if (g_array.state == ARRAY_ONLINE) {
		array_stop(job, 0);
	} else if (g_array.state == ARRAY_CONFIGURING) {
		array_closed(job, 0);
	} else {
		job_fail(job, -ENODEV);
	}
}

/* Creation. The new members are assumed to be equal: there is no first synchronisation. */

static void
array_online(struct job *job, int status)
{
	if (status != 0) {
		array_dismiss();
		job_fail(job, status);
		return;
	}
	g_array.state = ARRAY_ONLINE;
	array_report();
	job_fail(job, 0);
}

static int
create_check(const struct job *job)
{
	if (g_array.state != ARRAY_ABSENT) {
		return -EEXIST;
	}
	for (uint32_t i = 0; i < job->count; i++) {
		struct disk *disk = job->disks[i];

		for (uint32_t other = 0; other < i; other++) {
			if (job->disks[other] == disk) {
				return -EPERM;
			}
		}
		if (disk->state != DISK_PRESENT) {
			return -ENODEV;
		}
		if (!disk->is_examined) {
			return -EIO;
		}
		if (disk->found.is_valid) {
			return -EEXIST; /* it may be the last copy of another array's data */
		}
	}
	return 0;
}

static void
create_run(struct job *job)
{
	uint64_t offset = job->has_superblock ? DATA_OFFSET : 0, blocks = UINT64_MAX;
	struct superblock *superblock = &g_array.superblock;
	int status = create_check(job);

	if (status != 0) {
		job_fail(job, status);
		return;
	}
	g_array.has_superblock = job->has_superblock;
	superblock->count = job->count;
	memcpy(superblock->uuid, job->uuid, UUID_BYTES);
	for (uint32_t slot = 0; slot < job->count && status == 0; slot++) {
		struct disk *disk = job->disks[slot];

		status = disk->blocks <= offset ? -EINVAL : slot_occupy(slot, disk, SLOT_MEMBER);
		memcpy(superblock->entries[slot].uuid, disk->uuid, UUID_BYTES);
		superblock->entries[slot].data_offset = offset;
		superblock->entries[slot].state = ENTRY_CONFIGURED;
		blocks = disk->blocks - offset < blocks ? disk->blocks - offset : blocks;
	}
	superblock->blocks = blocks;
	if (status != 0) {
		array_dismiss();
		job_fail(job, status);
		return;
	}
	g_array.state = ARRAY_CONFIGURING;
	array_report();
	superblock_save(job, array_online);
}

/* Assembly. */

/* The superblock of a copied disk names the original; it must not define an array. */
static bool
names_itself(const struct disk *disk)
{
	for (uint32_t slot = 0; disk->found.is_valid && slot < disk->found.count; slot++) {
		if (memcmp(disk->found.entries[slot].uuid, disk->uuid, UUID_BYTES) == 0) {
			return true;
		}
	}
	return false;
}

/* Disks that were examined before may have a newer superblock of the same array. */
static const struct superblock *
newest_found(const struct superblock *than)
{
	for (uint32_t i = 0; i < DISKS_MAX; i++) {
		const struct superblock *found = &g_disks[i].found;

		if (g_disks[i].state == DISK_PRESENT && names_itself(&g_disks[i]) && found->sequence > than->sequence &&
		    memcmp(found->uuid, than->uuid, UUID_BYTES) == 0) {
			than = found;
		}
	}
	return than;
}

/* A disk belongs to the array whose superblock names it; its own superblock matters only if it is newer. */
static void
assembly_join(struct disk *disk)
{
	const struct superblock *superblock = &g_array.superblock;

	if (disk->state != DISK_PRESENT || disk->is_claimed || !disk->is_examined ||
	    (disk->found.is_valid && memcmp(disk->found.uuid, superblock->uuid, UUID_BYTES) != 0)) {
		return;
	}
	for (uint32_t slot = 0; slot < superblock->count; slot++) {
		const struct entry *entry = &superblock->entries[slot];

		if (entry->state == ENTRY_CONFIGURED && g_array.slots[slot].disk == NULL &&
		    memcmp(entry->uuid, disk->uuid, UUID_BYTES) == 0 && disk->blocks >= entry->data_offset &&
		    disk->blocks - entry->data_offset >= superblock->blocks) {
			slot_occupy(slot, disk, SLOT_MEMBER);
			return;
		}
	}
}

/* All members that the newest superblock calls CONFIGURED must be there: an absent one may know that these are stale. */
static void
assembly_continue(struct job *job)
{
	uint32_t missing = 0;

	for (uint32_t i = 0; i < DISKS_MAX; i++) {
		assembly_join(&g_disks[i]);
	}
	for (uint32_t slot = 0; slot < g_array.superblock.count; slot++) {
		missing += g_array.superblock.entries[slot].state == ENTRY_CONFIGURED && g_array.slots[slot].disk == NULL;
	}
	array_report();
	if (missing == 0) {
		superblock_save(job, array_online);
	} else {
		job_fail(job, 0);
	}
}

/* The array follows the newest superblock of all disks examined so far. */
static void
assembly_adopt(const struct superblock *found)
{
	const struct superblock *newest = newest_found(found);
	struct superblock adopted = *newest;

	if (newest == &g_array.superblock) {
		return;
	}
	if (g_array.state == ARRAY_CONFIGURING) {
		array_dismiss();
	}
	g_array.superblock = adopted;
	g_array.has_superblock = true;
	g_array.state = ARRAY_CONFIGURING;
}

static void
examination_ended(void)
{
	struct job *waiter;

	if (--g_examinations > 0) {
		return;
	}
	while ((waiter = g_examination_waiters) != NULL) {
		g_examination_waiters = waiter->next;
		job_reply(waiter, 0);
		free(waiter);
	}
}

static void
examined_run(struct job *job)
{
	struct disk *disk = job->disks[0];
	bool is_absent = g_array.state == ARRAY_ABSENT;

	examination_ended();
	if (disk->state != DISK_PRESENT || disk->is_claimed || g_array.state == ARRAY_ONLINE ||
	    (is_absent && !names_itself(disk))) {
		job_fail(job, 0);
		return;
	}
	assembly_adopt(is_absent ? &disk->found : &g_array.superblock);
	assembly_continue(job);
}

static void
disk_examined(void *context)
{
	job_add(context, examined_run);
}

static void
disk_examine(void *context)
{
	struct job *job = allocate(sizeof(*job));

	job->disks[0] = context;
	disk_look(context, disk_examined, job);
}

/* The operator starts an array whose other members won't come, and answers for it that this disk has all data. */
static void
start_degraded_run(struct job *job)
{
	struct superblock *superblock = &g_array.superblock;
	int slot = slot_of(job->disks[0]);

	if (g_array.state != ARRAY_CONFIGURING || slot < 0) {
		job_fail(job, g_array.state == ARRAY_ONLINE ? -EPERM : -ENODEV);
		return;
	}
	for (uint32_t other = 0; other < superblock->count; other++) {
		if (g_array.slots[other].disk == NULL) {
			superblock->entries[other].state = ENTRY_MISSING;
		}
	}
	/* A write that a crash has cut short may have reached only the absent members: leave their numbers behind. */
	superblock->sequence += 1 << 16;
	superblock_save(job, array_online);
}

/* Removal. */

static void
remove_followed(struct job *job, int status)
{
	(void)status;
	slot_release(job->slot);
	job_fail(job, 0);
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
remove_run(struct job *job)
{
	struct slot *slot = &g_array.slots[job->slot];

	if (slot->state != SLOT_MEMBER || slot->generation != job->generation) {
		job_fail(job, -ENODEV); /* another job has removed it */
	} else if (g_array.state == ARRAY_CONFIGURING) {
		slot_release(job->slot); /* the array waits for it again, unless nothing of it is left */
		if (array_has_source_beside(SLOTS_MAX)) {
			array_report();
		} else {
			array_dismiss();
		}
		job_fail(job, 0);
	} else if (!array_has_source_beside(job->slot)) {
		array_stop(job, 0); /* the last one stays CONFIGURED, so that the array can be assembled from it */
	} else {
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
		job_add(job, remove_run);
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

int
raidstorm_plug(uint32_t number, uint64_t blocks, const char *uuid)
{
	struct disk *disk = &g_disks[number];

	if (number >= DISKS_MAX || disk->media == NULL || blocks > disk->capacity || !uuid_parse(disk->uuid, uuid)) {
		return -EINVAL;
	}
	if (disk->state != DISK_ABSENT) {
		return -EEXIST;
	}
	disk->state = DISK_PRESENT;
	disk->blocks = blocks;
	disk->is_examined = false;
	memset(&disk->found, 0, sizeof(disk->found));
	RAIDSTORM_EMIT(RAIDSTORM_DISK_APPEARED, number);
	g_examinations++;
	SEND(g_app, disk_examine, disk);
	return 0;
}

int
raidstorm_unplug(uint32_t number)
{
	if (number >= DISKS_MAX || g_disks[number].state != DISK_PRESENT) {
		return -ENOENT;
	}
	g_disks[number].state = DISK_REMOVED;
	SEND(g_app, disk_removed, &g_disks[number]);
	disk_check_gone(&g_disks[number]);
	return 0;
}

/* What an operator sees, in SPDK's words. */

static size_t
report_slots(char *text, size_t room)
{
	size_t length = 0;

	for (uint32_t number = 0; number < g_array.superblock.count; number++) {
		const struct slot *slot = &g_array.slots[number];
		bool is_there = slot->state == SLOT_MEMBER || slot->state == SLOT_TARGET;
		char name[16] = "null", uuid[37];

		if (is_there) {
			snprintf(name, sizeof(name), "\"disk%u\"", slot->disk->number);
		}
		uuid_format(g_array.superblock.entries[number].uuid, uuid);
		length += (size_t)snprintf(text + length, room - length,
			"%s{\"name\": %s, \"uuid\": \"%s\", \"is_configured\": %s, \"data_offset\": %lu, \"data_size\": %lu}",
			number > 0 ? ", " : "", name, uuid, is_there ? "true" : "false",
			(unsigned long)slot_data_offset(number), (unsigned long)g_array.superblock.blocks);
	}
	return length;
}

static size_t
report_process(char *text, size_t room)
{
	const struct rebuild *rebuild = g_array.rebuild;

	if (rebuild == NULL || g_array.slots[rebuild->slot].state != SLOT_TARGET) {
		return 0;
	}
	return (size_t)snprintf(text, room,
		"\"process\": {\"type\": \"rebuild\", \"target\": \"disk%u\", \"progress\": {\"blocks\": %lu, \"percent\": %lu}}, ",
		g_array.slots[rebuild->slot].disk->number, (unsigned long)rebuild->offset,
		(unsigned long)(rebuild->offset * 100 / g_array.superblock.blocks));
}

static const char *
array_text(void)
{
	static const char *const states[] = {"", "configuring", "online", "offline"};
	static char text[4096];
	uint32_t discovered = 0, expected = 0;
	size_t length;
	char uuid[37];

	if (g_array.state == ARRAY_ABSENT) {
		return "[]";
	}
	for (uint32_t slot = 0; slot < g_array.superblock.count; slot++) {
		enum slot_state state = g_array.slots[slot].state;

		discovered += state == SLOT_MEMBER || state == SLOT_TARGET;
		expected += g_array.superblock.entries[slot].state == ENTRY_CONFIGURED;
	}
	uuid_format(g_array.superblock.uuid, uuid);
	length = (size_t)snprintf(text, sizeof(text),
		"[{\"name\": \"" ARRAY_NAME "\", \"uuid\": \"%s\", \"strip_size_kb\": 0, \"state\": \"%s\", "
		"\"raid_level\": \"raid1\", \"superblock\": %s, \"num_base_bdevs\": %u, \"num_base_bdevs_discovered\": %u, "
		"\"num_base_bdevs_operational\": %u, ",
		uuid, states[g_array.state], g_array.has_superblock ? "true" : "false", g_array.superblock.count, discovered,
		g_array.state == ARRAY_CONFIGURING ? expected : discovered);
	length += report_process(text + length, sizeof(text) - length);
	length += (size_t)snprintf(text + length, sizeof(text) - length, "\"base_bdevs_list\": [");
	length += report_slots(text + length, sizeof(text) - length);
	snprintf(text + length, sizeof(text) - length, "]}]");
	return text;
}

static void
array_report(void)
{
	static char last[4096] = "[]";
	const char *text = array_text();

	if (strcmp(text, last) != 0) {
		strcpy(last, text);
		raidstorm_emit_bytes(RAIDSTORM_STATE, 0, NULL, text, strlen(text));
	}
}
