# SPDX-License-Identifier: GPL-2.0
#
# make			module and tool, for the running kernel
# make KDIR=DIR		for the kernel whose headers or build tree are in DIR
# make W=1, C=2		as in the kernel
# make install		module, tool, man pages, units, udev rules and OCF agent into DESTDIR
# make demo		the main job, on three virtual machines, told as it happens
# make check		all tests; "selftests/run --list" names the groups
# make check-long	what takes longer
# make check-debug	the guest tests on a kernel with every detector on
# make bench		figures beside those of the raw disk and of DRBD
KDIR ?= /lib/modules/$(shell uname -r)/build
PREFIX ?= /usr/local

.PHONY: all module tool install demo check check-long check-debug bench clean

all: module tool

module:
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

tool:
	$(MAKE) -C userspace

install: all
	$(MAKE) -C $(KDIR) M=$(CURDIR) $(if $(DESTDIR),INSTALL_MOD_PATH=$(DESTDIR)) modules_install
	$(MAKE) -C userspace PREFIX=$(PREFIX) install

demo:
	tools/setup build vm demo
	tools/demo

check:
	selftests/run

check-long:
	selftests/run sim-long vm-long runner

check-debug:
	selftests/run debug-kernel vm-debug

bench:
	tools/setup build vm bench
	tools/bench/run

clean:
	-$(MAKE) -C $(KDIR) M=$(CURDIR) clean
	$(MAKE) -C userspace clean
	$(MAKE) -C selftests/unit clean
	$(MAKE) -C selftests/sim clean
	$(MAKE) -C selftests/fuzz clean
	rm -rf build
