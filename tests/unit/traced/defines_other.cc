/* SPDX-License-Identifier: Apache-2.0 */
/* Another type of a name that tests/unit/traced/defines.cc has too: nobody can tell which is meant. */
struct Doubtful {
	long v, w;
};

Doubtful other;
