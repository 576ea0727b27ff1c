/*
 * hosts.c: an NVMe-oF transport whose connections are queues of raidstorm's hosts. A capsule arrives when
 * raidstorm_command says so, on the thread of the queue's poll group; a response is a record.
 *
 * Contracts kept here: a request and its data live until the step that answered it has ended; a queue until
 * qpair_fini; no capsule comes before poll_group_add.
 */
#include "adapter.h"

#include "spdk/nvme_spec.h"
#include "spdk/nvmf_cmd.h"
#include "spdk/nvmf_spec.h"
#include "spdk/nvmf_transport.h"

#define TRANSPORT "RAIDSTORM"
#define LISTENER_ADDRESS "127.0.0.1"
#define LISTENER_PORT "4420"
#define SUBSYSTEMS_MAX 4
#define GROUPS_MAX RAIDSTORM_FIRST_OTHER_THREAD
#define DATA_ALIGNMENT 64

#ifdef RAIDSTORM_HAS_VOID_REQUEST_OPS
#define REQUEST_OP void
#define REQUEST_OP_DONE
#else
#define REQUEST_OP int
#define REQUEST_OP_DONE return 0
#endif

struct queue {
	struct spdk_nvmf_qpair qpair;
	uint64_t number;
	uint32_t host;
	bool is_open, must_close;
	uint32_t requests;
	TAILQ_ENTRY(queue) link;
};

struct request {
	struct spdk_nvmf_request req;
	union nvmf_h2c_msg cmd;
	union nvmf_c2h_msg rsp;
	uint64_t token;
	uint32_t data_length;
	void *data;
	TAILQ_ENTRY(request) link;
};

static struct spdk_nvmf_tgt *g_tgt;
static struct spdk_nvmf_transport *g_transport;
static struct spdk_nvmf_poll_group *g_groups[GROUPS_MAX];
static TAILQ_HEAD(, queue) g_queues = TAILQ_HEAD_INITIALIZER(g_queues);
static TAILQ_HEAD(, queue) g_dead_queues = TAILQ_HEAD_INITIALIZER(g_dead_queues);
static TAILQ_HEAD(, request) g_dead_requests = TAILQ_HEAD_INITIALIZER(g_dead_requests);

/* The transport. */

static void
opts_init(struct spdk_nvmf_transport_opts *opts)
{
	opts->max_queue_depth = 128;
	opts->max_qpairs_per_ctrlr = 64;
	opts->in_capsule_data_size = 4096;
	opts->max_io_size = 131072;
	opts->io_unit_size = 131072;
	opts->max_aq_depth = 128;
	opts->num_shared_buffers = 0;
	opts->buf_cache_size = 0;
}

static struct spdk_nvmf_transport *
create(struct spdk_nvmf_transport_opts *opts)
{
	g_transport = calloc(1, sizeof(*g_transport));
	return g_transport;
}

#ifdef RAIDSTORM_HAS_VOID_REQUEST_OPS
static void
#else
static int
#endif
destroy(struct spdk_nvmf_transport *transport, spdk_nvmf_transport_destroy_done_cb cb_fn, void *cb_arg)
{
	free(transport);
	if (cb_fn != NULL) {
		cb_fn(cb_arg);
	}
	REQUEST_OP_DONE;
}

static int
listen_on(struct spdk_nvmf_transport *transport, const struct spdk_nvme_transport_id *trid,
	  struct spdk_nvmf_listen_opts *opts)
{
	return 0;
}

static void
stop_listen(struct spdk_nvmf_transport *transport, const struct spdk_nvme_transport_id *trid)
{
}

static void
listener_discover(struct spdk_nvmf_transport *transport, struct spdk_nvme_transport_id *trid,
		  struct spdk_nvmf_discovery_log_page_entry *entry)
{
	entry->trtype = trid->trtype;
	entry->adrfam = trid->adrfam;
	spdk_strcpy_pad(entry->trsvcid, trid->trsvcid, sizeof(entry->trsvcid), ' ');
	spdk_strcpy_pad(entry->traddr, trid->traddr, sizeof(entry->traddr), ' ');
}

static struct spdk_nvmf_transport_poll_group *
poll_group_create(struct spdk_nvmf_transport *transport, struct spdk_nvmf_poll_group *group)
{
	return calloc(1, sizeof(struct spdk_nvmf_transport_poll_group));
}

static void
poll_group_destroy(struct spdk_nvmf_transport_poll_group *group)
{
	free(group);
}

static void
close_deferred(void *context)
{
	spdk_nvmf_qpair_disconnect(context);
}

static int
poll_group_add(struct spdk_nvmf_transport_poll_group *group, struct spdk_nvmf_qpair *qpair)
{
	struct queue *queue = SPDK_CONTAINEROF(qpair, struct queue, qpair);

	queue->is_open = true;
	RAIDSTORM_EMIT(RAIDSTORM_QUEUE_OPENED, (int64_t)queue->number, threads_current());
	if (queue->must_close) {
		spdk_thread_send_msg(spdk_get_thread(), close_deferred, qpair);
	}
	return 0;
}

static int
poll_group_remove(struct spdk_nvmf_transport_poll_group *group, struct spdk_nvmf_qpair *qpair)
{
	return 0;
}

static int
poll_group_poll(struct spdk_nvmf_transport_poll_group *group)
{
	return 0;
}

static void
let_go(struct request *request)
{
	SPDK_CONTAINEROF(request->req.qpair, struct queue, qpair)->requests--;
	TAILQ_INSERT_TAIL(&g_dead_requests, request, link);
}

static REQUEST_OP
req_free(struct spdk_nvmf_request *req)
{
	let_go(SPDK_CONTAINEROF(req, struct request, req));
	REQUEST_OP_DONE;
}

static bool
is_connect(const struct spdk_nvmf_request *req)
{
	return req->cmd->nvmf_cmd.opcode == SPDK_NVME_OPC_FABRIC &&
	       req->cmd->nvmf_cmd.fctype == SPDK_NVMF_FABRIC_COMMAND_CONNECT;
}

static bool
returns_data(const struct spdk_nvmf_request *req)
{
	uint8_t opcode = req->cmd->nvme_cmd.opc;

	if (opcode == SPDK_NVME_OPC_FABRIC) {
		opcode = req->cmd->nvmf_cmd.fctype;
	}
	return (spdk_nvme_opc_get_data_transfer(opcode) & SPDK_NVME_DATA_CONTROLLER_TO_HOST) != 0 &&
	       req->rsp->nvme_cpl.status.sc == 0 && req->rsp->nvme_cpl.status.sct == 0;
}

/* Of a connect, the value is the controller's id; of a property get, which has 64 bits, all of them. */
static int64_t
value_of(const struct spdk_nvmf_request *req)
{
	const uint32_t *words = (const uint32_t *)req->rsp;

	if (is_connect(req) && req->rsp->nvme_cpl.status.sc == 0 && req->rsp->nvme_cpl.status.sct == 0) {
		return words[0] & 0xffff;
	}
	if (req->cmd->nvmf_cmd.opcode == SPDK_NVME_OPC_FABRIC &&
	    req->cmd->nvmf_cmd.fctype == SPDK_NVMF_FABRIC_COMMAND_PROPERTY_GET) {
		return (int64_t)(words[0] | (uint64_t)words[1] << 32);
	}
	return words[0];
}

static REQUEST_OP
req_complete(struct spdk_nvmf_request *req)
{
	struct request *request = SPDK_CONTAINEROF(req, struct request, req);
	const int64_t words[] = {(int64_t)request->token, req->rsp->nvme_cpl.status_raw >> 1, value_of(req)};

	raidstorm_emit_bytes(RAIDSTORM_REPLY, 3, words, request->data,
			     returns_data(req) ? request->data_length : 0);
	let_go(request);
	REQUEST_OP_DONE;
}

static void
qpair_fini(struct spdk_nvmf_qpair *qpair, spdk_nvmf_transport_qpair_fini_cb cb_fn, void *cb_args)
{
	struct queue *queue = SPDK_CONTAINEROF(qpair, struct queue, qpair);

	RAIDSTORM_EMIT(queue->is_open ? RAIDSTORM_QUEUE_GONE : RAIDSTORM_QUEUE_REFUSED, (int64_t)queue->number);
	TAILQ_REMOVE(&g_queues, queue, link);
	TAILQ_INSERT_TAIL(&g_dead_queues, queue, link);
	if (cb_fn != NULL) {
		cb_fn(cb_args);
	}
}

static int
get_trid(struct spdk_nvmf_qpair *qpair, struct spdk_nvme_transport_id *trid)
{
	memset(trid, 0, sizeof(*trid));
	trid->trtype = SPDK_NVME_TRANSPORT_CUSTOM_FABRICS;
	snprintf(trid->trstring, sizeof(trid->trstring), "%s", TRANSPORT);
	trid->adrfam = SPDK_NVMF_ADRFAM_IPV4;
	snprintf(trid->traddr, sizeof(trid->traddr), "%s", LISTENER_ADDRESS);
	snprintf(trid->trsvcid, sizeof(trid->trsvcid), "%s", LISTENER_PORT);
	return 0;
}

/* A request that runs is not aborted: the abort is answered so, which the specification allows. */
static void
qpair_abort_request(struct spdk_nvmf_qpair *qpair, struct spdk_nvmf_request *req)
{
	spdk_nvmf_request_complete(req);
}

static const struct spdk_nvmf_transport_ops g_ops = {
	.name = TRANSPORT,
	.type = SPDK_NVME_TRANSPORT_CUSTOM_FABRICS,
	.opts_init = opts_init,
	.create = create,
	.destroy = destroy,
	.listen = listen_on,
	.stop_listen = stop_listen,
	.listener_discover = listener_discover,
	.poll_group_create = poll_group_create,
	.poll_group_destroy = poll_group_destroy,
	.poll_group_add = poll_group_add,
	.poll_group_remove = poll_group_remove,
	.poll_group_poll = poll_group_poll,
	.req_free = req_free,
	.req_complete = req_complete,
	.qpair_fini = qpair_fini,
	.qpair_get_peer_trid = get_trid,
	.qpair_get_local_trid = get_trid,
	.qpair_get_listen_trid = get_trid,
	.qpair_abort_request = qpair_abort_request,
};
SPDK_NVMF_TRANSPORT_REGISTER(raidstorm, &g_ops)

/* What SPDK still looked at while the step ran. */
void
hosts_finish_step(void)
{
	struct request *request;
	struct queue *queue;

	while ((request = TAILQ_FIRST(&g_dead_requests)) != NULL) {
		TAILQ_REMOVE(&g_dead_requests, request, link);
		free(request->data);
		free(request);
	}
	while ((queue = TAILQ_FIRST(&g_dead_queues)) != NULL) {
		TAILQ_REMOVE(&g_dead_queues, queue, link);
		free(queue);
	}
}

/* Queues and commands. */

static struct queue *
find_queue(uint64_t number)
{
	struct queue *queue;

	TAILQ_FOREACH(queue, &g_queues, link) {
		if (queue->number == number) {
			return queue;
		}
	}
	return NULL;
}

int
raidstorm_open_queue(uint64_t queue, uint32_t host)
{
	struct queue *made;

	if (find_queue(queue) != NULL) {
		return -EEXIST;
	}
	made = calloc(1, sizeof(*made));
	made->number = queue;
	made->host = host;
	made->qpair.transport = g_transport;
	TAILQ_INIT(&made->qpair.outstanding);
	TAILQ_INSERT_TAIL(&g_queues, made, link);
	threads_begin_direct(threads_app());
	spdk_nvmf_tgt_new_qpair(g_tgt, &made->qpair);
	threads_end_direct(threads_app());
	return 0;
}

/* A host that fills no data pointer still transfers: describe its data as a transport does. */
static void
describe_data(struct spdk_nvme_cmd *cmd, uint32_t length)
{
	static const struct spdk_nvme_sgl_descriptor none;

	if (length == 0 || memcmp(&cmd->dptr.sgl1, &none, sizeof(none)) != 0) {
		return;
	}
	cmd->psdt = SPDK_NVME_PSDT_SGL_MPTR_CONTIG;
	cmd->dptr.sgl1.unkeyed.type = SPDK_NVME_SGL_TYPE_TRANSPORT_DATA_BLOCK;
	cmd->dptr.sgl1.unkeyed.subtype = SPDK_NVME_SGL_SUBTYPE_TRANSPORT;
	cmd->dptr.sgl1.unkeyed.length = length;
}

static struct request *
make_request(struct queue *queue, uint64_t token, const uint8_t *command, const void *data, uint32_t length)
{
	struct request *request = calloc(1, sizeof(*request));

	request->token = token;
	memcpy(&request->cmd, command, sizeof(request->cmd));
	if (request->cmd.nvme_cmd.opc != SPDK_NVME_OPC_FABRIC) {
		describe_data(&request->cmd.nvme_cmd, length);
	} else if (length > 0) {
		request->cmd.nvme_cmd.dptr.sgl1.unkeyed.length = length;
	}
	request->req.qpair = &queue->qpair;
	request->req.cmd = &request->cmd;
	request->req.rsp = &request->rsp;
	request->req.length = length;
	if (length > 0) {
		request->data = heap_allocate(length, DATA_ALIGNMENT, true);
		request->data_length = length;
		if (data != NULL) {
			memcpy(request->data, data, length);
		}
		request->req.iov[0].iov_base = request->data;
		request->req.iov[0].iov_len = length;
		request->req.iovcnt = 1;
	}
	request->req.xfer = spdk_nvmf_req_get_xfer(&request->req);
	return request;
}

int
raidstorm_command(uint64_t queue, uint64_t token, const uint8_t command[64], const void *data, uint32_t length)
{
	struct queue *found = find_queue(queue);
	struct spdk_thread *thread;
	struct request *request;

	if (found == NULL || !found->is_open) {
		return -ENOENT;
	}
	if (!spdk_nvmf_qpair_is_active(&found->qpair)) {
		return -ENOTCONN; /* the connection is being closed: what arrives is dropped */
	}
	thread = found->qpair.group->thread;
	request = make_request(found, token, command, data, length);
	found->requests++;
	threads_begin_direct(thread);
	spdk_nvmf_request_exec(&request->req);
	threads_end_direct(thread);
	return 0;
}

int
raidstorm_close_queue(uint64_t queue)
{
	struct queue *found = find_queue(queue);
	struct spdk_thread *thread;

	if (found == NULL) {
		return -ENOENT;
	}
	if (!found->is_open) {
		found->must_close = true; /* a message that holds the queue is on its way to its poll group */
		return 0;
	}
	thread = found->qpair.group->thread;
	threads_begin_direct(thread);
	spdk_nvmf_qpair_disconnect(&found->qpair);
	threads_end_direct(thread);
	return 0;
}

/* Poll groups, each on a thread of its own. */

struct group_call {
	struct spdk_jsonrpc_request *request;
	uint32_t number;
};

static const struct spdk_json_object_decoder g_group_decoders[] = {
	{"thread", offsetof(struct group_call, number), spdk_json_decode_uint32},
};

static void
answer_group_call(struct group_call *call, int status)
{
	if (status == 0) {
		spdk_jsonrpc_send_bool_response(call->request, true);
	} else {
		spdk_jsonrpc_send_error_response(call->request, status, spdk_strerror(-status));
	}
	free(call);
}

static struct group_call *
begin_group_call(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params, bool wants_group)
{
	struct group_call *call = calloc(1, sizeof(*call));
	int status = 0;

	call->request = request;
	if (params == NULL || spdk_json_decode_object(params, g_group_decoders, 1, call) != 0 ||
	    call->number < RAIDSTORM_FIRST_POLL_GROUP_THREAD || call->number >= GROUPS_MAX) {
		status = -EINVAL;
	} else if (wants_group && g_groups[call->number] == NULL) {
		status = -ENOENT;
	} else if (!wants_group && threads_find(call->number) != NULL) {
		status = -EEXIST;
	}
	if (status != 0) {
		answer_group_call(call, status);
		return NULL;
	}
	return call;
}

static void
create_group(void *context)
{
	struct group_call *call = context;

	g_groups[call->number] = spdk_nvmf_poll_group_create(g_tgt);
	if (g_groups[call->number] == NULL) {
		spdk_thread_exit(spdk_get_thread());
		answer_group_call(call, -ENOMEM);
	} else {
		answer_group_call(call, 0);
	}
}

static void
rpc_raidstorm_poll_group_create(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct group_call *call = begin_group_call(request, params, false);
	struct spdk_thread *thread;
	char name[40];

	if (call == NULL) {
		return;
	}
	snprintf(name, sizeof(name), "poll_group_%u", call->number);
	thread = threads_create(name, call->number);
	if (thread == NULL) {
		answer_group_call(call, -ENOMEM);
		return;
	}
	spdk_thread_send_msg(thread, create_group, call);
}
SPDK_RPC_REGISTER("raidstorm_poll_group_create", rpc_raidstorm_poll_group_create, SPDK_RPC_RUNTIME)

static void
group_is_gone(void *context, int status)
{
	spdk_thread_exit(spdk_get_thread());
	answer_group_call(context, status);
}

static void
destroy_group(void *context)
{
	struct group_call *call = context;
	struct spdk_nvmf_poll_group *group = g_groups[call->number];

	g_groups[call->number] = NULL;
	if (group == NULL) {
		answer_group_call(call, -ENOENT); /* another request has been faster */
		return;
	}
	spdk_nvmf_poll_group_destroy(group, group_is_gone, call);
}

static void
rpc_raidstorm_poll_group_destroy(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct group_call *call = begin_group_call(request, params, true);

	if (call != NULL) {
		spdk_thread_send_msg(threads_find(call->number), destroy_group, call);
	}
}
SPDK_RPC_REGISTER("raidstorm_poll_group_destroy", rpc_raidstorm_poll_group_destroy, SPDK_RPC_RUNTIME)

/* The target, its subsystem, and its listener. */

static struct spdk_nvmf_tgt *
create_tgt(void)
{
	struct spdk_nvmf_target_opts opts;

	memset(&opts, 0, sizeof(opts));
#ifdef RAIDSTORM_HAS_TARGET_OPTS_SIZE
	opts.size = SPDK_SIZEOF(&opts, discovery_filter);
#endif
	snprintf(opts.name, sizeof(opts.name), "raidstorm");
	opts.max_subsystems = SUBSYSTEMS_MAX;
	return spdk_nvmf_tgt_create(&opts);
}

int
hosts_prepare(void)
{
	threads_begin_direct(threads_app());
	g_tgt = create_tgt();
	threads_end_direct(threads_app());
	if (g_tgt == NULL) {
		return -ENOMEM;
	}
	return rpc_call_now("nvmf_create_transport", "{\"trtype\": \"" TRANSPORT "\"}") ||
	       rpc_call_now("nvmf_create_subsystem", "{\"nqn\": \"" SUBSYSTEM_NQN "\", \"allow_any_host\": true,"
			    " \"serial_number\": \"RAIDSTORM\", \"model_number\": \"raidstorm\","
			    " \"max_namespaces\": 8}") ||
	       rpc_call_now("nvmf_subsystem_add_listener", "{\"nqn\": \"" SUBSYSTEM_NQN "\", \"listen_address\":"
			    " {\"trtype\": \"" TRANSPORT "\", \"adrfam\": \"IPv4\", \"traddr\": \"" LISTENER_ADDRESS
			    "\", \"trsvcid\": \"" LISTENER_PORT "\"}}") ? -EIO : 0;
}

/* A number that differs when the namespaces do. */
uint64_t
hosts_namespaces(void)
{
	struct spdk_nvmf_subsystem *subsystem = spdk_nvmf_tgt_find_subsystem(g_tgt, SUBSYSTEM_NQN);
	uint64_t sum = 0;

	if (subsystem == NULL) {
		return 0;
	}
	for (struct spdk_nvmf_ns *ns = spdk_nvmf_subsystem_get_first_ns(subsystem); ns != NULL;
	     ns = spdk_nvmf_subsystem_get_next_ns(subsystem, ns)) {
		sum = sum * 31 + (uintptr_t)spdk_nvmf_ns_get_bdev(ns) * 2 + spdk_nvmf_ns_get_id(ns);
	}
	return sum;
}

void
hosts_census(FILE *file)
{
	struct queue *queue;

	TAILQ_FOREACH(queue, &g_queues, link) {
		fprintf(file, "queue\tqueue %" PRIu64 " of host %u\t1\n", queue->number, queue->host);
		if (queue->requests > 0) {
			fprintf(file, "request\tqueue %" PRIu64 "\t%u\n", queue->number, queue->requests);
		}
	}
}
