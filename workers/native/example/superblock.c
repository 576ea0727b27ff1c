/*
 * The superblock: SPDK's layout, byte for byte, in the first block of each member. 256 bytes, then 64 for each
 * member; little endian. The CRC-32C covers the whole length with its own field as zero, and is inverted neither
 * before nor after.
 */

#define SIGNATURE "SPDKRAID"
#define HEADER_BYTES 256
#define ENTRY_BYTES 64
#define LEVEL_RAID1 1
#define SAVE_ATTEMPTS_MAX 16
#define NUMBER_MAX (UINT64_MAX / 4) /* so that sums of what a disk says never overflow */

enum header_field {
	AT_MAJOR = 8,
	AT_MINOR = 10,
	AT_LENGTH = 12,
	AT_CRC = 16,
	AT_UUID = 24,
	AT_NAME = 40,
	AT_BLOCKS = 104,
	AT_BLOCK_SIZE = 112,
	AT_LEVEL = 116,
	AT_STRIP_SIZE = 120,
	AT_SEQUENCE = 128,
	AT_MEMBERS = 136,
	AT_ENTRIES = 255,
};

enum entry_field { ENTRY_AT_OFFSET = 16, ENTRY_AT_SIZE = 24, ENTRY_AT_STATE = 32, ENTRY_AT_SLOT = 40 };

static void
put_number(uint8_t *at, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++) {
		at[i] = (uint8_t)(value >> (8 * i));
	}
}

static uint64_t
get_number(const uint8_t *at, int bytes)
{
	uint64_t value = 0;

	for (int i = 0; i < bytes; i++) {
		value |= (uint64_t)at[i] << (8 * i);
	}
	return value;
}

static uint32_t
crc32c(const uint8_t *data, size_t length)
{
	uint32_t crc = 0;

	for (size_t i = 0; i < length; i++) {
		uint8_t byte = i >= AT_CRC && i < AT_CRC + 4 ? 0 : data[i];

		crc ^= byte;
		for (int bit = 0; bit < 8; bit++) {
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
		}
	}
	return crc;
}

static void
superblock_encode(const struct superblock *superblock, uint8_t *block)
{
	uint32_t length = HEADER_BYTES + ENTRY_BYTES * superblock->count;

	memset(block, 0, BLOCK);
	memcpy(block, SIGNATURE, 8);
	put_number(block + AT_MAJOR, 1, 2);
	put_number(block + AT_LENGTH, length, 4);
	memcpy(block + AT_UUID, superblock->uuid, UUID_BYTES);
	memcpy(block + AT_NAME, ARRAY_NAME, sizeof(ARRAY_NAME));
	put_number(block + AT_BLOCKS, superblock->blocks, 8);
	put_number(block + AT_BLOCK_SIZE, BLOCK, 4);
	put_number(block + AT_LEVEL, LEVEL_RAID1, 4);
	put_number(block + AT_SEQUENCE, superblock->sequence, 8);
	block[AT_MEMBERS] = block[AT_ENTRIES] = (uint8_t)superblock->count;
	for (uint32_t slot = 0; slot < superblock->count; slot++) {
		const struct entry *entry = &superblock->entries[slot];
		uint8_t *at = block + HEADER_BYTES + ENTRY_BYTES * slot;

		memcpy(at, entry->uuid, UUID_BYTES);
		put_number(at + ENTRY_AT_OFFSET, entry->data_offset, 8);
		put_number(at + ENTRY_AT_SIZE, superblock->blocks, 8);
		put_number(at + ENTRY_AT_STATE, entry->state, 4);
		at[ENTRY_AT_SLOT] = (uint8_t)slot;
	}
	put_number(block + AT_CRC, crc32c(block, length), 4);
}

static bool
header_is_valid(const uint8_t *block, uint32_t count)
{
	uint32_t length = HEADER_BYTES + ENTRY_BYTES * count;

	if (memcmp(block, SIGNATURE, 8) != 0 || count < 2 || count > SLOTS_MAX || block[AT_ENTRIES] != count ||
	    get_number(block + AT_LENGTH, 4) != length || get_number(block + AT_CRC, 4) != crc32c(block, length)) {
		return false;
	}
	return get_number(block + AT_MAJOR, 2) == 1 && get_number(block + AT_BLOCK_SIZE, 4) == BLOCK &&
	       get_number(block + AT_LEVEL, 4) == LEVEL_RAID1 && get_number(block + AT_STRIP_SIZE, 4) == 0 &&
	       strncmp((const char *)block + AT_NAME, ARRAY_NAME, sizeof(ARRAY_NAME)) == 0;
}

/* A valid checksum proves nothing about the fields: a disk may hold anything. */
static void
superblock_decode(struct superblock *superblock, const uint8_t *block)
{
	uint32_t count = block[AT_MEMBERS], seen = 0;

	memset(superblock, 0, sizeof(*superblock));
	if (!header_is_valid(block, count)) {
		return;
	}
	memcpy(superblock->uuid, block + AT_UUID, UUID_BYTES);
	superblock->blocks = get_number(block + AT_BLOCKS, 8);
	superblock->sequence = get_number(block + AT_SEQUENCE, 8);
	superblock->count = count;
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *at = block + HEADER_BYTES + ENTRY_BYTES * i;
		uint32_t slot = at[ENTRY_AT_SLOT], state = (uint32_t)get_number(at + ENTRY_AT_STATE, 4);
		uint64_t offset = get_number(at + ENTRY_AT_OFFSET, 8);

		if (slot >= count || state > ENTRY_SPARE || offset == 0 || offset > NUMBER_MAX) {
			return;
		}
		memcpy(superblock->entries[slot].uuid, at, UUID_BYTES);
		superblock->entries[slot].data_offset = offset;
		superblock->entries[slot].state = state;
		seen |= 1u << slot;
	}
	superblock->is_valid = seen == (1u << count) - 1 && superblock->sequence <= NUMBER_MAX &&
			       superblock->blocks > 0 && superblock->blocks <= NUMBER_MAX;
}

/*
 * Saving. A change is durable when every member that is CONFIGURED has it on its medium. A member that can't be
 * written while another one can is FAILED, and the others are written once more. If no member can be written,
 * it is unknown what a restart would find, and the array must stop.
 */
static struct {
	struct job *job;
	job_step then;
	uint8_t block[BLOCK];
	struct superblock written;
	int attempts;
	bool is_for_target;
	uint32_t left, ok, failed; /* ok and failed: bit n is slot n */
} g_save;

static void save_turn(bool is_for_target);

static void
save_next_sequence(void)
{
	for (uint32_t slot = 0; slot < g_array.superblock.count; slot++) {
		struct entry *entry = &g_array.superblock.entries[slot];

		/* A member that has missed a write is about to be removed; it goes with this change already. */
		if (g_array.slots[slot].is_unreadable && entry->state == ENTRY_CONFIGURED) {
			entry->state = ENTRY_FAILED;
		}
	}
	g_array.superblock.sequence++;
	g_save.written = g_array.superblock;
	g_save.ok = g_save.failed = 0;
	superblock_encode(&g_save.written, g_save.block);
	save_turn(false);
}

static void
save_end(void)
{
	if (g_save.ok == 0 && ++g_save.attempts < SAVE_ATTEMPTS_MAX) {
		save_next_sequence();
	} else if (g_save.ok == 0 || g_save.failed == 0) {
		g_save.then(g_save.job, g_save.ok != 0 ? 0 : -EIO);
	} else {
		for (uint32_t slot = 0; slot < g_array.superblock.count; slot++) {
			if (g_save.failed >> slot & 1) {
				say(LEVEL_WARNING, "the superblock can't be written to disk%u",
				    g_array.slots[slot].disk->number);
				g_array.slots[slot].is_unreadable = true;
				member_failed(slot);
			}
		}
		save_next_sequence();
	}
}

static void
save_one_ended(uint32_t slot, bool is_ok)
{
	if (is_ok) {
		g_save.ok |= 1u << slot;
		g_array.slots[slot].disk->found = g_save.written;
	} else {
		g_save.failed |= 1u << slot;
	}
	if (--g_save.left > 0) {
		return;
	}
	if (!g_save.is_for_target && g_save.ok != 0) {
		save_turn(true);
	} else {
		save_end();
	}
}

static void
save_flushed(void *context, bool is_ok)
{
	save_one_ended((uint32_t)(uintptr_t)context, is_ok);
}

static void
save_wrote(void *context, bool is_ok)
{
	uint32_t slot = (uint32_t)(uintptr_t)context;

	if (!is_ok) {
		save_one_ended(slot, false);
		return;
	}
	disk_submit(g_array.slots[slot].app_channel, RAIDSTORM_FLUSH, 0, 0, NULL, false, save_flushed, context);
}

/*
 * The target of a rebuild comes last: if it alone had the superblock that makes it a member, the others could be
 * assembled without it, and both would go on with the same number.
 */
static void
save_turn(bool is_for_target)
{
	uint32_t slots = 0;

	g_save.is_for_target = is_for_target;
	g_save.left = 0;
	for (uint32_t slot = 0; slot < g_array.superblock.count; slot++) {
		bool is_target = g_array.slots[slot].state == SLOT_TARGET;

		if (g_save.written.entries[slot].state == ENTRY_CONFIGURED && g_array.slots[slot].app_channel != NULL &&
		    is_target == is_for_target) {
			slots |= 1u << slot;
			g_save.left++;
		}
	}
	for (uint32_t slot = 0; slot < SLOTS_MAX; slot++) {
		if (slots >> slot & 1) {
			disk_submit(g_array.slots[slot].app_channel, RAIDSTORM_WRITE, 0, 1, g_save.block, false,
				    save_wrote, (void *)(uintptr_t)slot);
		}
	}
	if (slots == 0) {
		save_end();
	}
}

static void
superblock_save(struct job *job, job_step then)
{
	g_save.job = job;
	g_save.then = then;
	g_save.attempts = 0;
	if (!g_array.has_superblock) {
		then(job, 0);
		return;
	}
	g_array.superblock.is_valid = true;
	save_next_sequence();
}

/* Wiping, so that the array is never assembled again. A disk that can't be wiped keeps its superblock. */

static void
wipe_flushed(void *context, bool is_ok)
{
	struct disk *disk = g_array.slots[(uintptr_t)context].disk;

	disk->found.is_valid = disk->found.is_valid && !is_ok;
	if (--g_save.left == 0) {
		g_save.then(g_save.job, 0);
	}
}

static void
wipe_wrote(void *context, bool is_ok)
{
	struct slot *slot = &g_array.slots[(uintptr_t)context];

	if (!is_ok) {
		wipe_flushed(context, false);
		return;
	}
	disk_submit(slot->app_channel, RAIDSTORM_FLUSH, 0, 0, NULL, false, wipe_flushed, context);
}

static void
superblock_wipe(struct job *job, job_step then)
{
	g_save.job = job;
	g_save.then = then;
	g_save.left = 0;
	memset(g_save.block, 0, BLOCK);
	for (uintptr_t slot = 0; slot < SLOTS_MAX && g_array.has_superblock; slot++) {
		if (g_array.slots[slot].app_channel != NULL) {
			g_save.left++;
			disk_submit(g_array.slots[slot].app_channel, RAIDSTORM_WRITE, 0, 1, g_save.block, false,
				    wipe_wrote, (void *)slot);
		}
	}
	if (g_save.left == 0) {
		then(job, 0);
	}
}

/* UUIDs as text. */

static int
hex_digit(char letter)
{
	const char *digits = "0123456789abcdef", *found = strchr(digits, letter | 32);

	return letter != '\0' && found != NULL ? (int)(found - digits) : -1;
}

static bool
uuid_parse(uint8_t *uuid, const char *text)
{
	int count = 0;

	memset(uuid, 0, UUID_BYTES);
	for (; *text != '\0'; text++) {
		int digit = hex_digit(*text);

		if (*text == '-') {
			continue;
		}
		if (digit < 0 || count >= 2 * UUID_BYTES) {
			return false;
		}
		uuid[count / 2] = (uint8_t)(uuid[count / 2] << 4 | digit);
		count++;
	}
	return count == 2 * UUID_BYTES;
}

static void
uuid_format(const uint8_t *uuid, char text[37])
{
	for (int i = 0; i < UUID_BYTES; i++) {
		text += sprintf(text, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", uuid[i]);
	}
}
