/* SPDX-License-Identifier: Apache-2.0 */
/* identity: who publishes: site, user, job and node (DESIGN section 3). */
#ifndef JEM_COMMON_IDENTITY_H
#define JEM_COMMON_IDENTITY_H

#include "common/batch.h"
#include "common/config.h"

/*
 * Fills the identity from identity.*, run.job, the effective uid and the host name. Without
 * run.job the job is `-`, which belongs to the node-wide service.
 */
void jem_identity_init(struct jem_identity *identity, const struct jem_config *config);

/* 16 random hex digits, new at every start of a daemon. */
void jem_epoch_make(char ret[JEM_EPOCH_SIZE]);

/* The kernel's boot id (/proc/sys/kernel/random/boot_id), zeros where it is not to be had. */
void jem_boot_id_read(char ret[JEM_BOOT_ID_SIZE]);

#endif
