/* The example with a mistake: a write across the offset of a rebuild skips its target. */

#include "example.c"

__attribute__((constructor)) static void
choose(void)
{
	choose_mistake("lost-write");
}
