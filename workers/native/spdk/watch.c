/*
 * watch.c: what the adapter learns by standing between SPDK's libraries: the linker's --wrap sends calls from one
 * archive to another through here. It serves the census, and finds what waits for pollers without a period, which
 * nothing else shows.
 */
#include "adapter.h"

/* The pollers without a period that something waits for. All others have nothing to do in this adapter. */
#define EXAMINE_POLLER "bdev_wait_for_examine_cb"
#define BANDWIDTH_POLLER "raid_bdev_process_continue_poll"
#define DELAY_PRODUCT "delay"
/* What waits for time without a timer goes on at the first poll after a private time: polls at growing distances. */
#define DELAY_FIRST_US 50
#define DELAY_LAST_US 10000
#define NAME_BYTES 80

/* A few things by their address: devices, channels, descriptors, pollers. */
struct entry {
	const void *address;
	uint32_t thread, count;
	char name[NAME_BYTES];
	TAILQ_ENTRY(entry) link;
};
TAILQ_HEAD(entries, entry);

static struct entries g_devices = TAILQ_HEAD_INITIALIZER(g_devices);
static struct entries g_channels = TAILQ_HEAD_INITIALIZER(g_channels);
static struct entries g_descriptors = TAILQ_HEAD_INITIALIZER(g_descriptors);
static struct entries g_pollers = TAILQ_HEAD_INITIALIZER(g_pollers);

static struct entry *
find_entry(struct entries *entries, const void *address)
{
	struct entry *entry;

	TAILQ_FOREACH(entry, entries, link) {
		if (entry->address == address) {
			return entry;
		}
	}
	return NULL;
}

static struct entry *
enter(struct entries *entries, const void *address, const char *name)
{
	struct entry *entry = find_entry(entries, address);

	if (entry == NULL) {
		entry = calloc(1, sizeof(*entry));
		entry->address = address;
		entry->thread = threads_current();
		TAILQ_INSERT_TAIL(entries, entry, link);
	}
	entry->count++;
	snprintf(entry->name, sizeof(entry->name), "%s", name == NULL ? "?" : name);
	return entry;
}

static void
leave(struct entries *entries, struct entry *entry)
{
	if (entry != NULL && --entry->count == 0) {
		TAILQ_REMOVE(entries, entry, link);
		free(entry);
	}
}

/* Devices and channels. */

void __real_spdk_io_device_register(void *io_device, spdk_io_channel_create_cb create_cb,
				    spdk_io_channel_destroy_cb destroy_cb, uint32_t ctx_size, const char *name);
void __real_spdk_io_device_unregister(void *io_device, spdk_io_device_unregister_cb unregister_cb);
struct spdk_io_channel *__real_spdk_get_io_channel(void *io_device);
void __real_spdk_put_io_channel(struct spdk_io_channel *ch);

void
__wrap_spdk_io_device_register(void *io_device, spdk_io_channel_create_cb create_cb,
			       spdk_io_channel_destroy_cb destroy_cb, uint32_t ctx_size, const char *name)
{
	enter(&g_devices, io_device, name);
	__real_spdk_io_device_register(io_device, create_cb, destroy_cb, ctx_size, name);
}

void
__wrap_spdk_io_device_unregister(void *io_device, spdk_io_device_unregister_cb unregister_cb)
{
	leave(&g_devices, find_entry(&g_devices, io_device));
	__real_spdk_io_device_unregister(io_device, unregister_cb);
}

struct spdk_io_channel *
__wrap_spdk_get_io_channel(void *io_device)
{
	struct entry *device = find_entry(&g_devices, io_device);
	struct spdk_io_channel *channel = __real_spdk_get_io_channel(io_device);

	if (channel != NULL) {
		enter(&g_channels, channel, device == NULL ? NULL : device->name);
	}
	return channel;
}

void
__wrap_spdk_put_io_channel(struct spdk_io_channel *ch)
{
	leave(&g_channels, find_entry(&g_channels, ch));
	__real_spdk_put_io_channel(ch);
}

/* Descriptors. A tree has at least the first of the two calls. */

int __real_spdk_bdev_open_ext(const char *bdev_name, bool write, spdk_bdev_event_cb_t event_cb, void *event_ctx,
			      struct spdk_bdev_desc **desc);
int __real_spdk_bdev_open_ext_v2(const char *bdev_name, bool write, spdk_bdev_event_cb_t event_cb, void *event_ctx,
				 void *opts, struct spdk_bdev_desc **desc) __attribute__((weak));
void __real_spdk_bdev_close(struct spdk_bdev_desc *desc);

int
__wrap_spdk_bdev_open_ext(const char *bdev_name, bool write, spdk_bdev_event_cb_t event_cb, void *event_ctx,
			  struct spdk_bdev_desc **desc)
{
	int status = __real_spdk_bdev_open_ext(bdev_name, write, event_cb, event_ctx, desc);

	if (status == 0) {
		enter(&g_descriptors, *desc, bdev_name);
	}
	return status;
}

int
__wrap_spdk_bdev_open_ext_v2(const char *bdev_name, bool write, spdk_bdev_event_cb_t event_cb, void *event_ctx,
			     void *opts, struct spdk_bdev_desc **desc)
{
	int status = __real_spdk_bdev_open_ext_v2(bdev_name, write, event_cb, event_ctx, opts, desc);

	if (status == 0) {
		enter(&g_descriptors, *desc, bdev_name);
	}
	return status;
}

void
__wrap_spdk_bdev_close(struct spdk_bdev_desc *desc)
{
	leave(&g_descriptors, find_entry(&g_descriptors, desc));
	__real_spdk_bdev_close(desc);
}

/* What waits for time without a timer, by thread. */

struct delayed {
	uint32_t count;
	uint64_t distance, next;
};

static struct delayed *g_delayed;
static uint32_t g_delayed_count;

static struct delayed *
delayed_of(uint32_t thread)
{
	if (thread >= g_delayed_count) {
		g_delayed = realloc(g_delayed, (thread + 1) * sizeof(*g_delayed));
		memset(g_delayed + g_delayed_count, 0, (thread + 1 - g_delayed_count) * sizeof(*g_delayed));
		g_delayed_count = thread + 1;
	}
	return &g_delayed[thread];
}

/* Pollers: some wait for another thread's steps, some for time. One that is paused waits for nothing. */

struct spdk_poller *__real_spdk_poller_register_named(spdk_poller_fn fn, void *arg, uint64_t period_microseconds,
		const char *name);
void __real_spdk_poller_unregister(struct spdk_poller **ppoller);
void __real_spdk_poller_pause(struct spdk_poller *poller);
void __real_spdk_poller_resume(struct spdk_poller *poller);

static void
count_waiting(struct entry *entry, int change)
{
	if (strcmp(entry->name, EXAMINE_POLLER) == 0) {
		threads_wait_for_pollers(entry->thread, change);
	} else {
		delayed_of(entry->thread)->count += (uint32_t)change;
	}
}

/* An entry counts its registration, and once more while the poller isn't paused. */
static void
set_active(struct spdk_poller *poller, bool active)
{
	struct entry *entry = find_entry(&g_pollers, poller);

	if (entry != NULL && active != (entry->count == 2)) {
		entry->count = active ? 2 : 1;
		count_waiting(entry, active ? 1 : -1);
	}
}

struct spdk_poller *
__wrap_spdk_poller_register_named(spdk_poller_fn fn, void *arg, uint64_t period_microseconds, const char *name)
{
	struct spdk_poller *poller = __real_spdk_poller_register_named(fn, arg, period_microseconds, name);

	if (poller != NULL && period_microseconds == 0 && name != NULL &&
	    (strcmp(name, EXAMINE_POLLER) == 0 || strcmp(name, BANDWIDTH_POLLER) == 0)) {
		enter(&g_pollers, poller, name);
		set_active(poller, true);
	}
	return poller;
}

void
__wrap_spdk_poller_unregister(struct spdk_poller **ppoller)
{
	if (*ppoller != NULL) {
		set_active(*ppoller, false);
		leave(&g_pollers, find_entry(&g_pollers, *ppoller));
	}
	__real_spdk_poller_unregister(ppoller);
}

void
__wrap_spdk_poller_pause(struct spdk_poller *poller)
{
	set_active(poller, false);
	__real_spdk_poller_pause(poller);
}

void
__wrap_spdk_poller_resume(struct spdk_poller *poller)
{
	set_active(poller, true);
	__real_spdk_poller_resume(poller);
}

/* SPDK's delay bdev: what its I/O waits for is counted where it comes and goes. */

static const struct spdk_bdev_fn_table *g_delay_functions;
static struct spdk_bdev_fn_table g_counting_functions;

static void
submit_to_delay(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	delayed_of(threads_current())->count++;
	g_delay_functions->submit_request(ch, bdev_io);
}

int __real_spdk_bdev_register(struct spdk_bdev *bdev);
void __real_spdk_bdev_io_complete(struct spdk_bdev_io *bdev_io, enum spdk_bdev_io_status status);

int
__wrap_spdk_bdev_register(struct spdk_bdev *bdev)
{
	if (strcmp(bdev->product_name, DELAY_PRODUCT) == 0) {
		g_delay_functions = bdev->fn_table;
		g_counting_functions = *bdev->fn_table;
		g_counting_functions.submit_request = submit_to_delay;
		bdev->fn_table = &g_counting_functions;
	}
	return __real_spdk_bdev_register(bdev);
}

void
__wrap_spdk_bdev_io_complete(struct spdk_bdev_io *bdev_io, enum spdk_bdev_io_status status)
{
	if (bdev_io->bdev->fn_table == &g_counting_functions) {
		delayed_of(threads_current())->count--;
	}
	__real_spdk_bdev_io_complete(bdev_io, status);
}

void
watch_finish_step(uint32_t number)
{
	struct delayed *delayed = number < g_delayed_count ? &g_delayed[number] : NULL;

	if (delayed == NULL || delayed->count == 0) {
		if (delayed != NULL) {
			delayed->distance = 0;
		}
		return;
	}
	if (delayed->next > spdk_get_ticks()) {
		return;
	}
	delayed->distance = delayed->distance == 0 ? DELAY_FIRST_US : spdk_min(delayed->distance * 2, DELAY_LAST_US);
	delayed->next = spdk_get_ticks() + delayed->distance;
	threads_announce_timer(number, delayed->next);
}

/* The census. */

static int
compare_entries(const void *one, const void *other)
{
	return strcmp((*(struct entry *const *)one)->name, (*(struct entry *const *)other)->name);
}

/* Channels of the bdev layer are named bdev_NAME; those of a module may have the same name without. */
static void
write_device(FILE *file, const char *name)
{
	if (strncmp(name, "bdev_", strlen("bdev_")) == 0) {
		fprintf(file, "channel\t%s", name + strlen("bdev_"));
	} else {
		fprintf(file, "channel\tmodule %s", name);
	}
}

static struct entry **
sorted(struct entries *entries, size_t *count)
{
	struct entry *entry, **all;

	*count = 0;
	TAILQ_FOREACH(entry, entries, link) {
		(*count)++;
	}
	all = calloc(*count + 1, sizeof(struct entry *));
	*count = 0;
	TAILQ_FOREACH(entry, entries, link) {
		all[(*count)++] = entry;
	}
	qsort(all, *count, sizeof(*all), compare_entries);
	return all;
}

void
watch_census_channels(FILE *file)
{
	size_t count;
	struct entry **all = sorted(&g_channels, &count);

	for (size_t i = 0; i < count; i++) {
		struct spdk_thread *thread = threads_find(all[i]->thread);

		write_device(file, all[i]->name);
		fprintf(file, " on %s\t%u\n",
			thread == NULL ? "a thread that has ended" : spdk_thread_get_name(thread), all[i]->count);
	}
	free(all);
}

void
watch_census_descriptors(FILE *file)
{
	size_t count, same;
	struct entry **all = sorted(&g_descriptors, &count);

	for (size_t i = 0; i < count; i += same) {
		for (same = 1; i + same < count && strcmp(all[i]->name, all[i + same]->name) == 0; same++) {
		}
		fprintf(file, "descriptor\t%s\t%zu\n", all[i]->name, same);
	}
	free(all);
}
