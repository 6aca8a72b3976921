/* SPDX-License-Identifier: Apache-2.0 */
/*
 * embed: a file as bytes of the program. JEM_EMBED(name, "path") defines name and name_end.
 *
 * The compiler does not see the file: the build's rules name it as what the object depends on.
 */
#ifndef JEM_RECEIVER_GRAPH_EMBED_H
#define JEM_RECEIVER_GRAPH_EMBED_H

#define JEM_EMBED(name, path)                                                                      \
	__asm__(".pushsection .rodata\n"                                                           \
		".balign 16\n"                                                                     \
		".globl " #name "\n"                                                               \
		".hidden " #name "\n" #name ":\n"                                                  \
		".incbin \"" path "\"\n"                                                           \
		".globl " #name "_end\n"                                                           \
		".hidden " #name "_end\n" #name "_end:\n"                                          \
		".byte 0\n"                                                                        \
		".popsection\n");                                                                  \
	extern const char name[] __attribute__((visibility("hidden")));                            \
	extern const char name##_end[] __attribute__((visibility("hidden")))

#endif
