/* How an array comes to be: an operator creates it, or its disks are plugged in, examined, and it is assembled. */

static uint32_t g_examinations;
static struct job *g_examination_waiters;

/* Creation. The new members are assumed to be equal: there is no first synchronisation. */

static void
array_online(struct job *job, int status)
{
	if (status != 0) {
		array_dismiss();
		job_finish(job, status);
		return;
	}
	g_array.state = ARRAY_ONLINE;
	array_report();
	job_finish(job, 0);
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
array_create(struct job *job)
{
	uint64_t offset = job->has_superblock ? DATA_OFFSET : 0, blocks = UINT64_MAX;
	struct superblock *superblock = &g_array.superblock;
	int status = create_check(job);

	if (status != 0) {
		job_finish(job, status);
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
		job_finish(job, status);
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
		    memcmp(entry->uuid, disk->uuid, UUID_BYTES) == 0 &&
		    disk->blocks >= entry->data_offset + superblock->blocks) {
			slot_occupy(slot, disk, SLOT_MEMBER);
			return;
		}
	}
}

/*
 * All members that the newest superblock calls CONFIGURED must be there: an absent one may know that these are
 * stale.
 */
static void
assembly_continue(struct job *job)
{
	uint32_t missing = 0;

	for (uint32_t i = 0; i < DISKS_MAX; i++) {
		assembly_join(&g_disks[i]);
	}
	for (uint32_t slot = 0; slot < g_array.superblock.count; slot++) {
		bool is_needed = g_array.superblock.entries[slot].state == ENTRY_CONFIGURED;

		missing += is_needed && g_array.slots[slot].disk == NULL;
	}
	array_report();
	if (missing == 0) {
		superblock_save(job, array_online);
	} else {
		job_finish(job, 0);
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
disk_assemble(struct job *job)
{
	struct disk *disk = job->disks[0];
	bool is_absent = g_array.state == ARRAY_ABSENT;

	examination_ended();
	if (disk->state != DISK_PRESENT || disk->is_claimed || g_array.state == ARRAY_ONLINE ||
	    (is_absent && !names_itself(disk))) {
		job_finish(job, 0);
		return;
	}
	assembly_adopt(is_absent ? &disk->found : &g_array.superblock);
	assembly_continue(job);
}

static void
disk_examined(void *context)
{
	JOB(context, disk_assemble);
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
array_start_degraded(struct job *job)
{
	struct superblock *superblock = &g_array.superblock;
	int slot = slot_of(job->disks[0]);

	if (g_array.state != ARRAY_CONFIGURING || slot < 0) {
		job_finish(job, g_array.state == ARRAY_ONLINE ? -EPERM : -ENODEV);
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

/* Devices come and go. */

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
