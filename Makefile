# SPDX-License-Identifier: GPL-2.0
#
# make			module and tool, for the running kernel
# make KDIR=DIR		for the kernel whose headers or build tree are in DIR
# make W=1, C=2		as in the kernel
# make install		module, tool, man pages, units, udev rules and OCF agent into DESTDIR
# make uninstall	removes what "make install" has put there; volumes have to be down
# make deb		packages of Debian: tool, module by DKMS, OCF agent, into build/deb
# make demo		the main job, on three virtual machines, told as it happens
# make check		the tests; "selftests/run --list" names the groups
# make check-long	what takes longer
# make check-debug	the guest tests on a kernel with every detector on
# make bench		figures beside those of the raw disk and of DRBD
KDIR ?= /lib/modules/$(shell uname -r)/build
PREFIX ?= /usr/local

# Kbuild wants absolute paths here.
root := $(if $(DESTDIR),$(abspath $(DESTDIR)))
release = $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' $(KDIR)/include/generated/utsrelease.h)
# Without a key there, Kbuild would try to sign in vain, and say so.
sign := $(if $(wildcard $(KDIR)/certs/signing_key.pem),,CONFIG_MODULE_SIG_ALL=)
depmod = PATH="$$PATH:/sbin" depmod $(if $(root),-b $(root)) $(release)

.PHONY: all headers module tool install deb uninstall demo check check-long check-debug bench clean

all: module tool

headers:
	@test -e $(KDIR)/Makefile || { echo "There are no kernel headers in $(KDIR)." \
		"Install them (Debian: apt-get install linux-headers-$$(uname -r)), or say" \
		"make KDIR=DIR for another kernel; these have headers here:" \
		$(patsubst /lib/modules/%/build,%,$(wildcard /lib/modules/*/build)) >&2; exit 1; }

module: headers
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

tool:
	$(MAKE) -C userspace

# Kbuild leaves depmod out where the kernel has no System.map, as with Debian's headers.
install: all
	$(MAKE) -C $(KDIR) M=$(CURDIR) $(sign) $(if $(root),INSTALL_MOD_PATH=$(root)) modules_install
	$(depmod)
	$(MAKE) -C userspace PREFIX=$(PREFIX) DESTDIR=$(root) install

deb:
	tools/setup deb
	tools/deb

uninstall: headers
	rm -f $(foreach d,extra updates,$(root)/lib/modules/$(release)/$(d)/raftblk.ko*)
	$(depmod)
	$(MAKE) -C userspace PREFIX=$(PREFIX) DESTDIR=$(root) uninstall

demo:
	tools/setup build vm demo
	tools/demo

check:
	selftests/run

check-long:
	selftests/run all-mutants sim-long vm-long runner packages

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
	$(MAKE) -C selftests/why clean
	rm -rf build
