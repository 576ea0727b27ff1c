/* The example with a mistake: a rebuild that is stopped forgets the writes that wait for its lock. */

#include "example.c"

__attribute__((constructor)) static void
choose(void)
{
	choose_mistake("hang");
}
