/*
 * The service for hosts: poll groups, and the namespaces on them. Its changes run one after the other as well, but
 * in a queue of their own: they wait for requests of hosts, and these may wait for a change of the array.
 */

struct change {
	struct change *next;
	void (*run)(struct change *change);
	const char *name;
	bool has_token;
	uint64_t token;
	uint32_t namespaces, number; /* of a thread */
	uint32_t left;
	int status;
	struct job *job; /* of an array that stops */
	job_step then;
	void (*visited)(struct change *change);
};

static struct change *g_changes;
static uint32_t g_namespaces; /* attached to all poll groups */

static void
change_start(void *unused)
{
	(void)unused;
	g_changes->run(g_changes);
}

static void
changes_go_on(void)
{
	if (g_changes != NULL) {
		thread_send(g_app, change_start, g_changes->name, NULL);
	}
}

#define CHANGE(function, token, namespaces, number) change_add(function, #function, token, namespaces, number)

static int
change_add(void (*run)(struct change *change), const char *name, uint64_t token, uint32_t namespaces, uint32_t number)
{
	struct change *change = allocate(sizeof(*change)), **end = &g_changes;

	change->run = run;
	change->name = name;
	change->has_token = true;
	change->token = token;
	change->namespaces = namespaces;
	change->number = number;
	while (*end != NULL) {
		end = &(*end)->next;
	}
	*end = change;
	if (g_changes == change) {
		changes_go_on();
	}
	return 0;
}

static void
change_end(struct change *change)
{
	if (change->has_token && change->status == 0) {
		reply(change->token, 0, 0, "true", 4);
	} else if (change->has_token) {
		reply_error(change->token, change->status);
	}
	g_changes = change->next;
	changes_go_on();
	if (change->then != NULL) {
		change->then(change->job, 0);
	}
	free(change);
}

/* One handler on every poll group; each answers once. */

static void
change_answered(void *unused)
{
	(void)unused;
	if (--g_changes->left == 0) {
		g_changes->visited(g_changes);
	}
}

static void
change_visit(struct change *change, handler handle, const char *name, void (*visited)(struct change *change))
{
	change->visited = visited;
	change->left = 1;
	for (struct thread *thread = g_threads; thread != NULL; thread = thread->next) {
		if (thread->is_group) {
			change->left++;
			thread_send(thread, handle, name, NULL);
		}
	}
	SEND(g_app, change_answered, NULL);
}
#define VISIT(change, function, visited) change_visit(change, function, #function, visited)

/* Namespaces. */

static void
namespaces_report(void)
{
	char text[1024];
	size_t length = (size_t)snprintf(text, sizeof(text), "[{\"nqn\": \"" SUBSYSTEM "\", \"namespaces\": [");
	const char *comma = "";

	for (uint32_t nsid = 1; nsid < NAMESPACES_MAX; nsid++) {
		if (g_namespaces >> nsid & 1) {
			length += (size_t)snprintf(text + length, sizeof(text) - length,
				"%s{\"nsid\": %u, \"bdev_name\": \"" ARRAY_NAME "\"}", comma, nsid);
			comma = ", ";
		}
	}
	length += (size_t)snprintf(text + length, sizeof(text) - length, "]}]");
	raidstorm_emit_bytes(RAIDSTORM_SUBSYSTEM, 0, NULL, text, length);
}

static void
namespaces_open(void *unused)
{
	(void)unused;
	if (g_thread->channel == NULL && channel_open(g_thread) == NULL) {
		g_changes->status = -ENOMEM;
	} else {
		g_thread->namespaces |= g_changes->namespaces;
	}
	SEND(g_app, change_answered, NULL);
}

static bool
has_io_of(const struct thread *thread, uint32_t namespaces)
{
	for (uint32_t nsid = 1; nsid < NAMESPACES_MAX; nsid++) {
		if (namespaces >> nsid & 1 && thread->io_outstanding[nsid] > 0) {
			return true;
		}
	}
	return false;
}

static void
service_check(struct thread *thread)
{
	if (thread->leaving_namespaces != 0 && !has_io_of(thread, thread->leaving_namespaces)) {
		thread->leaving_namespaces = 0;
		if (thread->namespaces == 0 && thread->channel != NULL) {
			channel_close(thread->channel);
		}
		SEND(g_app, change_answered, NULL);
	}
	if (thread->is_closing && !thread->is_exiting && !host_has_queues(thread)) {
		if (thread->channel != NULL) {
			channel_close(thread->channel);
		}
		thread_exit(thread);
		SEND(g_app, change_answered, NULL);
	}
}

static void
namespaces_close(void *unused)
{
	(void)unused;
	g_thread->namespaces &= ~g_changes->namespaces;
	g_thread->leaving_namespaces = g_changes->namespaces;
	service_check(g_thread);
}

static void
namespaces_changed(struct change *change)
{
	namespaces_report();
	host_namespaces_changed(change->namespaces);
	change_end(change);
}

static void
namespaces_opened(struct change *change)
{
	if (change->status != 0) {
		VISIT(change, namespaces_close, change_end); /* some groups may have it */
		return;
	}
	g_namespaces |= change->namespaces;
	namespaces_changed(change);
}

static void
namespace_attach(struct change *change)
{
	if (g_array.state != ARRAY_ONLINE || (g_namespaces & change->namespaces) != 0) {
		change->status = g_array.state != ARRAY_ONLINE ? -ENODEV : -EINVAL;
		change_end(change);
		return;
	}
	VISIT(change, namespaces_open, namespaces_opened);
}

static void
namespace_detach(struct change *change)
{
	change->namespaces &= g_namespaces;
	if (change->namespaces == 0) {
		change->status = change->then == NULL ? -EINVAL : 0;
		change_end(change);
		return;
	}
	g_namespaces &= ~change->namespaces;
	VISIT(change, namespaces_close, namespaces_changed);
}

static int
service_add_namespace(uint64_t token, uint32_t nsid)
{
	bool is_valid = nsid > 0 && nsid < NAMESPACES_MAX;

	return is_valid ? CHANGE(namespace_attach, token, 1u << nsid, 0) : -EINVAL;
}

static int
service_remove_namespace(uint64_t token, uint32_t nsid)
{
	bool is_valid = nsid > 0 && nsid < NAMESPACES_MAX;

	return is_valid ? CHANGE(namespace_detach, token, 1u << nsid, 0) : -EINVAL;
}

static void
service_evict(struct job *job, job_step then)
{
	struct change *change;

	CHANGE(namespace_detach, 0, UINT32_MAX, 0);
	for (change = g_changes; change->next != NULL; change = change->next) {
	}
	change->has_token = false;
	change->job = job;
	change->then = then;
}

/* Poll groups. */

static void
group_open(void *unused)
{
	(void)unused;
	if (g_namespaces != 0 && channel_open(g_thread) == NULL) {
		g_changes->status = -ENOMEM;
		thread_exit(g_thread);
	} else {
		g_thread->namespaces = g_namespaces;
		g_thread->is_group = g_thread->is_accepting = true;
	}
	SEND(g_app, change_answered, NULL);
}

static void
group_create(struct change *change)
{
	char name[40];

	if (thread_find(change->number) != NULL) {
		change->status = -EBUSY;
		change_end(change);
		return;
	}
	snprintf(name, sizeof(name), "nvmf_tgt_poll_group_%u", change->number - RAIDSTORM_FIRST_POLL_GROUP_THREAD);
	change->left = 1;
	change->visited = change_end;
	SEND(thread_create(change->number, name), group_open, NULL);
}

static void
group_close(void *unused)
{
	(void)unused;
	g_thread->is_closing = true;
	host_leave_all(g_thread);
	service_check(g_thread);
}

static void
group_destroy(struct change *change)
{
	struct thread *thread = thread_find(change->number);

	if (thread == NULL || !thread->is_accepting) {
		change->status = -ENODEV;
		change_end(change);
		return;
	}
	thread->is_accepting = thread->is_group = false;
	change->left = 1;
	change->visited = change_end;
	SEND(thread, group_close, NULL);
}

static int
service_create_group(uint64_t token, uint32_t number)
{
	bool is_valid = number >= RAIDSTORM_FIRST_POLL_GROUP_THREAD && number < RAIDSTORM_FIRST_OTHER_THREAD;

	return is_valid ? CHANGE(group_create, token, 0, number) : -EINVAL;
}

static int
service_destroy_group(uint64_t token, uint32_t number)
{
	return CHANGE(group_destroy, token, 0, number);
}
