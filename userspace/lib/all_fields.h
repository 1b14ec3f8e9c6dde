/* SPDX-License-Identifier: GPL-2.0 */
/* Every field table there is, for fields_rows.h. */
#include "log/disk_fields.h"
#include "wire/frame_fields.h"
