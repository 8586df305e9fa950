// c-ares 1.18. <sys/types.h> comes first, as in CEvent.h.
#include <sys/types.h>
#include <ares.h>
