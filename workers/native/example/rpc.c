/* The operator's methods. */

static void
reply(uint64_t token, int status, uint32_t value, const void *data, size_t length)
{
	const int64_t words[] = {(int64_t)token, status, value};

	raidstorm_emit_bytes(RAIDSTORM_REPLY, 3, words, data, length);
}

static void
reply_error(uint64_t token, int error)
{
	const char *message = strerror(-error);

	reply(token, error, 0, message, strlen(message));
}

struct rpc {
	uint64_t token;
	const char *params;
};

static int
rpc_string(const struct rpc *rpc, const char *name, char *string, size_t room)
{
	return json_string(json_member(rpc->params, name), string, room) ? 0 : -EINVAL;
}

static struct job *
rpc_job(const struct rpc *rpc)
{
	struct job *job = allocate(sizeof(*job));

	job->has_token = true;
	job->token = rpc->token;
	return job;
}

/* Look at the disks of a job, then add it. */

static void
rpc_looked(void *context)
{
	struct job *job = context;

	if (--job->left == 0) {
		job_add(job, job->run, job->name);
	}
}

static int
rpc_look(struct job *job, void (*run)(struct job *job), const char *name)
{
	job->run = run;
	job->name = name;
	job->left = job->count + 1;
	for (uint32_t i = 0; i < job->count; i++) {
		disk_look(job->disks[i], rpc_looked, job);
	}
	rpc_looked(job);
	return 0;
}

#define LOOK(job, function) rpc_look(job, function, #function)

/* Arrays. */

static int
rpc_raid_create(const struct rpc *rpc)
{
	const char *bdevs = json_member(rpc->params, "base_bdevs"), *element;
	char name[64], level[16], uuid[40] = "0a1d0000-0000-8000-8000-000000000001";
	struct job *job = rpc_job(rpc);

	rpc_string(rpc, "uuid", uuid, sizeof(uuid));
	job->has_superblock = json_is_true(json_member(rpc->params, "superblock"));
	if (rpc_string(rpc, "name", name, sizeof(name)) != 0 || strcmp(name, ARRAY_NAME) != 0 ||
	    rpc_string(rpc, "raid_level", level, sizeof(level)) != 0 || strcmp(level, "raid1") != 0 ||
	    !uuid_parse(job->uuid, uuid) || bdevs == NULL || *bdevs != '[') {
		job_reply(job, -EINVAL);
		free(job);
		return 0;
	}
	for (element = json_next(bdevs, true); element != NULL; element = json_next(element, false)) {
		struct disk *disk = json_string(element, name, sizeof(name)) ? disk_named(name) : NULL;
		int status = g_array.state != ARRAY_ABSENT ? -EEXIST : disk == NULL ? -ENODEV : 0;

		if (status != 0 || job->count == SLOTS_MAX) {
			job_reply(job, status != 0 ? status : -EINVAL);
			free(job);
			return 0;
		}
		job->disks[job->count++] = disk;
	}
	if (job->count < 2) {
		job_reply(job, -EINVAL);
		free(job);
		return 0;
	}
	return LOOK(job, array_create);
}

static int
rpc_raid_delete(const struct rpc *rpc)
{
	char name[64];
	struct job *job;

	if (rpc_string(rpc, "name", name, sizeof(name)) != 0) {
		return -EINVAL;
	}
	if (strcmp(name, ARRAY_NAME) != 0) {
		return -ENODEV;
	}
	job = rpc_job(rpc);
	job->clears = json_is_true(json_member(rpc->params, "clear_sb"));
	JOB(job, array_delete);
	return 0;
}

static int
rpc_disk(const struct rpc *rpc, const char *member, struct disk **disk)
{
	char name[64];

	if (rpc_string(rpc, member, name, sizeof(name)) != 0) {
		return -EINVAL;
	}
	*disk = disk_named(name);
	return *disk != NULL ? 0 : -ENODEV;
}

static int
rpc_raid_add_base_bdev(const struct rpc *rpc)
{
	char array[64];
	struct disk *disk;
	struct job *job;
	int status = rpc_string(rpc, "raid_bdev", array, sizeof(array));

	status = status == 0 && strcmp(array, ARRAY_NAME) != 0 ? -ENODEV : status;
	status = status == 0 ? rpc_disk(rpc, "base_bdev", &disk) : status;
	if (status != 0) {
		return status;
	}
	job = rpc_job(rpc);
	job->disks[job->count++] = disk;
	return LOOK(job, member_add);
}

static int
rpc_raid_remove_base_bdev(const struct rpc *rpc)
{
	struct disk *disk;
	int status = rpc_disk(rpc, "name", &disk), slot = status == 0 ? slot_of(disk) : -1;

	if (slot < 0) {
		return status != 0 ? status : -ENODEV;
	}
	member_leave((uint32_t)slot, rpc_job(rpc), false);
	return 0;
}

static int
rpc_raid_start_degraded(const struct rpc *rpc)
{
	struct disk *disk;
	struct job *job;
	int status = rpc_disk(rpc, "base_bdev", &disk);

	if (status != 0) {
		return status;
	}
	job = rpc_job(rpc);
	job->disks[0] = disk;
	JOB(job, array_start_degraded);
	return 0;
}

static int
rpc_raid_get_bdevs(const struct rpc *rpc)
{
	const char *text = array_text();

	reply(rpc->token, 0, 0, text, strlen(text));
	return 0;
}

/* Bdevs. */

static int
rpc_examine(const struct rpc *rpc)
{
	struct disk *disk;
	int status = rpc_disk(rpc, "name", &disk);

	if (status == 0) {
		g_examinations++;
		SEND(g_app, disk_examine, disk);
		reply(rpc->token, 0, 0, "true", 4);
	}
	return status;
}

static int
rpc_wait_for_examine(const struct rpc *rpc)
{
	struct job *job = rpc_job(rpc);

	if (g_examinations == 0) {
		job_reply(job, 0);
		free(job);
	} else {
		job->next = g_examination_waiters;
		g_examination_waiters = job;
	}
	return 0;
}

static void
rpc_reset_ended(void *context, bool is_ok)
{
	struct job *job = context;

	job->status = is_ok ? job->status : -EIO;
	if (--job->left == 0) {
		job_reply(job, job->status);
		free(job);
	}
}

struct reset {
	struct job *job;
	struct disk_channel *channel;
};

static void
rpc_reset_disk_ended(void *context, bool is_ok)
{
	struct reset *reset = context;

	disk_channel_put(reset->channel);
	rpc_reset_ended(reset->job, is_ok);
	free(reset);
}

static void
rpc_reset_disk(struct job *job, struct disk *disk)
{
	struct reset *reset = allocate(sizeof(*reset));

	job->left++;
	reset->job = job;
	reset->channel = disk_channel_get(g_app, disk);
	if (reset->channel == NULL) {
		rpc_reset_ended(job, false);
		free(reset);
		return;
	}
	disk_submit(reset->channel, RAIDSTORM_RESET, 0, 0, NULL, false, rpc_reset_disk_ended, reset);
}

/* The reset of a disk, or of all members: it ends I/O that hangs. */
static int
rpc_reset(const struct rpc *rpc)
{
	char name[64];
	struct job *job;
	struct disk *disk;

	if (rpc_string(rpc, "name", name, sizeof(name)) != 0) {
		return -EINVAL;
	}
	disk = disk_named(name);
	if (disk == NULL && (g_array.state != ARRAY_ONLINE || strcmp(name, ARRAY_NAME) != 0)) {
		return -ENODEV;
	}
	job = rpc_job(rpc);
	job->left = 1;
	for (uint32_t slot = 0; slot < SLOTS_MAX; slot++) {
		if (disk == NULL && g_array.slots[slot].disk != NULL) {
			rpc_reset_disk(job, g_array.slots[slot].disk);
		}
	}
	if (disk != NULL) {
		rpc_reset_disk(job, disk);
	}
	rpc_reset_ended(job, true);
	return 0;
}

/* The service. */

static int
rpc_add_namespace(const struct rpc *rpc)
{
	const char *namespace = json_member(rpc->params, "namespace");
	char bdev[64];

	if (!json_string(json_member(namespace, "bdev_name"), bdev, sizeof(bdev))) {
		return -EINVAL;
	}
	if (strcmp(bdev, ARRAY_NAME) != 0) {
		return -ENODEV;
	}
	return service_add_namespace(rpc->token, (uint32_t)json_number(json_member(namespace, "nsid"), 1));
}

static int
rpc_remove_namespace(const struct rpc *rpc)
{
	return service_remove_namespace(rpc->token, (uint32_t)json_number(json_member(rpc->params, "nsid"), 0));
}

static int
rpc_create_group(const struct rpc *rpc)
{
	return service_create_group(rpc->token, (uint32_t)json_number(json_member(rpc->params, "thread"), 0));
}

static int
rpc_destroy_group(const struct rpc *rpc)
{
	return service_destroy_group(rpc->token, (uint32_t)json_number(json_member(rpc->params, "thread"), 0));
}

static const struct {
	const char *name;
	int (*handle)(const struct rpc *rpc); /* an error is answered by the caller */
} g_methods[] = {
	{"bdev_raid_create", rpc_raid_create},
	{"bdev_raid_delete", rpc_raid_delete},
	{"bdev_raid_add_base_bdev", rpc_raid_add_base_bdev},
	{"bdev_raid_remove_base_bdev", rpc_raid_remove_base_bdev},
	{"bdev_raid_start_degraded", rpc_raid_start_degraded},
	{"bdev_raid_get_bdevs", rpc_raid_get_bdevs},
	{"bdev_examine", rpc_examine},
	{"bdev_wait_for_examine", rpc_wait_for_examine},
	{"nvmf_subsystem_add_ns", rpc_add_namespace},
	{"nvmf_subsystem_remove_ns", rpc_remove_namespace},
	{"raidstorm_poll_group_create", rpc_create_group},
	{"raidstorm_poll_group_destroy", rpc_destroy_group},
	{"raidstorm_bdev_reset", rpc_reset},
};

int
raidstorm_rpc(uint64_t token, const char *method, const char *params)
{
	struct rpc rpc = {token, *params != '\0' ? params : "{}"};
	int status = json_is_object(rpc.params) ? -ENOSYS : -EINVAL;

	g_thread = g_app;
	for (size_t i = 0; i < sizeof(g_methods) / sizeof(g_methods[0]) && status == -ENOSYS; i++) {
		if (strcmp(g_methods[i].name, method) == 0) {
			status = g_methods[i].handle(&rpc);
		}
	}
	if (status != 0) {
		reply_error(token, status);
	}
	return 0;
}
