/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core_flag: lets our own end bear the flag of wait(2) that tells of a core file, as the job's did.
 *
 * Only the kernel sets the flag, and only for a core file that it has written. So ours is written,
 * too: a page of it, into a folder made for that, which a child takes away the moment we are gone.
 * It works where core files get a plain name (core(5)): one with a path, or a program at a pipe,
 * would keep a second one.
 */
#ifndef JEM_TOOLS_RUN_CORE_FLAG_H
#define JEM_TOOLS_RUN_CORE_FLAG_H

/*
 * Makes a folder in `parent`, goes there and lowers the limit on core files to a page. 0, or a
 * negative errno when it cannot be done: nothing has changed then but perhaps the working folder.
 */
int jem_core_flag_arm(const char *parent);

#endif
