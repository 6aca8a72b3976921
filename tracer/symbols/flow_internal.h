/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow_internal: the terms and the memory of the data flow, shared by its files.
 */
#ifndef JEM_TRACER_SYMBOLS_FLOW_INTERNAL_H
#define JEM_TRACER_SYMBOLS_FLOW_INTERNAL_H

#include "tracer/symbols/flow.h"

#define JEM_FLOW_RSP 7

/* A new node, 0 when there is no room (is_full). */
uint16_t jem_flow_add(struct jem_flow *f, const struct jem_flow_node *node);
uint16_t jem_flow_constant(struct jem_flow *f, int64_t value);
int64_t jem_flow_extend_value(int64_t value, unsigned size, bool is_signed);
uint16_t jem_flow_extend(struct jem_flow *f, uint16_t a, unsigned size, bool is_signed);
uint16_t jem_flow_alu(struct jem_flow *f, unsigned op, uint16_t a, uint16_t b);

/* Node `address` says where; 0 is somewhere. */
void jem_flow_store_at(struct jem_flow *f, uint16_t address, unsigned size, uint16_t value);
uint16_t jem_flow_load_at(struct jem_flow *f, uint16_t address, unsigned size);

#endif
