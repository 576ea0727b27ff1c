/* What an operator sees of the array, in SPDK's words. */

static size_t
report_slots(char *text, size_t room)
{
	size_t length = 0;

	for (uint32_t number = 0; number < g_array.superblock.count; number++) {
		const struct slot *slot = &g_array.slots[number];
		bool is_there = slot->state == SLOT_MEMBER || slot->state == SLOT_TARGET;
		char name[16] = "null", uuid[37];

		if (is_there) {
			snprintf(name, sizeof(name), "\"disk%u\"", slot->disk->number);
		}
		uuid_format(g_array.superblock.entries[number].uuid, uuid);
		length += (size_t)snprintf(text + length, room - length,
			"%s{\"name\": %s, \"uuid\": \"%s\", \"is_configured\": %s, "
			"\"data_offset\": %lu, \"data_size\": %lu}",
			number > 0 ? ", " : "", name, uuid, is_there ? "true" : "false",
			(unsigned long)slot_data_offset(number), (unsigned long)g_array.superblock.blocks);
	}
	return length;
}

static size_t
report_process(char *text, size_t room)
{
	const struct rebuild *rebuild = g_array.rebuild;

	if (rebuild == NULL || g_array.slots[rebuild->slot].state != SLOT_TARGET) {
		return 0;
	}
	return (size_t)snprintf(text, room,
		"\"process\": {\"type\": \"rebuild\", \"target\": \"disk%u\", "
		"\"progress\": {\"blocks\": %lu, \"percent\": %lu}}, ",
		g_array.slots[rebuild->slot].disk->number, (unsigned long)rebuild->offset,
		(unsigned long)(rebuild->offset * 100 / g_array.superblock.blocks));
}

static const char *
array_text(void)
{
	static const char *const states[] = {"", "configuring", "online", "offline"};
	static char text[4096];
	uint32_t discovered = 0, expected = 0;
	size_t length;
	char uuid[37];

	if (g_array.state == ARRAY_ABSENT) {
		return "[]";
	}
	for (uint32_t slot = 0; slot < g_array.superblock.count; slot++) {
		enum slot_state state = g_array.slots[slot].state;

		discovered += state == SLOT_MEMBER || state == SLOT_TARGET;
		expected += g_array.superblock.entries[slot].state == ENTRY_CONFIGURED;
	}
	uuid_format(g_array.superblock.uuid, uuid);
	length = (size_t)snprintf(text, sizeof(text),
		"[{\"name\": \"" ARRAY_NAME "\", \"uuid\": \"%s\", \"strip_size_kb\": 0, \"state\": \"%s\", "
		"\"raid_level\": \"raid1\", \"superblock\": %s, \"num_base_bdevs\": %u, "
		"\"num_base_bdevs_discovered\": %u, \"num_base_bdevs_operational\": %u, ",
		uuid, states[g_array.state], g_array.has_superblock ? "true" : "false", g_array.superblock.count,
		discovered, g_array.state == ARRAY_CONFIGURING ? expected : discovered);
	length += report_process(text + length, sizeof(text) - length);
	length += (size_t)snprintf(text + length, sizeof(text) - length, "\"base_bdevs_list\": [");
	length += report_slots(text + length, sizeof(text) - length);
	snprintf(text + length, sizeof(text) - length, "]}]");
	return text;
}

static void
array_report(void)
{
	static char last[4096] = "[]";
	const char *text = array_text();

	if (strcmp(text, last) != 0) {
		strcpy(last, text);
		raidstorm_emit_bytes(RAIDSTORM_STATE, 0, NULL, text, strlen(text));
	}
}
