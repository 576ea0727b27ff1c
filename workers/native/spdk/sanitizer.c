/*
 * sanitizer.c: in a tree with AddressSanitizer, its reports are crashes like all others.
 */
#include "adapter.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>

#define ERROR_MARK "AddressSanitizer: "

/* The kind of the error, and the access, without the address between them. */
static void
report(const char *text)
{
	char message[160];
	const char *kind = strstr(text, ERROR_MARK), *access, *end;

	kind = kind == NULL ? "an error" : kind + strlen(ERROR_MARK);
	access = strstr(text, "READ of size");
	if (access == NULL) {
		access = strstr(text, "WRITE of size");
	}
	if (access == NULL) {
		access = "";
	}
	end = strstr(access, " at ");
	snprintf(message, sizeof(message), "%.*s: %.*s", (int)strcspn(kind, " \n"), kind,
		 (int)(end == NULL ? 0 : end - access), access);
	raidstorm_crash("sanitizer", message);
}

void
sanitizer_prepare(void)
{
	__asan_set_error_report_callback(report);
}
#else
void
sanitizer_prepare(void)
{
}
#endif
