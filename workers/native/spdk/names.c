/*
 * names.c: the function that a message is about, for the stories. It decides nothing.
 *
 * Two layouts are private to lib/thread: a message begins with its function and its argument, and the iterator that
 * spdk_for_each_channel sends around holds the function for each channel and the one for the end. Both are looked for
 * at the start, with functions that are known; a layout that isn't found costs names alone.
 */
#include "adapter.h"

#define WORDS_SEARCHED 12

struct message {
	const void *function;
	const void *const *argument;
};

/* A function of lib/thread that calls another, and the place of that one in its argument. */
struct detour {
	const void *function;
	int place;
};

static struct detour g_to_channel, g_to_end;
static const void *g_channel_release;

/* Releasing a channel is frequent, and changes nothing of an array or a subsystem. */
bool
names_is_channel_release(const void *message)
{
	return ((const struct message *)message)->function == g_channel_release;
}

void
names_emit(const void *message)
{
	const struct message *sent = message;

	if (sent->function == g_to_channel.function && sent->function != NULL) {
		raidstorm_emit_handled(sent->argument[g_to_channel.place]);
	} else if (sent->function == g_to_end.function && sent->function != NULL) {
		raidstorm_emit_handled(sent->argument[g_to_end.place]);
	} else {
		raidstorm_emit_handled(sent->function);
	}
}

/* The search: one device with one channel, visited once. */

static void
known_message(void *unused)
{
}

static void
known_for_channel(struct spdk_io_channel_iter *iter)
{
	spdk_for_each_channel_continue(iter, 0);
}

static void
known_for_end(struct spdk_io_channel_iter *iter, int status)
{
}

static int
create_channel(void *io_device, void *ctx_buf)
{
	return 0;
}

static void
destroy_channel(void *io_device, void *ctx_buf)
{
}

static void
look_for(struct detour *detour, struct spdk_ring *ring, const void *wanted)
{
	const struct message *sent = env_ring_head(ring);

	for (int place = 0; sent != NULL && place < WORDS_SEARCHED; place++) {
		if (sent->argument[place] == wanted) {
			detour->function = sent->function;
			detour->place = place;
			return;
		}
	}
}

void
names_prepare(struct spdk_ring *ring)
{
	static char device;
	struct spdk_io_channel *channel;
	const struct message *sent;

	spdk_thread_send_msg(threads_app(), known_message, NULL);
	sent = env_ring_head(ring);
	if (spdk_ring_count(ring) != 1 || sent->function != (const void *)known_message) {
		raidstorm_crash("set-up", "the adapter doesn't know how this SPDK queues the messages of a thread");
	}
	raidstorm_deliver(RAIDSTORM_APP_THREAD);
	spdk_set_thread(threads_app());
	spdk_io_device_register(&device, create_channel, destroy_channel, 1, "names");
	channel = spdk_get_io_channel(&device);
	spdk_for_each_channel(&device, known_for_channel, NULL, known_for_end);
	look_for(&g_to_channel, ring, (const void *)known_for_channel);
	raidstorm_deliver(RAIDSTORM_APP_THREAD);
	look_for(&g_to_end, ring, (const void *)known_for_end);
	threads_run_until_idle();
	spdk_set_thread(threads_app());
	spdk_put_io_channel(channel);
	if (env_ring_head(ring) != NULL) {
		g_channel_release = ((const struct message *)env_ring_head(ring))->function;
	}
	spdk_io_device_unregister(&device, NULL);
	spdk_set_thread(NULL);
	threads_run_until_idle();
}
