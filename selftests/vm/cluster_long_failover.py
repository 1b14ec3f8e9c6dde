#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""cluster_failover.py with 20 deaths of the leader for each setting."""

import os

os.environ["RBLK_KILLS"] = "20"
import cluster_failover

cluster_failover.main()
