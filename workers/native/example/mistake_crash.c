/* The example with a mistake: a channel that is born during a rebuild lacks its target. */

#include "example.c"

__attribute__((constructor)) static void
choose(void)
{
	choose_mistake("crash");
}
