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
CFLAGS  ?= -O2 -g
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
CHILD_SRC   := $(call src,runtime/child/*.c)
CMD_SRC     := $(call src,cmd/*.c)
OCI_SRC     := $(call src,cmd/oci/*.c)
MANAGE_SRC  := $(call src,cmd/manage/*.c)
HOT_SRC     := $(BASE_SRC) $(RUNTIME_SRC) $(call src,pool/cgroup*.c)
LIB_SRC     := $(BASE_SRC) $(POOL_SRC) $(NET_SRC) $(IMAGE_SRC) $(RUNTIME_SRC) $(ENV_SRC)
obj         = $(patsubst %.c,$(B)/obj/%.o,$(1))
CHILD_IMAGE := $(B)/obj/runtime/child_image.o

# --- third-party libraries: the hot program's are static, the managing one's are not ----------------------------------------------
pkg          = $(shell pkg-config --$(1) $(2) 2>/dev/null)
HOT_LIBS     := -Wl,-Bstatic -ljansson -lseccomp -lcap -Wl,-Bdynamic
HOT_LIBS     := $(if $(SAN),-ljansson -lseccomp -lcap,$(HOT_LIBS))
MANAGE_PKGS  := jansson libseccomp libcap libnl-3.0 libnl-route-3.0 sqlite3 libzstd zlib libcrypto libnftables
MANAGE_LIBS  := $(call pkg,libs,$(MANAGE_PKGS)) -lisal
LIB_CFLAGS   := $(call pkg,cflags,$(MANAGE_PKGS))

PROGRAMS := $(B)/basin $(B)/basin-manage $(B)/basin-monitor
LIBRARY  := $(B)/libbasin.so.$(SOVERSION)

.PHONY: all check lint bench demo deps test-deps install uninstall dist format clean help tests fuzzers
.DELETE_ON_ERROR:
.SECONDARY:

all: $(PROGRAMS) $(LIBRARY) $(B)/basin.pc $(B)/completions/basin.bash compile_commands.json

# The stamp changes when a flag does, and everything that was compiled depends on it.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)' | cmp -s - $@ || echo '$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)' >$@
FORCE:

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC      $<")
	$(Q)$(CC) $(ALL_CFLAGS) $(LIB_CFLAGS) -MMD -MP -c $< -o $@

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
$(B)/libhot.a: $(call obj,$(HOT_SRC)) $(CHILD_IMAGE)
$(B)/liball.a: $(call obj,$(LIB_SRC)) $(CHILD_IMAGE)
$(B)/lib%.a:
	$(if $(V),,@echo "  AR      $@")
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/basin: $(call obj,$(CMD_SRC) $(OCI_SRC)) $(B)/libhot.a
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) $(STATIC) $(ALL_LDFLAGS) -o $@ $^ $(HOT_LIBS)
$(B)/basin-manage: $(call obj,$(CMD_SRC) $(MANAGE_SRC)) $(B)/liball.a
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) -pie $(ALL_LDFLAGS) -Wl,--as-needed -o $@ $^ $(MANAGE_LIBS)
$(B)/basin-monitor: $(call obj,$(MONITOR_SRC)) $(B)/libhot.a
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) $(STATIC) $(ALL_LDFLAGS) -o $@ $^ $(HOT_LIBS)
$(LIBRARY): $(call obj,$(LIB_SRC)) $(CHILD_IMAGE) libbasin.map
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) -shared -Wl,-soname,libbasin.so.$(SOVERSION) -Wl,--version-script=libbasin.map $(ALL_LDFLAGS) -Wl,--as-needed \
		-o $@ $(filter %.o,$^) $(MANAGE_LIBS)
	$(Q)ln -sf $(@F) $(B)/libbasin.so
$(B)/basin.pc: basin.pc.in $(B)/flags
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' $< >$@

# Completions come from the command table, through the program that has it.
$(B)/completions/basin.bash: $(B)/basin-manage tests/completions
	@mkdir -p $(@D)
	$(Q)for shell in bash zsh fish; do $(B)/basin-manage completion $$shell >$(@D)/basin.$$shell || exit 1; done

compile_commands.json: Makefile $(B)/flags
	$(Q)for f in $(LIB_SRC) $(CMD_SRC) $(OCI_SRC) $(MANAGE_SRC) $(MONITOR_SRC); do \
		printf '{"directory":"%s","file":"%s","command":"%s"},\n' '$(CURDIR)' "$$f" \
			'$(CC) $(subst ",\\\",$(ALL_CFLAGS)) '"-c $$f"; done | sed '1s/^/[/; $$s/,$$/]/' >$@

# Every object, without linking: what a change must at least keep true.
objects: $(call obj,$(LIB_SRC) $(CMD_SRC) $(OCI_SRC) $(MANAGE_SRC) $(MONITOR_SRC)) $(patsubst %.c,$(B)/child/%.o,$(CHILD_SRC))

# --- tests -----------------------------------------------------------------------------------------------------------------------
UNIT_TESTS := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(call src,tests/unit/test_*.c))
$(B)/tests/unit/%: $(B)/obj/tests/unit/%.o $(B)/liball.a
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) -pie $(ALL_LDFLAGS) -Wl,--as-needed -o $@ $^ -lcmocka $(MANAGE_LIBS)
tests: $(UNIT_TESTS)

clean:
	rm -rf build compile_commands.json

-include $(shell find $(B) -name '*.d' 2>/dev/null)
