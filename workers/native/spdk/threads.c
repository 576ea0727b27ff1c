/*
 * threads.c: SPDK's threads, one step at a time: a message, the timers that are due, the pollers without a period.
 *
 * It stands in for the reactors. A thread is polled at tick 1 when no timer may fire, and with its ring held when no
 * message may be handled; so each poll does one of the three.
 */
#include "adapter.h"

#define TICK_BEFORE_ALL_TIMERS 1
#define STEPS_UNTIL_IDLE_MAX 100000

struct announced {
	uint64_t *deadlines;
	size_t count, room;
};

struct slot {
	struct spdk_thread *thread; /* NULL before its birth and after its end */
	struct spdk_ring *ring;
	uint32_t messages_owed; /* messages announced and not delivered yet */
	uint32_t waiting; /* pollers without a period that something waits for */
	bool is_known, owes_exit_check, pollers_announced;
	struct announced timers;
};

static struct slot *g_slots;
static uint32_t g_slot_count;
static uint32_t g_next_other = RAIDSTORM_FIRST_OTHER_THREAD;
static int64_t g_asked_number = -1;

static struct slot *
slot_at(uint32_t number)
{
	uint32_t count = g_slot_count ? g_slot_count * 2 : 32;

	if (number >= g_slot_count) {
		while (count <= number) {
			count *= 2;
		}
		g_slots = realloc(g_slots, count * sizeof(*g_slots));
		memset(g_slots + g_slot_count, 0, (count - g_slot_count) * sizeof(*g_slots));
		g_slot_count = count;
	}
	return &g_slots[number];
}

static struct slot *
find_slot(uint32_t number)
{
	return number < g_slot_count && g_slots[number].is_known ? &g_slots[number] : NULL;
}

uint32_t
threads_number_of(struct spdk_thread *thread)
{
	return *(uint32_t *)spdk_thread_get_ctx(thread);
}

/* The app thread answers for what happens on none, such as the set-up. */
uint32_t
threads_current(void)
{
	struct spdk_thread *thread = spdk_get_thread();

	return thread == NULL ? RAIDSTORM_APP_THREAD : threads_number_of(thread);
}

struct spdk_thread *
threads_find(uint32_t number)
{
	struct slot *slot = find_slot(number);

	return slot == NULL ? NULL : slot->thread;
}

struct spdk_thread *
threads_app(void)
{
	return threads_find(RAIDSTORM_APP_THREAD);
}

/* Birth and death. */

static void
emit_born(uint32_t number)
{
	const int64_t words[] = {number};
	const char *name = spdk_thread_get_name(g_slots[number].thread);

	raidstorm_emit_bytes(RAIDSTORM_THREAD_BORN, 1, words, name, strlen(name));
}

/* SPDK makes a thread's ring immediately before it calls this. */
static int
thread_is_born(struct spdk_thread *thread)
{
	uint32_t number = g_asked_number >= 0 ? (uint32_t)g_asked_number : g_next_other++;
	struct slot *slot = slot_at(number);

	g_asked_number = -1;
	*(uint32_t *)spdk_thread_get_ctx(thread) = number;
	slot->thread = thread;
	slot->ring = env_last_ring();
	slot->is_known = true;
	slot->owes_exit_check = false;
	slot->waiting = 0;
	env_watch_ring(slot->ring, number);
	emit_born(number);
	return 0;
}

struct spdk_thread *
threads_create(const char *name, uint32_t number)
{
	struct spdk_thread *thread;

	if (threads_find(number) != NULL) {
		return NULL;
	}
	g_asked_number = number;
	thread = spdk_thread_create(name, NULL);
	g_asked_number = -1;
	return thread;
}

void
threads_count_message(uint32_t number)
{
	g_slots[number].messages_owed++;
	RAIDSTORM_EMIT(RAIDSTORM_MESSAGE, number);
}

/* An exit is noticed by a poll; where nothing else makes one, a message stands for it. */
static void
owe_exit_check(struct slot *slot, uint32_t number)
{
	if (!slot->owes_exit_check && spdk_ring_count(slot->ring) == 0) {
		slot->owes_exit_check = true;
		threads_count_message(number);
	}
}

static void
end_thread(struct slot *slot, uint32_t number)
{
	spdk_thread_destroy(slot->thread);
	slot->thread = NULL;
	slot->ring = NULL;
	RAIDSTORM_EMIT(RAIDSTORM_THREAD_GONE, number);
}

static void
look_after_exit(struct slot *slot, uint32_t number, bool was_polled)
{
	if (spdk_thread_is_running(slot->thread)) {
		return;
	}
	if (!spdk_thread_is_exited(slot->thread)) {
		if (!was_polled) {
			owe_exit_check(slot, number);
		}
	} else if (spdk_thread_is_idle(slot->thread)) {
		end_thread(slot, number);
	} else if (spdk_thread_has_active_pollers(slot->thread)) {
		owe_exit_check(slot, number);
	}
}

/* Timers and pollers are announced once, and again only when the announced step has been taken. */

static bool
is_announced(const struct announced *timers, uint64_t deadline)
{
	for (size_t i = 0; i < timers->count; i++) {
		if (timers->deadlines[i] == deadline) {
			return true;
		}
	}
	return false;
}

void
threads_announce_timer(uint32_t number, uint64_t deadline)
{
	struct announced *timers = &g_slots[number].timers;

	if (is_announced(timers, deadline)) {
		return;
	}
	if (timers->count == timers->room) {
		timers->room = timers->room ? timers->room * 2 : 8;
		timers->deadlines = realloc(timers->deadlines, timers->room * sizeof(*timers->deadlines));
	}
	timers->deadlines[timers->count++] = deadline;
	RAIDSTORM_EMIT(RAIDSTORM_TIMER, number, (int64_t)deadline);
}

static void
forget_fired(struct announced *timers, uint64_t now)
{
	size_t kept = 0;

	for (size_t i = 0; i < timers->count; i++) {
		if (timers->deadlines[i] > now) {
			timers->deadlines[kept++] = timers->deadlines[i];
		}
	}
	timers->count = kept;
}

void
threads_wait_for_pollers(uint32_t number, int change)
{
	g_slots[number].waiting += (uint32_t)change;
}

static void
announce(struct slot *slot, uint32_t number)
{
	uint64_t deadline = spdk_thread_next_poller_expiration(slot->thread);

	if (deadline != 0) {
		threads_announce_timer(number, deadline);
	}
	if (slot->waiting > 0 && !slot->pollers_announced) {
		slot->pollers_announced = true;
		RAIDSTORM_EMIT(RAIDSTORM_POLLERS, number);
	}
}

static bool g_changes_nothing; /* the step is one of those for which no state needs to be compared */

static void
finish_step(uint32_t number, bool was_polled)
{
	struct slot *slot = find_slot(number);

	hosts_finish_step();
	rpc_finish_step();
	watch_finish_step(number);
	if (slot != NULL && slot->thread != NULL) {
		look_after_exit(slot, number, was_polled);
	}
	if (slot != NULL && slot->thread != NULL) {
		announce(slot, number);
	}
	/* Only these two kinds of threads change an array. */
	if (!g_changes_nothing && (number == RAIDSTORM_APP_THREAD || number >= RAIDSTORM_FIRST_OTHER_THREAD)) {
		rpc_check_state(number);
	}
	g_changes_nothing = false;
}

void
threads_finish_step(uint32_t number)
{
	finish_step(number, false);
}

void
threads_begin_direct(struct spdk_thread *thread)
{
	spdk_set_thread(thread);
}

void
threads_end_direct(struct spdk_thread *thread)
{
	uint32_t number = threads_number_of(thread);

	spdk_set_thread(NULL);
	finish_step(number, false);
}

/* The steps. */

int
raidstorm_deliver(uint32_t thread)
{
	struct slot *slot = find_slot(thread);
	void *message;

	if (slot == NULL || slot->messages_owed == 0) {
		return -ENOENT;
	}
	slot->messages_owed--;
	if (slot->thread == NULL) {
		return 0; /* the message stood for a check of an exit that has come about since */
	}
	message = env_ring_head(slot->ring);
	if (message != NULL) {
		names_emit(message);
		g_changes_nothing = names_is_channel_release(message);
	} else {
		slot->owes_exit_check = false;
	}
	spdk_thread_poll(slot->thread, 1, TICK_BEFORE_ALL_TIMERS);
	finish_step(thread, true);
	return 0;
}

static void
poll_without_messages(struct slot *slot, uint64_t now)
{
	struct spdk_ring *ring = slot->ring;

	env_hold_ring(ring, true);
	spdk_thread_poll(slot->thread, 1, now);
	env_hold_ring(ring, false);
}

int
raidstorm_timer(uint32_t thread, uint64_t now_us)
{
	struct slot *slot = find_slot(thread);

	if (slot == NULL) {
		return -ENOENT;
	}
	env_set_clock(now_us);
	if (slot->thread == NULL) {
		return 0;
	}
	forget_fired(&slot->timers, spdk_get_ticks());
	poll_without_messages(slot, spdk_get_ticks());
	finish_step(thread, true);
	return 0;
}

int
raidstorm_pollers(uint32_t thread)
{
	struct slot *slot = find_slot(thread);

	if (slot == NULL || !slot->pollers_announced) {
		return -ENOENT;
	}
	slot->pollers_announced = false;
	if (slot->thread == NULL) {
		return 0;
	}
	poll_without_messages(slot, TICK_BEFORE_ALL_TIMERS);
	finish_step(thread, true);
	return 0;
}

/* The set-up that no seed changes: messages until there are none. */
void
threads_run_until_idle(void)
{
	bool is_busy = true;

	for (int steps = 0; is_busy; steps++) {
		is_busy = false;
		for (uint32_t number = 0; number < g_slot_count; number++) {
			is_busy |= raidstorm_deliver(number) == 0;
			raidstorm_pollers(number);
		}
		if (steps > STEPS_UNTIL_IDLE_MAX) {
			raidstorm_crash("set-up", "SPDK's set-up doesn't end");
		}
	}
}

/* Say again what the set-up has left. */
void
threads_announce_all(void)
{
	for (uint32_t number = 0; number < g_slot_count; number++) {
		struct slot *slot = &g_slots[number];

		if (slot->thread != NULL) {
			emit_born(number);
			slot->timers.count = 0;
			announce(slot, number);
		}
	}
}

int
threads_prepare(void)
{
	struct spdk_thread *app;
	int status = spdk_thread_lib_init(thread_is_born, sizeof(uint64_t));

	if (status != 0) {
		return status;
	}
	app = threads_create("app_thread", RAIDSTORM_APP_THREAD);
	if (app == NULL) {
		return -ENOMEM;
	}
	names_prepare(g_slots[RAIDSTORM_APP_THREAD].ring);
	return 0;
}

void
threads_census(FILE *file)
{
	for (uint32_t number = 0; number < g_slot_count; number++) {
		if (g_slots[number].thread != NULL) {
			fprintf(file, "thread\t%s\t1\n", spdk_thread_get_name(g_slots[number].thread));
		}
	}
}
