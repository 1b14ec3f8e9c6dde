/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The version of the module and of the tool, which belong together. CHANGELOG.md has
 * the same; Documentation/release.rst says what it promises.
 */
#ifndef RAFTBLK_VERSION_H
#define RAFTBLK_VERSION_H

#define RAFTBLK_VERSION		"0.1.0"

#endif /* RAFTBLK_VERSION_H */
