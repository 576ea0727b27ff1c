/*
 * system.c: in place of libc, libuuid and libcrypto where these would make two runs differ: clocks, random numbers,
 * UUIDs.
 */
#include "adapter.h"

#include <sys/time.h>
#include <time.h>

static uint64_t g_life, g_uuids, g_random;

/* Each life of a target draws UUIDs of its own, for the superblocks of its predecessors hold theirs. */
void
system_set_life(uint64_t life)
{
	g_life = life;
}

void
uuid_generate(uint8_t *uuid)
{
	uint64_t high = __builtin_bswap64(0x7261696473004000ULL | (g_life & 0xfff));
	uint64_t low = __builtin_bswap64(0x8000000000000000ULL | ++g_uuids);

	memcpy(uuid, &high, sizeof(high));
	memcpy(uuid + sizeof(high), &low, sizeof(low));
}

void
uuid_generate_random(uint8_t *uuid)
{
	uuid_generate(uuid);
}

int
RAND_bytes(unsigned char *bytes, int count)
{
	for (int i = 0; i < count; i++) {
		g_random = g_random * 6364136223846793005ULL + 1442695040888963407ULL;
		bytes[i] = (uint8_t)(g_random >> 56);
	}
	return 1;
}

int
rand(void)
{
	uint32_t value;

	RAND_bytes((unsigned char *)&value, sizeof(value));
	return (int)(value & RAND_MAX);
}

long
random(void)
{
	return rand();
}

int
rand_r(unsigned int *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return (int)(*seed >> 1);
}

int
clock_gettime(clockid_t clock, struct timespec *now)
{
	now->tv_sec = (time_t)(spdk_get_ticks() / TICKS_PER_SECOND);
	now->tv_nsec = (long)(spdk_get_ticks() % TICKS_PER_SECOND * 1000);
	return 0;
}

time_t
time(time_t *now)
{
	time_t seconds = (time_t)(spdk_get_ticks() / TICKS_PER_SECOND);

	if (now != NULL) {
		*now = seconds;
	}
	return seconds;
}

int
gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	now->tv_sec = (time_t)(spdk_get_ticks() / TICKS_PER_SECOND);
	now->tv_usec = (suseconds_t)(spdk_get_ticks() % TICKS_PER_SECOND);
	return 0;
}

pid_t
getpid(void)
{
	return 1; /* it names pools */
}
