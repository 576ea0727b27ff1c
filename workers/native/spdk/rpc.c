/*
 * rpc.c: SPDK's RPC methods without a socket, in place of lib/rpc and lib/jsonrpc; and what RPCs show of the state.
 *
 * Methods register in constructors, before any other code here runs: their table is static.
 */
#include "adapter.h"

#define METHODS_MAX 2048
#define REQUEST_MAGIC 0x7e90e57000000001ULL

struct method {
	const char *name;
	spdk_rpc_method_handler handler;
};

struct spdk_jsonrpc_request {
	uint64_t magic;
	rpc_reply_fn reply;
	void *context;
	char *params_text;
	struct spdk_json_val *params;
	char *result;
	size_t length, room;
	TAILQ_ENTRY(spdk_jsonrpc_request) link;
};

static struct method g_methods[METHODS_MAX];
static size_t g_method_count;
static bool g_has_answered; /* since the subsystem was compared */
static TAILQ_HEAD(, spdk_jsonrpc_request) g_answered = TAILQ_HEAD_INITIALIZER(g_answered);

/* The registry. */

void
spdk_rpc_register_method(const char *method, spdk_rpc_method_handler func, uint32_t state_mask)
{
	if (g_method_count == METHODS_MAX) {
		fprintf(stderr, "raidstorm: this SPDK has more than %d RPC methods\n", METHODS_MAX);
		abort();
	}
	g_methods[g_method_count].name = method;
	g_methods[g_method_count++].handler = func;
}

static spdk_rpc_method_handler
find_method(const char *name)
{
	for (size_t i = 0; i < g_method_count; i++) {
		if (strcmp(g_methods[i].name, name) == 0) {
			return g_methods[i].handler;
		}
	}
	return NULL;
}

void
spdk_rpc_register_alias_deprecated(const char *method, const char *alias)
{
	spdk_rpc_method_handler handler = find_method(method);

	if (handler != NULL) {
		spdk_rpc_register_method(alias, handler, 0);
	}
}

bool
rpc_is_known(const char *method)
{
	return find_method(method) != NULL;
}

static int
compare_names(const void *one, const void *other)
{
	return strcmp(((const struct method *)one)->name, ((const struct method *)other)->name);
}

/* Sorted, for the order of constructors is the linker's. */
void
rpc_write_methods(struct spdk_json_write_ctx *w)
{
	qsort(g_methods, g_method_count, sizeof(*g_methods), compare_names);
	spdk_json_write_named_array_begin(w, "rpcs");
	for (size_t i = 0; i < g_method_count; i++) {
		spdk_json_write_string(w, g_methods[i].name);
	}
	spdk_json_write_array_end(w);
}

/* Answers. */

static void
check_unanswered(const struct spdk_jsonrpc_request *request)
{
	if (request->magic != REQUEST_MAGIC || request->reply == NULL) {
		raidstorm_crash("rpc", "a request was answered twice");
	}
}

/* The handler may still look at the request and its parameters, so they go at the end of the step. */
static void
answer(struct spdk_jsonrpc_request *request, int64_t status, const char *text, size_t length)
{
	rpc_reply_fn reply = request->reply;

	g_has_answered = true;
	request->reply = NULL;
	TAILQ_INSERT_TAIL(&g_answered, request, link);
	reply(request->context, status, text, length);
}

static int
write_result(void *context, const void *data, size_t size)
{
	struct spdk_jsonrpc_request *request = context;

	if (request->length + size > request->room) {
		request->room = request->room ? request->room * 2 : 2048;
		while (request->room < request->length + size) {
			request->room *= 2;
		}
		request->result = realloc(request->result, request->room);
	}
	memcpy(request->result + request->length, data, size);
	request->length += size;
	return 0;
}

struct spdk_json_write_ctx *
spdk_jsonrpc_begin_result(struct spdk_jsonrpc_request *request)
{
	check_unanswered(request);
	request->length = 0;
	return spdk_json_write_begin(write_result, request, 0);
}

void
spdk_jsonrpc_end_result(struct spdk_jsonrpc_request *request, struct spdk_json_write_ctx *w)
{
	check_unanswered(request);
	spdk_json_write_end(w);
	answer(request, 0, request->result, request->length);
}

void
spdk_jsonrpc_send_bool_response(struct spdk_jsonrpc_request *request, bool value)
{
	const char *text = value ? "true" : "false";

	check_unanswered(request);
	answer(request, 0, text, strlen(text));
}

void
spdk_jsonrpc_send_error_response(struct spdk_jsonrpc_request *request, int error_code, const char *msg)
{
	check_unanswered(request);
	answer(request, error_code < 0 ? error_code : -error_code - (error_code == 0), msg, strlen(msg));
}

void
spdk_jsonrpc_send_error_response_fmt(struct spdk_jsonrpc_request *request, int error_code, const char *fmt, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, fmt);
	vsnprintf(text, sizeof(text), fmt, arguments);
	va_end(arguments);
	spdk_jsonrpc_send_error_response(request, error_code, text);
}

static void
free_request(struct spdk_jsonrpc_request *request)
{
	request->magic = 0;
	free(request->params_text);
	free(request->params);
	free(request->result);
	free(request);
}

void
rpc_finish_step(void)
{
	struct spdk_jsonrpc_request *request, *next;

	TAILQ_FOREACH_SAFE(request, &g_answered, link, next) {
		TAILQ_REMOVE(&g_answered, request, link);
		free_request(request);
	}
}

/* Questions. */

/* Decoding works in place, so the text is ours and lives as long as the request. */
static bool
parse_params(struct spdk_jsonrpc_request *request, const char *params)
{
	ssize_t count;
	void *end;

	if (params == NULL || params[0] == '\0') {
		return true;
	}
	request->params_text = strdup(params);
	count = spdk_json_parse(request->params_text, strlen(params), NULL, 0, &end, 0);
	if (count <= 0) {
		return false;
	}
	request->params = calloc((size_t)count, sizeof(*request->params));
	return spdk_json_parse(request->params_text, strlen(params), request->params, (size_t)count, &end,
			       SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE) == count;
}

/* On the app thread. */
int
rpc_call(const char *method, const char *params, rpc_reply_fn reply, void *context)
{
	struct spdk_jsonrpc_request *request = calloc(1, sizeof(*request));
	spdk_rpc_method_handler handler = find_method(method);

	request->magic = REQUEST_MAGIC;
	request->reply = reply;
	request->context = context;
	if (handler == NULL) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_METHOD_NOT_FOUND, "Method not found");
	} else if (!parse_params(request, params)) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_PARSE_ERROR, "Invalid JSON");
	} else {
		handler(request, request->params);
	}
	return 0;
}

static void
reply_to_driver(void *context, int64_t status, const char *text, size_t length)
{
	const int64_t words[] = {(int64_t)(uintptr_t)context, status, 0};

	raidstorm_emit_bytes(RAIDSTORM_REPLY, 3, words, text, length);
}

int
raidstorm_rpc(uint64_t token, const char *method, const char *params)
{
	threads_begin_direct(threads_app());
	rpc_call(method, params, reply_to_driver, (void *)(uintptr_t)token);
	threads_end_direct(threads_app());
	return 0;
}

struct outcome {
	bool is_known;
	int64_t status;
	char text[256];
};

static void
note_outcome(void *context, int64_t status, const char *text, size_t length)
{
	struct outcome *outcome = context;

	outcome->is_known = true;
	outcome->status = status;
	snprintf(outcome->text, sizeof(outcome->text), "%.*s", (int)length, text);
}

/* For the set-up: an RPC and all its messages. */
int
rpc_call_now(const char *method, const char *params)
{
	struct outcome *outcome = calloc(1, sizeof(*outcome));
	int status;

	threads_begin_direct(threads_app());
	rpc_call(method, params, note_outcome, outcome);
	threads_end_direct(threads_app());
	threads_run_until_idle();
	status = outcome->is_known ? (int)outcome->status : -ETIMEDOUT;
	free(outcome);
	return status;
}

/* What the answer to a request is now, compared with its last answer. */

struct watched {
	const char *method, *params;
	enum raidstorm_record record;
	struct spdk_jsonrpc_request request;
	spdk_rpc_method_handler handler;
	char *text;
	size_t length, room;
};

static struct watched g_arrays = {
	.method = "bdev_raid_get_bdevs",
	.params = "{\"category\": \"all\"}",
	.record = RAIDSTORM_STATE,
};
static struct watched g_subsystem = {
	.method = "nvmf_get_subsystems",
	.params = "{\"nqn\": \"" SUBSYSTEM_NQN "\"}",
	.record = RAIDSTORM_SUBSYSTEM,
};
static bool g_is_watching;
static uint64_t g_namespaces;

static void
compare(void *context, int64_t status, const char *text, size_t length)
{
	struct watched *watched = context;

	if (status != 0 || (length == watched->length && memcmp(text, watched->text, length) == 0)) {
		return;
	}
	if (length >= watched->room) {
		watched->room = length * 2;
		watched->text = realloc(watched->text, watched->room);
	}
	memcpy(watched->text, text, length);
	watched->text[length] = '\0';
	watched->length = length;
	raidstorm_emit_bytes(watched->record, 0, NULL, text, length);
}

static void
ask_again(struct watched *watched)
{
	struct spdk_jsonrpc_request *request = &watched->request;

	if (watched->handler == NULL) {
		return;
	}
	request->magic = REQUEST_MAGIC;
	request->reply = compare;
	request->context = watched;
	watched->handler(request, request->params);
	if (request->reply != NULL) {
		raidstorm_crash("rpc", "a request for a state is not answered at once");
	}
	TAILQ_REMOVE(&g_answered, request, link);
}

/* Namespaces go by themselves; all else of a subsystem changes for RPCs alone. Asking costs more than a step. */
static bool
subsystem_may_differ(void)
{
	uint64_t before = g_namespaces;

	g_namespaces = hosts_namespaces();
	return g_has_answered || g_namespaces != before;
}

void
rpc_check_state(uint32_t thread)
{
	if (!g_is_watching) {
		return;
	}
	log_mute(true);
	env_pause_failures(true);
	spdk_set_thread(threads_app());
	if (thread == RAIDSTORM_APP_THREAD && subsystem_may_differ()) {
		ask_again(&g_subsystem);
	}
	ask_again(&g_arrays);
	g_has_answered = false;
	spdk_set_thread(NULL);
	env_pause_failures(false);
	log_mute(false);
}

void
rpc_watch_state(void)
{
	g_is_watching = true;
	g_arrays.handler = find_method(g_arrays.method);
	g_subsystem.handler = find_method(g_subsystem.method);
	parse_params(&g_arrays.request, g_arrays.params);
	parse_params(&g_subsystem.request, g_subsystem.params);
	g_has_answered = true;
	rpc_check_state(RAIDSTORM_APP_THREAD);
}

/* The array that has the bdev as a base bdev, by the last state: arrays have a level, and their members follow. */
bool
rpc_array_of(const char *member, char *name, size_t room)
{
	const char *key = "{\"name\":\"", *array = NULL, *next = g_arrays.text;

	while (next != NULL && (next = strstr(next, key)) != NULL) {
		size_t length = strcspn(next += strlen(key), "\"");
		const char *level = strstr(next, "\"raid_level\""), *following = strstr(next, key);

		if (level != NULL && (following == NULL || level < following)) {
			array = next;
		} else if (array != NULL && length == strlen(member) && memcmp(next, member, length) == 0) {
			snprintf(name, room, "%.*s", (int)strcspn(array, "\""), array);
			return true;
		}
	}
	return false;
}

/* Whether a method takes these parameters: then it answers to them as to the others, without what is asked for. */

static void
keep_status(void *context, int64_t status, const char *text, size_t length)
{
	*(int64_t *)context = status;
}

bool
rpc_takes(const char *method, const char *params, const char *others)
{
	int64_t status = 0, expected = 1;

	if (!rpc_is_known(method)) {
		return false;
	}
	rpc_call(method, params, keep_status, &status);
	rpc_call(method, others, keep_status, &expected);
	rpc_finish_step();
	return status == expected;
}
