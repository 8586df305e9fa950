// libsrtp 2.
#include <srtp2/srtp.h>
