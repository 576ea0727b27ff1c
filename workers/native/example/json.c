/*
 * JSON, as much of it as the operator's parameters need: a text is checked as a whole, then read by the names of
 * members.
 */

#define DEPTH_MAX 16

static const char *
skip_space(const char *at)
{
	return at + strspn(at, " \t\r\n");
}

static const char *
skip_string(const char *at)
{
	for (at++; *at != '"'; at++) {
		if ((unsigned char)*at < ' ' || (*at == '\\' && (unsigned char)*++at < ' ')) {
			return NULL;
		}
	}
	return at + 1;
}

static const char *
skip_word(const char *at)
{
	static const char *const words[] = {"true", "false", "null"};
	size_t length = strspn(at, "-+.0123456789eE");

	for (size_t i = 0; i < 3; i++) {
		if (strncmp(at, words[i], strlen(words[i])) == 0) {
			return at + strlen(words[i]);
		}
	}
	return length > 0 ? at + length : NULL;
}

/* Return what follows a value, or NULL if it is none. */
static const char *
skip_value(const char *at, int depth)
{
	char closing = *at == '{' ? '}' : ']';
	bool is_object = *at == '{';

	if (*at == '"') {
		return skip_string(at);
	}
	if (*at != '{' && *at != '[') {
		return skip_word(at);
	}
	at = skip_space(at + 1);
	if (*at == closing) {
		return at + 1;
	}
	for (; depth < DEPTH_MAX; at = skip_space(at + 1)) {
		if (is_object) {
			at = *at == '"' ? skip_string(at) : NULL;
			at = at != NULL ? skip_space(at) : NULL;
			if (at == NULL || *at != ':') {
				return NULL;
			}
			at = skip_space(at + 1);
		}
		at = skip_value(at, depth + 1);
		at = at != NULL ? skip_space(at) : NULL;
		if (at == NULL || (*at != ',' && *at != closing)) {
			return NULL;
		}
		if (*at == closing) {
			return at + 1;
		}
	}
	return NULL;
}

/* Return whether this is one object; the functions below take only what lies in such a text. */
static bool
json_is_object(const char *text)
{
	const char *end;

	text = skip_space(text);
	end = *text == '{' ? skip_value(text, 0) : NULL;
	return end != NULL && *skip_space(end) == '\0';
}

/* Return the value of an object's member, or NULL. */
static const char *
json_member(const char *object, const char *name)
{
	size_t length = strlen(name);
	const char *at;

	object = object != NULL ? skip_space(object) : "";
	if (*object != '{') {
		return NULL;
	}
	for (at = skip_space(object + 1); *at == '"'; at = skip_space(at + 1)) {
		const char *end = skip_string(at), *value = skip_space(skip_space(end) + 1);

		if ((size_t)(end - at) == length + 2 && strncmp(at + 1, name, length) == 0) {
			return value;
		}
		at = skip_space(skip_value(value, 0));
		if (*at != ',') {
			break;
		}
	}
	return NULL;
}

/* Copy a string without escapes; false if it is none, or too long. */
static bool
json_string(const char *value, char *string, size_t room)
{
	size_t length = value != NULL && *value == '"' ? strcspn(value + 1, "\"\\") : room;

	if (length >= room || value[1 + length] != '"') {
		return false;
	}
	memcpy(string, value + 1, length);
	string[length] = '\0';
	return true;
}

static uint64_t
json_number(const char *value, uint64_t otherwise)
{
	uint64_t number = 0;

	if (value == NULL || *value < '0' || *value > '9') {
		return otherwise;
	}
	for (; *value >= '0' && *value <= '9'; value++) {
		number = number * 10 + (uint64_t)(*value - '0');
	}
	return number;
}

static bool
json_is_true(const char *value)
{
	return value != NULL && strncmp(value, "true", 4) == 0;
}

/* Return the next element of an array: the first one if `element` is the array's beginning; NULL at its end. */
static const char *
json_next(const char *element, bool is_first)
{
	const char *at = skip_space(is_first ? element + 1 : skip_value(element, 0));

	if (!is_first) {
		return *at == ',' ? skip_space(at + 1) : NULL;
	}
	return *at == ']' ? NULL : at;
}
