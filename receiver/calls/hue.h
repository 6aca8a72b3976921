/* SPDX-License-Identifier: Apache-2.0 */
/* hue: the colour of a function wherever it is drawn: a hue for its class or namespace, a tint for it. */
#ifndef JEM_RECEIVER_CALLS_HUE_H
#define JEM_RECEIVER_CALLS_HUE_H

#include "receiver/graph/canvas.h"

struct jem_paint jem_call_paint(const char *function);

/* Bytes of the name before its last :: outside of arguments; without one, all before those. */
size_t jem_call_scope(const char *function);

#endif
