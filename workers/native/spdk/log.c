/*
 * log.c: what SPDK logs, as records: errors, warnings and notices, a line each, without addresses.
 */
#include "adapter.h"

#define LINE_MAX_BYTES 1024
#define ADDRESS_DIGITS_MIN 8
#define END_OF_REBUILD "Finished rebuild on raid bdev raid0"
#define FAILING_MEMBER "Failing base bdev in slot "
#define DEPRECATION "deprecated feature"

static bool g_is_muted;

/* What SPDK says while the adapter prepares, or while it looks, is no event of the run. */
void
log_mute(bool mute)
{
	g_is_muted = mute;
}

/* Replace each 0x and eight digits or more, for addresses of the object itself differ between processes. */
static void
mask_addresses(char *line)
{
	char *to = line;

	for (const char *from = line; *from != '\0';) {
		size_t digits = 0;

		if (from[0] == '0' && from[1] == 'x') {
			digits = strspn(from + 2, "0123456789abcdefABCDEF");
		}
		if (digits >= ADDRESS_DIGITS_MIN) {
			memcpy(to, "0x*", 3);
			to += 3;
			from += 2 + digits;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
}

static void
end_line(char *line)
{
	size_t length = strlen(line);

	while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == ' ')) {
		line[--length] = '\0';
	}
	for (char *c = line; *c != '\0'; c++) {
		if ((unsigned char)*c < ' ') {
			*c = ' ';
		}
	}
}

static void
look_for_failing_member(const char *text)
{
	const char *slot = strstr(text, FAILING_MEMBER);

	if (slot != NULL) {
		RAIDSTORM_EMIT(RAIDSTORM_MEMBER_GIVEN_UP, strtol(slot + strlen(FAILING_MEMBER), NULL, 10));
	}
}

/* SPDK hides a process from its replies before it has ended; only this line says when it has, and how. */
static void
look_for_end_of_rebuild(const char *text)
{
	const char *end = strstr(text, END_OF_REBUILD);

	if (end != NULL) {
		RAIDSTORM_EMIT(RAIDSTORM_REBUILD_ENDED, end[strlen(END_OF_REBUILD)] == ':' ? -EIO : 0);
	}
}

static void
log_line(int level, const char *file, const int line, const char *func, const char *format, va_list args)
{
	char text[LINE_MAX_BYTES];
	const int64_t words[] = {level};
	int length = 0;

	if (g_is_muted || level < SPDK_LOG_ERROR || level > SPDK_LOG_NOTICE) {
		return;
	}
	if (func != NULL) {
		length = snprintf(text, sizeof(text), "%s: ", func);
	}
	vsnprintf(text + length, sizeof(text) - (size_t)length, format, args);
	if (strstr(text, DEPRECATION) != NULL) {
		return; /* it is about SPDK's next version, and comes with every bdev */
	}
	mask_addresses(text);
	end_line(text);
	look_for_end_of_rebuild(text);
	look_for_failing_member(text);
	raidstorm_emit_bytes(RAIDSTORM_LOG, 1, words, text, strlen(text));
}

void
log_open(void)
{
	spdk_log_open(log_line);
	spdk_log_set_level(SPDK_LOG_NOTICE);
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
}
