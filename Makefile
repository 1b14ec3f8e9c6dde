# SPDX-License-Identifier: GPL-2.0
# make			module and tool, for the running kernel
# make KDIR=DIR		for the kernel whose headers or build tree are in DIR
# make W=1, C=2		as in the kernel
KDIR ?= /lib/modules/$(shell uname -r)/build

.PHONY: all module tool clean

all: module tool

module:
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

tool:
	$(if $(wildcard userspace/Makefile),$(MAKE) -C userspace)

clean:
	$(MAKE) -C $(KDIR) M=$(CURDIR) clean
	$(if $(wildcard userspace/Makefile),$(MAKE) -C userspace clean)
