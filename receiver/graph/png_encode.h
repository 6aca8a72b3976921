/* SPDX-License-Identifier: Apache-2.0 */
/* png_encode: pixels to a PNG file (ISO/IEC 15948): a palette where 256 colours do, else RGB. */
#ifndef JEM_RECEIVER_GRAPH_PNG_ENCODE_H
#define JEM_RECEIVER_GRAPH_PNG_ENCODE_H

#include "common/buf.h"

#include <stdint.h>

/* `scale` pixels a point go into the physical size. 0 or -ENOMEM. */
int jem_png_encode(struct jem_buf *out, const uint8_t *rgb, unsigned width, unsigned height,
		   unsigned scale);

#endif
