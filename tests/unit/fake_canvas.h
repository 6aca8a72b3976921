/* SPDX-License-Identifier: Apache-2.0 */
/* fake_canvas: a canvas that writes down what it is asked to draw, one call a line. */
#ifndef JEM_TESTS_UNIT_FAKE_CANVAS_H
#define JEM_TESTS_UNIT_FAKE_CANVAS_H

#include "receiver/graph/canvas.h"

/* Every character is 0.6 of the size wide. Coordinates are written rounded to a tenth. */
struct jem_canvas *fake_canvas_create(struct jem_buf *out);

#endif
