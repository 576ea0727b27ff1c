/* Threads, their messages and their timers. */

struct message {
	struct message *next;
	handler handle;
	const char *name;
	void *context;
};

struct timer {
	struct timer *next; /* in the order of their deadlines */
	uint64_t deadline_us;
	handler handle;
	void *context;
};

static void *
allocate(size_t size)
{
	void *memory = calloc(1, size);

	if (memory == NULL) {
		raidstorm_crash("memory", "the example is out of memory");
	}
	return memory;
}

static void
say(enum level level, const char *format, ...)
{
	const int64_t words[] = {level};
	char text[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	raidstorm_emit_bytes(RAIDSTORM_LOG, 1, words, text, strlen(text));
}

static struct thread *
thread_find(uint32_t number)
{
	struct thread *thread = g_threads;

	while (thread != NULL && thread->number != number) {
		thread = thread->next;
	}
	return thread;
}

static struct thread *
thread_create(uint32_t number, const char *name)
{
	struct thread *thread = allocate(sizeof(*thread)), **place = &g_threads;
	const int64_t words[] = {number};

	thread->number = number;
	snprintf(thread->name, sizeof(thread->name), "%s", name);
	thread->messages_end = &thread->messages;
	while (*place != NULL && (*place)->number < number) {
		place = &(*place)->next;
	}
	thread->next = *place;
	*place = thread;
	raidstorm_emit_bytes(RAIDSTORM_THREAD_BORN, 1, words, name, strlen(name));
	return thread;
}

static void
thread_send(struct thread *thread, handler handle, const char *name, void *context)
{
	struct message *message = allocate(sizeof(*message));

	message->handle = handle;
	message->name = name;
	message->context = context;
	*thread->messages_end = message;
	thread->messages_end = &message->next;
	RAIDSTORM_EMIT(RAIDSTORM_MESSAGE, thread->number);
}

static void
thread_last_message(void *unused)
{
	(void)unused;
}

static void
thread_exit(struct thread *thread)
{
	thread->is_exiting = true;
	SEND(thread, thread_last_message, NULL);
}

static void
thread_destroy(struct thread *thread)
{
	struct thread **place = &g_threads;

	assert(thread->channel == NULL);
	while (*place != thread) {
		place = &(*place)->next;
	}
	*place = thread->next;
	while (thread->timers != NULL) {
		timer_cancel(thread, thread->timers->context);
	}
	RAIDSTORM_EMIT(RAIDSTORM_THREAD_GONE, thread->number);
	free(thread);
}

int
raidstorm_deliver(uint32_t number)
{
	struct thread *thread = thread_find(number);
	struct message *message = thread != NULL ? thread->messages : NULL;

	if (message == NULL) {
		return -ENOENT;
	}
	thread->messages = message->next;
	if (thread->messages == NULL) {
		thread->messages_end = &thread->messages;
	}
	raidstorm_emit_bytes(RAIDSTORM_HANDLED_NAME, 0, NULL, message->name, strlen(message->name));
	g_thread = thread;
	message->handle(message->context);
	free(message);
	if (thread->is_exiting && thread->messages == NULL) {
		thread_destroy(thread);
	}
	return 0;
}

/* Timers. */

static void
timer_start(struct thread *thread, uint64_t delay_us, handler handle, void *context)
{
	struct timer *timer = allocate(sizeof(*timer)), **place = &thread->timers;

	timer->deadline_us = g_now_us + delay_us;
	timer->handle = handle;
	timer->context = context;
	while (*place != NULL && (*place)->deadline_us <= timer->deadline_us) {
		place = &(*place)->next;
	}
	timer->next = *place;
	*place = timer;
	RAIDSTORM_EMIT(RAIDSTORM_TIMER, thread->number, timer->deadline_us);
}

static void
timer_cancel(struct thread *thread, const void *context)
{
	struct timer **place = &thread->timers, *timer;

	while ((timer = *place) != NULL) {
		if (timer->context == context) {
			*place = timer->next;
			free(timer);
		} else {
			place = &timer->next;
		}
	}
}

/* A timer that was cancelled leaves a step without work, which is allowed. */
int
raidstorm_timer(uint32_t number, uint64_t now_us)
{
	struct thread *thread = thread_find(number);
	struct timer *timer;

	g_now_us = now_us > g_now_us ? now_us : g_now_us;
	g_thread = thread;
	while (thread != NULL && (timer = thread->timers) != NULL && timer->deadline_us <= g_now_us) {
		thread->timers = timer->next;
		timer->handle(timer->context);
		free(timer);
	}
	return 0;
}

int
raidstorm_pollers(uint32_t number)
{
	return thread_find(number) != NULL ? 0 : -ENOENT; /* nothing here waits for pollers */
}
