/* Hosts: queues on the threads of poll groups, and the controllers that join them, on the app thread. */

#define QUEUES_PER_CONTROLLER 64
#define EVENT_REQUESTS_MAX 4
#define CONTROLLER_ID_MAX 0xfff0 /* from here on the ids mean something else */
#define NAMESPACE_EVENT 0x40002 /* notice, namespace attribute changed, log page 4 */

enum queue_state { QUEUE_NEW, QUEUE_CONNECTING, QUEUE_CONNECTED, QUEUE_LEAVING };

struct queue {
	struct queue *next;
	uint64_t id;
	struct thread *thread;
	enum queue_state state;
	bool has_arrived, is_detaching;
	uint16_t qid;
	struct controller *controller;
	uint32_t outstanding; /* commands, but for event requests */
	/* Of an admin queue: */
	uint64_t event_requests[EVENT_REQUESTS_MAX]; /* tokens */
	uint32_t event_request_count;
	uint32_t changed_namespaces; /* not read from the log page yet */
	bool is_event_pending, is_event_masked; /* masked until the host reads the log page */
};

struct controller {
	struct controller *next;
	uint16_t id;
	uint64_t keep_alive_us;
	bool is_alive; /* shared: a command has come since the timer last fired */
	struct queue *queues[QUEUES_PER_CONTROLLER]; /* by qid */
};

static struct queue *g_queues;
static struct controller *g_controllers;
static uint16_t g_last_controller;
static uint32_t g_next_group;

static struct queue *
queue_find(uint64_t id)
{
	struct queue *queue = g_queues;

	while (queue != NULL && queue->id != id) {
		queue = queue->next;
	}
	return queue;
}

static bool
host_has_queues(const struct thread *thread)
{
	for (struct queue *queue = g_queues; queue != NULL; queue = queue->next) {
		if (queue->thread == thread) {
			return true;
		}
	}
	return false;
}

/* A queue ends: its commands are waited for, then its controller lets go of it, then it is gone. On its thread. */

static void queue_detach(void *context);

static void
queue_gone(void *context)
{
	struct queue *queue = context, **place = &g_queues;
	struct thread *thread = queue->thread;

	while (*place != queue) {
		place = &(*place)->next;
	}
	*place = queue->next;
	RAIDSTORM_EMIT(RAIDSTORM_QUEUE_GONE, queue->id);
	free(queue);
	service_check(thread);
}

static void
queue_check(struct queue *queue)
{
	if (queue->state != QUEUE_LEAVING || queue->outstanding > 0 || !queue->has_arrived || queue->is_detaching) {
		return;
	}
	queue->is_detaching = true;
	if (queue->controller != NULL) {
		SEND(g_app, queue_detach, queue);
	} else {
		queue_gone(queue);
	}
}

static void
queue_leave(void *context)
{
	struct queue *queue = context;

	queue->state = QUEUE_LEAVING;
	queue->event_request_count = 0;
	queue_check(queue);
}

static void
host_leave_all(struct thread *thread)
{
	struct queue *queue = g_queues, *next;

	for (; queue != NULL; queue = next) {
		next = queue->next;
		if (queue->thread == thread) {
			queue_leave(queue);
		}
	}
}

/* Asynchronous events, on the thread of the admin queue. */

static void
queue_tell_event(struct queue *queue)
{
	if (queue->is_event_pending && !queue->is_event_masked && queue->event_request_count > 0) {
		queue->is_event_pending = false;
		queue->is_event_masked = true;
		reply(queue->event_requests[--queue->event_request_count], 0, NAMESPACE_EVENT, NULL, 0);
	}
}

static void
queue_namespaces_changed(void *context)
{
	struct queue *queue = context;

	queue->is_event_pending = true;
	queue_tell_event(queue);
}

/*
 * Controllers. A message to a queue is safe: the answer to queue_detach is behind it in the same thread's
 * messages.
 */

static void
host_namespaces_changed(uint32_t namespaces)
{
	for (struct controller *controller = g_controllers; controller != NULL; controller = controller->next) {
		struct queue *admin = controller->queues[0];

		if (admin != NULL) {
			admin->changed_namespaces |= namespaces;
			SEND(admin->thread, queue_namespaces_changed, admin);
		}
	}
}

static void
controller_disconnect(struct controller *controller)
{
	for (uint32_t qid = 0; qid < QUEUES_PER_CONTROLLER; qid++) {
		if (controller->queues[qid] != NULL) {
			SEND(controller->queues[qid]->thread, queue_leave, controller->queues[qid]);
		}
	}
}

/* It ends a controller that was silent for a whole period, so at the latest after two. */
static void
controller_check_alive(void *context)
{
	struct controller *controller = context;

	if (!controller->is_alive) {
		say(LEVEL_NOTICE, "controller %u was silent for too long", controller->id);
		controller_disconnect(controller);
		return;
	}
	controller->is_alive = false;
	timer_start(g_app, controller->keep_alive_us, controller_check_alive, controller);
}

static struct controller *
controller_find(uint16_t id)
{
	struct controller *controller = g_controllers;

	while (controller != NULL && controller->id != id) {
		controller = controller->next;
	}
	return controller;
}

static struct controller *
controller_create(uint64_t keep_alive_us)
{
	struct controller *controller = allocate(sizeof(*controller)), **end = &g_controllers;

	do {
		controller->id = ++g_last_controller;
	} while (controller->id == 0 || controller->id >= CONTROLLER_ID_MAX || controller_find(controller->id) != NULL);
	controller->keep_alive_us = keep_alive_us;
	controller->is_alive = true;
	while (*end != NULL) {
		end = &(*end)->next;
	}
	*end = controller;
	if (keep_alive_us > 0) {
		timer_start(g_app, keep_alive_us, controller_check_alive, controller);
	}
	return controller;
}

static void
queue_detach(void *context)
{
	struct queue *queue = context;
	struct controller *controller = queue->controller, **place = &g_controllers;

	controller->queues[queue->qid] = NULL;
	SEND(queue->thread, queue_gone, queue);
	if (queue->qid == 0) {
		controller_disconnect(controller); /* it takes its other queues with it */
	}
	for (uint32_t qid = 0; qid < QUEUES_PER_CONTROLLER; qid++) {
		if (controller->queues[qid] != NULL) {
			return;
		}
	}
	while (*place != controller) {
		place = &(*place)->next;
	}
	*place = controller->next;
	timer_cancel(g_app, controller);
	free(controller);
}

/* Queues open and close. */

static void
queue_arrive(void *context)
{
	struct queue *queue = context;

	queue->has_arrived = true;
	if (queue->state == QUEUE_NEW) {
		RAIDSTORM_EMIT(RAIDSTORM_QUEUE_OPENED, queue->id, g_thread->number);
	}
	queue_check(queue); /* its host may have closed it already */
}

static struct thread *
next_group(void)
{
	uint32_t count = 0, turn;
	struct thread *thread;

	for (thread = g_threads; thread != NULL; thread = thread->next) {
		count += thread->is_accepting;
	}
	if (count == 0) {
		return NULL;
	}
	turn = g_next_group++ % count;
	for (thread = g_threads; !thread->is_accepting || turn-- > 0; thread = thread->next) {
	}
	return thread;
}

int
raidstorm_open_queue(uint64_t id, uint32_t host)
{
	struct thread *thread = next_group();
	struct queue *queue;

	(void)host;
	if (thread == NULL) {
		RAIDSTORM_EMIT(RAIDSTORM_QUEUE_REFUSED, id);
		return 0;
	}
	queue = allocate(sizeof(*queue));
	queue->id = id;
	queue->thread = thread;
	queue->next = g_queues;
	g_queues = queue;
	SEND(thread, queue_arrive, queue);
	return 0;
}

int
raidstorm_close_queue(uint64_t id)
{
	struct queue *queue = queue_find(id);

	if (queue == NULL) {
		return -ENOENT;
	}
	g_thread = queue->thread;
	if (queue->state != QUEUE_LEAVING) {
		queue_leave(queue);
	}
	return 0;
}

int
raidstorm_command(uint64_t id, uint64_t token, const uint8_t entry[64], const void *data, uint32_t length)
{
	struct queue *queue = queue_find(id);

	if (queue == NULL) {
		return -ENOENT;
	}
	g_thread = queue->thread;
	if (queue->state != QUEUE_LEAVING) {
		command_execute(queue, token, entry, data, length);
	}
	return 0;
}
