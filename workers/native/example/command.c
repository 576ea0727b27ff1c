/* NVMe commands: of fabrics, of the administrator, and I/O. */

#define DNR (1 << 14)

enum status {
	STATUS_OK = 0,
	STATUS_INVALID_OPCODE = 0x001 | DNR,
	STATUS_INVALID_FIELD = 0x002 | DNR,
	STATUS_DEVICE_ERROR = 0x006,
	STATUS_INVALID_NAMESPACE = 0x00b | DNR,
	STATUS_SEQUENCE_ERROR = 0x00c,
	STATUS_OUT_OF_RANGE = 0x080 | DNR,
	STATUS_INVALID_QUEUE = 0x101,
	STATUS_TOO_MANY_EVENT_REQUESTS = 0x105,
	STATUS_INVALID_CONNECT = 0x182 | DNR,
};

enum opcode {
	OPCODE_FLUSH = 0x00,
	OPCODE_WRITE = 0x01,
	OPCODE_READ = 0x02,
	OPCODE_WRITE_ZEROES = 0x08,
	OPCODE_DATASET_MANAGEMENT = 0x09,
	OPCODE_FABRICS = 0x7f,
};

enum admin_opcode {
	ADMIN_GET_LOG_PAGE = 0x02,
	ADMIN_IDENTIFY = 0x06,
	ADMIN_ABORT = 0x08,
	ADMIN_EVENT_REQUEST = 0x0c,
	ADMIN_KEEP_ALIVE = 0x18,
};

#define FABRICS_PROPERTY_SET 0
#define FABRICS_CONNECT 1
#define CONNECT_BYTES 1024
#define PAGE_BYTES 4096
#define CHANGED_NAMESPACES 4
#define FUA (1u << 30)
#define RANGE_BYTES 16

struct command {
	struct queue *queue;
	uint64_t token;
	uint8_t opcode;
	uint32_t nsid;
	uint8_t *data;
	size_t length;
	uint32_t ranges_left;
	bool is_failed;
	/* Of a connect: */
	uint16_t qid, controller_id;
	uint64_t keep_alive_us;
	int status;
};

static uint32_t
dword(const uint8_t *entry, int number)
{
	return (uint32_t)get_number(entry + 4 * number, 4);
}

static struct command *
command_begin(struct queue *queue, uint64_t token, size_t length)
{
	struct command *command = allocate(sizeof(*command));

	command->queue = queue;
	command->token = token;
	command->length = length;
	command->data = length > 0 ? allocate(length) : NULL;
	queue->outstanding++;
	return command;
}

static void
command_end(struct command *command, int status, uint32_t value, size_t length)
{
	struct queue *queue = command->queue;

	if (queue->state != QUEUE_LEAVING) {
		reply(command->token, status, value, command->data, length);
	}
	free(command->data);
	free(command);
	queue->outstanding--;
	queue_check(queue);
}

/* Connect: by way of the app thread, which has the controllers. */

static void
connect_answered(void *context)
{
	struct command *command = context;
	struct queue *queue = command->queue;

	if (queue->state == QUEUE_CONNECTING) {
		queue->state = command->status == STATUS_OK ? QUEUE_CONNECTED : QUEUE_NEW;
	}
	command_end(command, command->status, command->status == STATUS_OK ? command->controller_id : 0, 0);
}

static void
connect_on_app(void *context)
{
	struct command *command = context;
	struct controller *controller;

	if (command->qid == 0) {
		controller = controller_create(command->keep_alive_us);
		command->controller_id = controller->id;
	} else {
		controller = controller_find(command->controller_id);
	}
	if (controller == NULL || (command->qid != 0 && controller->queues[0] == NULL)) {
		command->status = STATUS_INVALID_CONNECT;
	} else if (controller->queues[command->qid] != NULL) {
		command->status = STATUS_INVALID_QUEUE;
	} else {
		controller->queues[command->qid] = command->queue;
		command->queue->controller = controller;
		command->queue->qid = command->qid;
	}
	SEND(command->queue->thread, connect_answered, command);
}

static void
connect_begin(struct queue *queue, uint64_t token, const uint8_t *entry, const uint8_t *data, uint32_t length)
{
	struct command *command;
	uint32_t qid = dword(entry, 10) >> 16;

	if (queue->state != QUEUE_NEW) {
		reply(token, STATUS_SEQUENCE_ERROR, 0, NULL, 0);
	} else if (data == NULL || length < CONNECT_BYTES || qid >= QUEUES_PER_CONTROLLER) {
		reply(token, STATUS_INVALID_CONNECT, 0, NULL, 0);
	} else {
		command = command_begin(queue, token, 0);
		command->qid = (uint16_t)qid;
		command->controller_id = (uint16_t)get_number(data + 16, 2);
		command->keep_alive_us = (uint64_t)dword(entry, 12) * 1000;
		queue->state = QUEUE_CONNECTING;
		SEND(g_app, connect_on_app, command);
	}
}

/* Admin commands: all end at once, but for event requests. */

static void
identify(struct queue *queue, uint64_t token, const uint8_t *entry, uint32_t length)
{
	uint8_t page[PAGE_BYTES] = {0};
	uint32_t nsid = dword(entry, 1), cns = dword(entry, 10) & 0xff;
	uint32_t namespaces = queue->thread->namespaces;

	if (cns == 0 && nsid < NAMESPACES_MAX && namespaces >> nsid & 1) {
		put_number(page, g_array.superblock.blocks, 8);
		put_number(page + 8, g_array.superblock.blocks, 8);
		put_number(page + 16, g_array.superblock.blocks, 8);
		page[130] = 9; /* blocks of 2^9 bytes */
	} else if (cns == 2) {
		for (uint32_t id = 1, at = 0; id < NAMESPACES_MAX; id++) {
			if (id > nsid && namespaces >> id & 1) {
				put_number(page + at, id, 4);
				at += 4;
			}
		}
	} else if (cns != 0) {
		reply(token, STATUS_INVALID_FIELD, 0, NULL, 0);
		return;
	}
	reply(token, STATUS_OK, 0, page, length < PAGE_BYTES ? length : PAGE_BYTES);
}

static void
get_log_page(struct queue *queue, uint64_t token, const uint8_t *entry, uint32_t length)
{
	uint8_t page[PAGE_BYTES] = {0};

	if ((dword(entry, 10) & 0xff) != CHANGED_NAMESPACES) {
		reply(token, STATUS_INVALID_FIELD, 0, NULL, 0);
		return;
	}
	for (uint32_t id = 1, at = 0; id < NAMESPACES_MAX; id++) {
		if (queue->changed_namespaces >> id & 1) {
			put_number(page + at, id, 4);
			at += 4;
		}
	}
	queue->changed_namespaces = 0;
	queue->is_event_masked = false;
	reply(token, STATUS_OK, 0, page, length < PAGE_BYTES ? length : PAGE_BYTES);
	queue_tell_event(queue);
}

static void
request_event(struct queue *queue, uint64_t token)
{
	if (queue->event_request_count == EVENT_REQUESTS_MAX) {
		reply(token, STATUS_TOO_MANY_EVENT_REQUESTS, 0, NULL, 0);
		return;
	}
	queue->event_requests[queue->event_request_count++] = token;
	queue_tell_event(queue);
}

static void
admin_execute(struct queue *queue, uint64_t token, const uint8_t *entry, uint32_t length)
{
	switch (entry[0]) {
	case ADMIN_KEEP_ALIVE:
		reply(token, STATUS_OK, 0, NULL, 0);
		break;
	case ADMIN_IDENTIFY:
		identify(queue, token, entry, length);
		break;
	case ADMIN_GET_LOG_PAGE:
		get_log_page(queue, token, entry, length);
		break;
	case ADMIN_EVENT_REQUEST:
		request_event(queue, token);
		break;
	case ADMIN_ABORT:
		reply(token, STATUS_OK, 1, NULL, 0); /* too late to abort it, which is allowed at any time */
		break;
	default:
		reply(token, STATUS_INVALID_OPCODE, 0, NULL, 0);
	}
}

/* I/O. */

static void
io_end(struct command *command, int status, size_t length)
{
	struct thread *thread = command->queue->thread;

	thread->io_outstanding[command->nsid]--;
	command_end(command, status, 0, length);
	service_check(thread);
}

static void
io_ended(void *context, bool is_ok)
{
	struct command *command = context;

	command->is_failed |= !is_ok;
	if (--command->ranges_left == 0) {
		io_end(command, command->is_failed ? STATUS_DEVICE_ERROR : STATUS_OK,
		       command->opcode == OPCODE_READ && !command->is_failed ? command->length : 0);
	}
}

static bool
is_in_range(uint64_t first, uint64_t count)
{
	return first <= g_array.superblock.blocks && count <= g_array.superblock.blocks - first;
}

static void
deallocate(struct command *command, const uint8_t *data)
{
	uint32_t count = command->ranges_left;

	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *range = data + RANGE_BYTES * i;

		if (!is_in_range(get_number(range + 8, 8), get_number(range + 4, 4))) {
			io_end(command, STATUS_OUT_OF_RANGE, 0);
			return;
		}
	}
	command->ranges_left++; /* so that it doesn't end in the loop */
	for (uint32_t i = 0; i < count; i++) {
		uint64_t first = get_number(data + RANGE_BYTES * i + 8, 8);
		uint64_t blocks = get_number(data + RANGE_BYTES * i + 4, 4);

		if (blocks == 0) {
			io_ended(command, true);
			continue;
		}
		mirror_submit(g_thread->channel, RAIDSTORM_UNMAP, first, blocks, NULL, false, io_ended, command);
	}
	io_ended(command, true);
}

static void
transfer(struct queue *queue, uint64_t token, const uint8_t *entry, const uint8_t *data, uint32_t length)
{
	uint64_t first = dword(entry, 10) | (uint64_t)dword(entry, 11) << 32;
	uint64_t count = (dword(entry, 12) & 0xffff) + 1;
	bool is_read = entry[0] == OPCODE_READ, is_write = entry[0] == OPCODE_WRITE;
	struct command *command;

	if (!is_in_range(first, count)) {
		reply(token, STATUS_OUT_OF_RANGE, 0, NULL, 0);
		return;
	}
	if ((is_read || is_write) && (length != count * BLOCK || (is_write && data == NULL))) {
		reply(token, STATUS_INVALID_FIELD, 0, NULL, 0);
		return;
	}
	command = command_begin(queue, token, count * BLOCK);
	if (is_write) {
		memcpy(command->data, data, length);
	}
	command->opcode = entry[0];
	command->nsid = dword(entry, 1);
	command->ranges_left = 1;
	g_thread->io_outstanding[command->nsid]++;
	mirror_submit(g_thread->channel, is_read ? RAIDSTORM_READ : RAIDSTORM_WRITE, first, count, command->data,
		      (dword(entry, 12) & FUA) != 0, io_ended, command);
}

static void
flush_or_deallocate(struct queue *queue, uint64_t token, const uint8_t *entry, const uint8_t *data, uint32_t length)
{
	uint32_t ranges = (dword(entry, 10) & 0xff) + 1;
	bool is_flush = entry[0] == OPCODE_FLUSH;
	struct command *command;

	if (!is_flush && (data == NULL || length < ranges * RANGE_BYTES)) {
		reply(token, STATUS_INVALID_FIELD, 0, NULL, 0);
		return;
	}
	if (!is_flush && !(dword(entry, 11) & 1 << 2)) {
		reply(token, STATUS_OK, 0, NULL, 0); /* only hints */
		return;
	}
	command = command_begin(queue, token, 0);
	command->nsid = dword(entry, 1);
	command->ranges_left = is_flush ? 1 : ranges;
	command->opcode = entry[0];
	g_thread->io_outstanding[command->nsid]++;
	if (is_flush) {
		mirror_submit(g_thread->channel, RAIDSTORM_FLUSH, 0, 0, NULL, false, io_ended, command);
	} else {
		deallocate(command, data);
	}
}

static void
io_execute(struct queue *queue, uint64_t token, const uint8_t *entry, const uint8_t *data, uint32_t length)
{
	uint32_t nsid = dword(entry, 1);

	if (nsid >= NAMESPACES_MAX || !(g_thread->namespaces >> nsid & 1)) {
		reply(token, STATUS_INVALID_NAMESPACE, 0, NULL, 0);
		return;
	}
	switch (entry[0]) {
	case OPCODE_READ:
	case OPCODE_WRITE:
	case OPCODE_WRITE_ZEROES:
		transfer(queue, token, entry, data, length);
		break;
	case OPCODE_FLUSH:
	case OPCODE_DATASET_MANAGEMENT:
		flush_or_deallocate(queue, token, entry, data, length);
		break;
	default:
		reply(token, STATUS_INVALID_OPCODE, 0, NULL, 0);
	}
}

static void
command_execute(struct queue *queue, uint64_t token, const uint8_t *entry, const uint8_t *data, uint32_t length)
{
	if (queue->controller != NULL) {
		queue->controller->is_alive = true;
	}
	if (entry[0] == OPCODE_FABRICS && entry[4] == FABRICS_CONNECT) {
		connect_begin(queue, token, entry, data, length);
	} else if (queue->state != QUEUE_CONNECTED) {
		reply(token, STATUS_SEQUENCE_ERROR, 0, NULL, 0);
	} else if (entry[0] == OPCODE_FABRICS) {
		reply(token, entry[4] == FABRICS_PROPERTY_SET ? STATUS_OK : STATUS_INVALID_OPCODE, 0, NULL, 0);
	} else if (queue->qid == 0) {
		admin_execute(queue, token, entry, length);
	} else {
		io_execute(queue, token, entry, data, length);
	}
}
