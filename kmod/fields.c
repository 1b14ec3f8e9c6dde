// SPDX-License-Identifier: GPL-2.0
/* The values of field tables that are more than a number: names and uuids. */
#include "fields.h"

/**
 * rblk_uuid_ok() - is a uuid from a disk or a peer acceptable?
 * @uuid: RBLK_UUID_LEN bytes
 * @set: it must not be all zeroes
 *
 * Return: true if it is.
 */
bool rblk_uuid_ok(const u8 *uuid, bool set)
{
	u8 any = !set;
	int i;

	for (i = 0; i < RBLK_UUID_LEN; i++)
		any |= uuid[i];
	return any;
}

/**
 * rblk_name_ok() - is a name from a disk or a peer acceptable?
 * @name: field of @size bytes
 * @size: of the field
 * @set: it must not be empty
 *
 * Names are compared as a whole and end up in kernel messages: they consist of
 * visible ASCII characters and are followed by nothing but NULs, at least one.
 *
 * Return: true if it is.
 */
bool rblk_name_ok(const char *name, u32 size, bool set)
{
	u32 i = 0;

	while (i < size && name[i] > ' ' && name[i] <= '~')
		i++;
	if (i == size || (set && !i))
		return false;
	while (i < size && !name[i])
		i++;
	return i == size;
}

/**
 * rblk_name_put() - fills a field with a name, and the rest of it with NULs
 * @to: field of @size bytes
 * @from: at most @size bytes of it are read; a longer name is cut off
 * @size: of the field
 */
void rblk_name_put(char *to, const char *from, u32 size)
{
	u32 i;

	for (i = 0; i < size - 1 && from[i]; i++)
		to[i] = from[i];
	memset(to + i, 0, size - i);
}
