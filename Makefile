# SPDX-License-Identifier: Apache-2.0
# basin: one makefile for the whole tree. `make help` lists the targets; variables that matter: PREFIX DESTDIR SAN FAULT COV WERROR V.

VERSION   := 0.1.0
SOVERSION := 0
PREFIX    ?= /usr/local
BINDIR     = $(PREFIX)/bin
LIBDIR     = $(PREFIX)/lib
LIBEXECDIR = $(PREFIX)/libexec/basin
INCLUDEDIR = $(PREFIX)/include
DATADIR    = $(PREFIX)/share
UNITDIR    = $(PREFIX)/lib/systemd/system
CC        ?= gcc
Q          = $(if $(V),,@)

# --- variants: build/<variant>/, so that builds with different flags never mix ---------------------------------------------------
comma   := ,
VARIANT := $(if $(SAN)$(FAULT)$(COV),$(subst $(comma),-,$(SAN))$(if $(FAULT),fault)$(if $(COV),cov),release)
B       := build/$(VARIANT)

WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wwrite-strings -Wno-format-truncation $(if $(WERROR)$(CI),-Werror)
HARDEN  := $(if $(SAN),,-D_FORTIFY_SOURCE=2) -fstack-protector-strong -fstack-clash-protection -fcf-protection
CFLAGS  ?= $(if $(SAN)$(FAULT),-O1 -g1,-O2 -g)
ALL_CFLAGS = -std=gnu17 -D_GNU_SOURCE -Iinclude -I. $(CFLAGS) $(WARN) $(HARDEN) -fPIC -fvisibility=hidden -ffunction-sections -fdata-sections \
	$(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer) $(if $(FAULT),-DBSN_FAULT) $(if $(COV),--coverage) \
	-DBASIN_VERSION='"$(VERSION)"' -DBASIN_LIBEXECDIR='"$(LIBEXECDIR)"'
ALL_LDFLAGS = $(LDFLAGS) -Wl,--gc-sections,-z,relro,-z,now,-z,noexecstack $(if $(SAN),-fsanitize=$(SAN)) $(if $(COV),--coverage)
STATIC := $(if $(SAN),-pie,-static-pie)

# --- what is in what: a wildcard per folder -----------------------------------------------------------------------------------------
src        = $(sort $(wildcard $(1)))
BASE_SRC    := $(call src,base/*.c)
POOL_SRC    := $(call src,pool/*.c)
NET_SRC     := $(call src,net/*.c)
IMAGE_SRC   := $(call src,image/*.c)
RUNTIME_SRC := $(call src,runtime/*.c)
ENV_SRC     := $(call src,runtime/env/*.c)
MONITOR_SRC := $(call src,runtime/monitor/*.c)
SYSTEMD_SRC := $(call src,runtime/systemd/*.c)
CHILD_SRC   := $(call src,runtime/child/*.c)
CMD_SRC     := $(call src,cmd/*.c)
OCI_SRC     := $(call src,cmd/oci/*.c)
MANAGE_SRC  := $(call src,cmd/manage/*.c)
HOT_SRC     := $(BASE_SRC) $(RUNTIME_SRC) $(call src,pool/cgroup*.c)
LIB_SRC     := $(BASE_SRC) $(POOL_SRC) $(NET_SRC) $(IMAGE_SRC) $(RUNTIME_SRC) $(ENV_SRC)
obj         = $(patsubst %.c,$(B)/obj/%.o,$(1))
hot         = $(patsubst %.c,$(B)/$(if $(MUSL),hot,obj)/%.o,$(1))
CHILD_IMAGE := $(B)/obj/runtime/child_image.o

# --- third-party libraries: the hot program's are static, the managing one's are not ----------------------------------------------
pkg          = $(shell pkg-config --$(1) $(2) 2>/dev/null)
HOT_LIBS     := $(if $(SAN),-ljansson -lseccomp -lcap,$(foreach l,jansson seccomp cap,$(shell $(CC) -print-file-name=lib$(l).a)))
MANAGE_PKGS  := jansson libseccomp libcap libnl-3.0 sqlite3 libzstd zlib libcrypto libnftables
MANAGE_LIBS  := $(call pkg,libs,$(MANAGE_PKGS)) -lisal
LIB_CFLAGS   := $(call pkg,cflags,$(MANAGE_PKGS))

# The hot programs start once for every container and every verb. glibc looks at the CPU for 0.7 ms before main, musl does not: where its
# compiler is there they are made with it. The three libraries stay Debian's (base/fortify.c). MUSL= builds them with glibc.
MULTIARCH := $(shell $(CC) -print-multiarch)
MUSL      ?= $(if $(SAN)$(COV),,$(shell command -v musl-gcc))
MUSL_DIR  := /usr/lib/$(subst gnu,musl,$(MULTIARCH))
HOT_CC    := $(or $(MUSL),$(CC))
HOT_BEGIN := $(if $(MUSL),-static -nostartfiles -Wl$(comma)-pie$(comma)--no-dynamic-linker$(comma)-z$(comma)text $(foreach f,malloc calloc realloc free,-Wl$(comma)--wrap=$f) $(addprefix $(MUSL_DIR)/,rcrt1.o crti.o),$(STATIC))
HOT_END   := $(if $(MUSL),$(B)/libhot.a $(MUSL_DIR)/crtn.o)

PROGRAMS := $(B)/basin $(B)/basin-manage $(B)/basin-monitor $(B)/basin-systemd
LIBRARY  := $(B)/libbasin.so.$(SOVERSION)

.PHONY: all check lint bench demo deps test-deps install uninstall dist format clean help tests fuzzers
.DELETE_ON_ERROR:
.SECONDARY:

all: $(PROGRAMS) $(LIBRARY) $(B)/basin.pc $(B)/basin.service $(B)/completions/basin.bash compile_commands.json

# The stamp changes when a flag does, and everything that was compiled depends on it.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(HOT_CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)' | cmp -s - $@ || echo '$(CC) $(HOT_CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)' >$@
FORCE:

# The commit that --version and features name is known to one file, so that a new one compiles only that.
COMMIT := $(or $(shell git rev-parse --short=12 HEAD 2>/dev/null),unknown)
$(B)/commit: FORCE
	@mkdir -p $(@D)
	@echo '$(COMMIT)' | cmp -s - $@ || echo '$(COMMIT)' >$@
$(B)/obj/runtime/features.o $(B)/hot/runtime/features.o: $(B)/commit
$(B)/obj/runtime/features.o $(B)/hot/runtime/features.o: ALL_CFLAGS += -DBASIN_COMMIT='"$(COMMIT)"'

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC      $<")
	$(Q)$(CC) $(ALL_CFLAGS) $(LIB_CFLAGS) -MMD -MP -c $< -o $@

$(B)/hot/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC      $< (hot)")
	$(Q)$(HOT_CC) $(ALL_CFLAGS) -U_FORTIFY_SOURCE -idirafter /usr/include -idirafter /usr/include/$(MULTIARCH) -MMD -MP -c $< -o $@

# The child: freestanding, static, no libc, embedded in basin. Its flags are its own; see runtime/child/.
CHILD_CFLAGS := -std=gnu17 -O2 -g0 -Iinclude -I. $(WARN) -ffreestanding -fno-builtin -fno-stack-protector -fcf-protection=none -fno-pic -fno-pie \
	-fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections $(if $(FAULT),-DBSN_FAULT)
$(B)/child/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC      $< (child)")
	$(Q)$(CC) $(CHILD_CFLAGS) -MMD -MP -c $< -o $@
$(B)/basin-child: $(patsubst %.c,$(B)/child/%.o,$(CHILD_SRC))
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) -static -nostdlib -no-pie -Wl,--gc-sections,--build-id=none,-z,noexecstack,-z,norelro,-n -s -o $@ $^
$(CHILD_IMAGE): runtime/child_image.S $(B)/basin-child
	@mkdir -p $(@D)
	$(Q)$(CC) -DCHILD_PATH='"$(B)/basin-child"' -c $< -o $@

# Archives: a program takes from them only what it uses.
$(B)/libcmd.a: $(call obj,$(CMD_SRC))
$(B)/libhot.a: $(call hot,$(HOT_SRC)) $(CHILD_IMAGE)
$(B)/liball.a: $(call obj,$(LIB_SRC)) $(CHILD_IMAGE)
$(B)/lib%.a:
	$(if $(V),,@echo "  AR      $@")
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/basin: $(call hot,$(CMD_SRC) $(OCI_SRC)) $(B)/libhot.a
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(HOT_CC) $(HOT_BEGIN) $(ALL_LDFLAGS) -o $@ $^ $(HOT_LIBS) $(HOT_END)
$(B)/basin-manage: $(call obj,$(CMD_SRC) $(MANAGE_SRC)) $(B)/liball.a
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) -pie $(ALL_LDFLAGS) -Wl,--as-needed -o $@ $^ $(MANAGE_LIBS)
$(B)/basin-monitor: $(call hot,$(MONITOR_SRC)) $(B)/libhot.a
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(HOT_CC) $(HOT_BEGIN) $(ALL_LDFLAGS) -o $@ $^ $(HOT_LIBS) $(HOT_END)
$(B)/basin-systemd: $(call obj,$(SYSTEMD_SRC)) $(B)/liball.a
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) -pie $(ALL_LDFLAGS) -Wl,--as-needed -o $@ $^ $(call pkg,libs,libsystemd)
$(LIBRARY): $(call obj,$(LIB_SRC)) $(CHILD_IMAGE) libbasin.map
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) -shared -Wl,-z,defs -Wl,-soname,libbasin.so.$(SOVERSION) -Wl,--version-script=libbasin.map $(ALL_LDFLAGS) -Wl,--as-needed \
		-o $@ $(filter %.o,$^) $(MANAGE_LIBS)
	$(Q)ln -sf $(@F) $(B)/libbasin.so
$(B)/basin.pc: basin.pc.in $(B)/flags
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' $< >$@
$(B)/basin.service: doc/basin.service.in $(B)/flags
	$(Q)sed -e 's|@BINDIR@|$(BINDIR)|' $< >$@

# Completions come from the command table, through the programs that have it.
$(B)/completions/basin.bash: $(PROGRAMS) cmd/completion/generate.awk
	@mkdir -p $(@D)
	$(Q){ $(B)/basin __table && $(B)/basin-manage __table; } >$(@D)/table
	$(Q)for shell in bash zsh fish; do awk -v shell=$$shell -f cmd/completion/generate.awk $(@D)/table >$(@D)/basin.$$shell || exit 1; done

# Without the two string macros, whose quotes no two readers of this format take alike (the sources have defaults).
compile_commands.json: Makefile $(B)/flags
	$(Q)for f in $(LIB_SRC) $(CMD_SRC) $(OCI_SRC) $(MANAGE_SRC) $(MONITOR_SRC) $(SYSTEMD_SRC); do printf '{"directory":"%s","file":"%s","command":"%s"},\n' \
		'$(CURDIR)' "$$f" '$(CC) $(filter-out -DBASIN_%,$(ALL_CFLAGS)) -Wno-unknown-warning-option $(LIB_CFLAGS) '"-c $$f"; done | sed '1s/^/[/; $$s/,$$/]/' >$@

# Every object, without linking: what a change must at least keep true.
objects: $(call obj,$(LIB_SRC) $(CMD_SRC) $(OCI_SRC) $(MANAGE_SRC) $(MONITOR_SRC) $(SYSTEMD_SRC)) $(call hot,$(HOT_SRC) $(CMD_SRC) $(OCI_SRC) $(MONITOR_SRC)) $(patsubst %.c,$(B)/child/%.o,$(CHILD_SRC))

# --- tests -----------------------------------------------------------------------------------------------------------------------
UNIT_TESTS := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(call src,tests/unit/test_*.c))
$(B)/tests/unit/%: $(B)/obj/tests/unit/%.o $(B)/libcmd.a $(B)/liball.a
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) -pie $(ALL_LDFLAGS) -Wl,--as-needed -o $@ $^ -lcmocka $(MANAGE_LIBS)
$(B)/tests/unit/test_scope: $(B)/obj/runtime/systemd/variant.o
tests: $(UNIT_TESTS)

# Fuzzers: tests/fuzz/fuzz_*.c, with clang's libFuzzer and the sanitizers, over the library's own sources built the same way.
FUZZ_CC    := $(or $(shell command -v clang 2>/dev/null),$(shell command -v clang-14 2>/dev/null))
FUZZ_FLAGS := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
FUZZERS    := $(patsubst tests/fuzz/%.c,$(B)/tests/fuzz/%,$(call src,tests/fuzz/fuzz_*.c))
$(B)/fuzz/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(filter-out -f% -O% -D_FORTIFY_SOURCE=2,$(ALL_CFLAGS)) -O1 -fvisibility=hidden -fPIC $(FUZZ_FLAGS) -Wno-unknown-warning-option $(LIB_CFLAGS) -MMD -MP -c $< -o $@
$(B)/libfuzz.a: $(patsubst %.c,$(B)/fuzz/%.o,$(LIB_SRC) runtime/systemd/variant.c) $(CHILD_IMAGE)
$(B)/tests/fuzz/%: $(B)/fuzz/tests/fuzz/%.o $(B)/libfuzz.a
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $@ $^ $(MANAGE_LIBS)
fuzzers: $(FUZZERS)

# --- what must be installed: BUILD_DEPS to build and run, TEST_DEPS to test. apt is asked only for what is missing ------------------
BUILD_DEPS := gcc libc6-dev musl-tools pkg-config libjansson-dev libseccomp-dev libcap-dev libnl-3-dev libsqlite3-dev libzstd-dev \
	zlib1g-dev libisal-dev libssl-dev libnftables-dev libsystemd-dev dnsmasq-base e2fsprogs mount iproute2 mmdebstrap
TEST_DEPS  := gcc-aarch64-linux-gnu libc6-dev-arm64-cross libcmocka-dev libarchive-tools clang clang-format clang-tidy cppcheck shellcheck codespell attr acl libcap2-bin busybox-static \
	nftables iputils-ping jq gojq python3 sqlite3 strace podman crun runc skopeo umoci zstd xz-utils qemu-system-x86 qemu-utils file procps util-linux man-db mandoc zsh fish
MISSING     = $(shell for p in $(1); do dpkg-query -W -f '$${db:Status-Status}' $$p 2>/dev/null | grep -qx installed || echo $$p; done)
APT_INSTALL = @missing="$(call MISSING,$(1))"; [ -z "$$missing" ] || { [ "$$(id -u)" = 0 ] || { echo "run as root, or install: $$missing" >&2; exit 1; }; \
	apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing; }
deps:
	$(call APT_INSTALL,$(BUILD_DEPS))
test-deps:
	$(call APT_INSTALL,$(BUILD_DEPS) $(TEST_DEPS))

# --- the two commands ----------------------------------------------------------------------------------------------------------------
# make's own variables are fixed before deps has run, so what needs the packages is a make of its own.
demo: deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/demo.sh

TIERS ?= unit cli clients fuzz lint fault vm
check: test-deps
	$(Q)$(MAKE) --no-print-directory -j$(shell nproc) WERROR=1 all tests fuzzers
	$(Q)$(MAKE) --no-print-directory -j$(shell nproc) WERROR=1 FAULT=1 all
	$(Q)$(MAKE) --no-print-directory -j$(shell nproc) WERROR=1 SAN=address,undefined tests
	$(Q)BUILD=$(CURDIR)/build/address-undefined tests/run --keep=build/sanitized.counts unit
	$(Q)BUILD=$(CURDIR)/$(B) TIMEOUT=1500 tests/run --add=build/sanitized.counts $(TIERS)

lint: all
	$(Q)BUILD=$(B) tests/run lint
bench: all
	$(Q)BUILD=$(B) tests/bench/run
format:
	clang-format -i $(shell find base pool net image runtime cmd tests -name '*.[ch]') include/basin.h

# --- installing ----------------------------------------------------------------------------------------------------------------------
MAN1 := doc/basin.1
MAN3 := doc/libbasin.3
install: all
	install -d $(addprefix $(DESTDIR),$(BINDIR) $(LIBEXECDIR) $(LIBDIR)/pkgconfig $(INCLUDEDIR) $(UNITDIR) $(DATADIR)/man/man1 $(DATADIR)/man/man3 \
		$(DATADIR)/bash-completion/completions $(DATADIR)/zsh/site-functions $(DATADIR)/fish/vendor_completions.d)
	install -m 755 $(B)/basin $(DESTDIR)$(BINDIR)/basin
	install -m 755 $(filter-out $(B)/basin,$(PROGRAMS)) $(DESTDIR)$(LIBEXECDIR)/
	install -m 644 include/basin.h $(DESTDIR)$(INCLUDEDIR)/
	install -m 755 $(LIBRARY) $(DESTDIR)$(LIBDIR)/
	ln -sf libbasin.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libbasin.so
	install -m 644 $(B)/basin.pc $(DESTDIR)$(LIBDIR)/pkgconfig/
	install -m 644 $(B)/basin.service $(DESTDIR)$(UNITDIR)/
	install -m 644 $(MAN1) $(DESTDIR)$(DATADIR)/man/man1/
	install -m 644 $(MAN3) $(DESTDIR)$(DATADIR)/man/man3/
	install -m 644 $(B)/completions/basin.bash $(DESTDIR)$(DATADIR)/bash-completion/completions/basin
	install -m 644 $(B)/completions/basin.zsh $(DESTDIR)$(DATADIR)/zsh/site-functions/_basin
	install -m 644 $(B)/completions/basin.fish $(DESTDIR)$(DATADIR)/fish/vendor_completions.d/
uninstall:
	rm -f $(addprefix $(DESTDIR),$(BINDIR)/basin $(LIBDIR)/libbasin.so $(LIBDIR)/libbasin.so.$(SOVERSION) $(LIBDIR)/pkgconfig/basin.pc $(INCLUDEDIR)/basin.h \
		$(UNITDIR)/basin.service $(DATADIR)/man/man1/basin.1 $(DATADIR)/man/man3/libbasin.3 $(DATADIR)/bash-completion/completions/basin \
		$(DATADIR)/zsh/site-functions/_basin $(DATADIR)/fish/vendor_completions.d/basin.fish)
	rm -rf $(DESTDIR)$(LIBEXECDIR)
dist:
	mkdir -p dist && git archive --format=tar --prefix=basin-$(VERSION)/ HEAD | zstd -q -19 -f -o dist/basin-$(VERSION).tar.zst
clean:
	rm -rf build compile_commands.json
help:
	@echo 'make all        build basin, basin-manage, basin-monitor and libbasin in $(B)/'
	@echo 'make demo       install what is needed, build, and show the main job on a Debian 12 root     (as root)'
	@echo 'make check      install what tests need, run every tier; TIERS="unit cli" runs some          (as root)'
	@echo 'make lint       format, static analysis and the house rules        make format   apply the format'
	@echo 'make bench      paired timings against crun and runc                make deps     install what the build needs'
	@echo 'make install    into $$(DESTDIR)$$(PREFIX)                            make uninstall dist clean help'
	@echo 'SAN=address,undefined  FAULT=1  COV=1   build a variant beside the others     WERROR=1  warnings are errors     V=1  show commands'

-include $(shell find $(B) -name '*.d' 2>/dev/null)
