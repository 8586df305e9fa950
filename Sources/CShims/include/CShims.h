// The only hand-written C: what Swift can't import (macros, GNU-only calls). Every symbol starts with CShims_.
#pragma once
#include <stdint.h>

/// Nanoseconds on the monotonic clock.
int64_t CShims_monotonic_nanoseconds(void);
