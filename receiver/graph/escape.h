/* SPDX-License-Identifier: Apache-2.0 */
/*
 * escape: text from anywhere into markup (HTML, SVG), so that it is shown and does nothing.
 *
 * & < > " ' become references; bytes that are not UTF-8, characters that XML cannot hold and those
 * that turn the direction of what follows become U+FFFD; control characters become their pictures
 * (U+2400 and up). Tab and line feed stay. The same text serves as content and as the value of a
 * quoted attribute.
 */
#ifndef JEM_RECEIVER_GRAPH_ESCAPE_H
#define JEM_RECEIVER_GRAPH_ESCAPE_H

#include "common/buf.h"

void jem_escape_markup(struct jem_buf *buf, const char *text, size_t len);

#endif
