# Apsis: build, test, install. `make help` lists the goals. To cross-compile, give CC, HOSTCC=gcc (it builds the
# tool that embeds the standard library) and PKG_CONFIG_LIBDIR.
BUILD    ?= build$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))
PREFIX   ?= /usr/local
DESTDIR  ?=
CC       := $(if $(filter default,$(origin CC)),gcc,$(CC))
HOSTCC   ?= $(CC)
SANITIZE ?=
comma    := ,

VERSION  := $(shell sed -n 's/^\#define APSIS_VERSION  *"\(.*\)"/\1/p' vm/apsis.h)
SOVERSION := 0

# --- what the system has; `make deps` installs what is missing ----------------------------------------------
PKG         := pkg-config
LUA         := $(shell for p in lua5.4 lua-5.4 lua54 lua; do $(PKG) --exists "$$p >= 5.4 $$p < 5.5" 2>/dev/null && echo $$p && break; done)
LUA_CFLAGS  := $(if $(LUA),$(shell $(PKG) --cflags $(LUA)),-I/usr/include/lua5.4)
LUA_LIBS    := $(if $(LUA),$(shell $(PKG) --libs $(LUA)),-llua5.4)
BLIS_DIR    := $(firstword $(wildcard /usr/include/*/blis-openmp /usr/include/blis-openmp /usr/include/blis \
               /opt/homebrew/include/blis /usr/local/include/blis))
# The folder of the OpenMP build, so that the build does not hang on which BLIS update-alternatives chose.
BLIS_LIBDIR := $(wildcard $(patsubst /usr/include/%,/usr/lib/%,$(filter %/blis-openmp,$(BLIS_DIR))))
# -isystem: its header holds inline functions that -Wextra would object to.
BLIS_CFLAGS := $(BLIS_DIR:%=-isystem %)
BLIS_LIBS   := $(BLIS_LIBDIR:%=-L%) -lblis
ZLIB        := $(if $(wildcard /usr/include/zlib.h),yes,$(shell $(PKG) --exists zlib 2>/dev/null && echo yes))
OPENCL      := $(wildcard /usr/include/CL/cl.h /usr/local/include/CL/cl.h /opt/homebrew/include/CL/cl.h)
READLINE    := $(wildcard /usr/include/readline/readline.h /opt/homebrew/opt/readline/include/readline/readline.h)
# For the Jupyter kernel alone, which is a program of its own.
ZMQ         := $(shell $(PKG) --exists libzmq libsodium 2>/dev/null && echo yes)
# Opened at run time by linalg.qr, svd, eigh, eig and lstsq: asked for only where `make deps` can install it.
LAPACK      := $(if $(wildcard /usr/bin/apt-get),$(wildcard /usr/lib/*/liblapack.so.3),elsewhere)
COMPILER    := $(shell command -v $(firstword $(CC)) 2>/dev/null)

MISSING := $(if $(COMPILER),,gcc) $(if $(LUA),,lua5.4) $(if $(BLIS_DIR),,blis) $(if $(READLINE),,readline) \
           $(if $(OPENCL),,opencl-headers)
MISSING := $(strip $(MISSING))
ifeq ($(ZMQ),yes)
ZMQ_CFLAGS  := $(shell $(PKG) --cflags libzmq libsodium)
ZMQ_LIBS    := $(shell $(PKG) --libs libzmq libsodium)
endif
ifeq ($(ZLIB),yes)
ZLIB_CFLAGS := -DHAVE_ZLIB
ZLIB_LIBS   := -lz
endif

# The tests take a C++ compiler (a host program may be C++), PoCL and oclgrind besides.
DEBIAN_PACKAGES := gcc g++ libc6-dev pkg-config liblua5.4-dev libblis-openmp-dev liblapack3 libreadline-dev zlib1g-dev \
                   libzmq3-dev libsodium-dev opencl-headers ocl-icd-libopencl1 pocl-opencl-icd oclgrind
FEDORA_PACKAGES := gcc gcc-c++ pkgconf lua-devel blis-devel lapack readline-devel zlib-devel zeromq-devel libsodium-devel \
                   opencl-headers ocl-icd pocl
ARCH_PACKAGES   := gcc pkgconf lua54 blis lapack readline zlib zeromq libsodium opencl-headers ocl-icd pocl
BREW_PACKAGES   := gcc pkg-config lua@5.4 blis lapack readline zlib zeromq libsodium opencl-headers

# --- flags --------------------------------------------------------------------------------------------------
CFLAGS   ?= -O3 -g
override CPPFLAGS += -Ilib -Ivm $(LUA_CFLAGS) $(BLIS_CFLAGS) $(ZLIB_CFLAGS) -D_GNU_SOURCE
# A newer compiler's new warnings stop who works on Apsis, not who builds a release.
WERROR   ?= $(if $(wildcard .git),-Werror)
WARN     := -Wall -Wextra $(WERROR)
CODEGEN  := -std=gnu17 -fPIC -fvisibility=hidden -fno-math-errno -fno-trapping-math -ffp-contract=off -fopenmp
ifneq ($(SANITIZE),)
CODEGEN  += -fsanitize=$(SANITIZE) -fno-sanitize-recover=undefined -fno-omit-frame-pointer
endif
ALL_CFLAGS = $(CODEGEN) $(WARN) $(CFLAGS) $(CPPFLAGS) -MMD -MP
LIBS     := $(LUA_LIBS) $(BLIS_LIBS) $(ZLIB_LIBS) -lm -ldl -lpthread

# Kernel files are compiled once an instruction set; lib/cpu/isa.c chooses at run time. Integer elements wrap around
# there, as PyTorch's do.
KERNEL_FLAGS := -fwrapv
MACHINE := $(firstword $(subst -, ,$(if $(COMPILER),$(shell $(CC) -dumpmachine),$(shell uname -m))))
ifeq ($(MACHINE),x86_64)
ISAS := base avx2 avx512
else
ISAS := base
endif
ISA_FLAGS_base   :=
ISA_FLAGS_avx2   := -mavx2 -mfma -mf16c
ISA_FLAGS_avx512 := -mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma -mf16c -mprefer-vector-width=512

# --- files --------------------------------------------------------------------------------------------------
KERNELS := $(wildcard lib/cpu/kernels_*.c)
SRC     := $(filter-out $(KERNELS),$(wildcard $(addsuffix /*.c,lib/core lib/cpu lib/cl lib/ops lib/io lib/bind)))
BIN_SRC := vm/main.c vm/kernel_command.c $(wildcard vm/repl*.c)
VM_SRC  := $(filter-out $(BIN_SRC) vm/embed.c,$(wildcard vm/*.c))
# Sorted bytewise, as bundle_find's binary search needs it.
# The op tables go along: the kernels are compiled from them.
BUNDLE  := $(sort $(wildcard lib/ops/*.def) $(wildcard lib/ops/*_functions.h) lib/core/pool_window.h $(wildcard lib/core/*_functions.h) $(shell find kernels_cl stdlib \( -name '*.lua' -o -name '*.cl' -o -name '*.def' -o -name '*.h' \) -type f 2>/dev/null))
LIB_OBJ := $(SRC:%.c=$(BUILD)/%.o) $(VM_SRC:%.c=$(BUILD)/%.o) \
           $(foreach isa,$(ISAS),$(KERNELS:%.c=$(BUILD)/%.$(isa).o)) $(BUILD)/bundle_data.o
BIN_OBJ := $(BIN_SRC:%.c=$(BUILD)/%.o)
KERNEL_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard vm/jupyter/*.c))
PRODUCTS := $(BUILD)/apsis $(BUILD)/libapsis.so $(BUILD)/libapsis.a $(if $(ZMQ),$(BUILD)/apsis-kernel)

all: $(PRODUCTS)

# One short line a step; V=1 shows the commands.
step = $(if $(V),,@echo '$(1) $(2)')
Q    := $(if $(V),,@)

# A stamp changes only when its text does, so that new flags or a file that came or went rebuild what they
# should and a no-op build does nothing.
stamp = $(shell mkdir -p $(BUILD); echo '$(2)' | cmp -s - $(BUILD)/$(1) || echo '$(2)' > $(BUILD)/$(1))
BUILDING := $(filter-out clean help deps deps-if-missing lint run test docs bench uninstall,$(or $(MAKECMDGOALS),all))
ifneq ($(BUILDING),)
ifneq ($(MISSING),)
$(error Missing: $(MISSING). `make deps` installs it on Debian and Ubuntu and says what to install elsewhere)
endif
ifneq ($(ZLIB),yes)
$(warning zlib is missing: building without gzip and zip (zlib1g-dev; `make deps`))
endif
ifneq ($(ZMQ),yes)
$(warning libzmq or libsodium is missing: building without the Jupyter kernel (libzmq3-dev, libsodium-dev; `make deps`))
endif
# ccache makes the same objects.
$(call stamp,flags,$(subst ',,$(filter-out %ccache,$(CC)) $(ALL_CFLAGS) $(LIBS)))
$(call stamp,bundle.list,$(BUNDLE))
$(call stamp,objects.list,$(LIB_OBJ) $(KERNEL_OBJ))
endif

$(BUILD)/apsis: $(BIN_OBJ) $(LIB_OBJ) $(BUILD)/objects.list
	$(call step,LINK,$@)
	$(Q)$(CC) $(CODEGEN) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIBS) -lreadline

$(KERNEL_OBJ): CPPFLAGS += $(ZMQ_CFLAGS)
$(BUILD)/apsis-kernel: $(KERNEL_OBJ) $(LIB_OBJ) $(BUILD)/objects.list
	$(call step,LINK,$@)
	$(Q)$(CC) $(CODEGEN) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIBS) $(ZMQ_LIBS)

$(BUILD)/libapsis.so: $(LIB_OBJ) $(BUILD)/objects.list
	$(call step,LINK,$@)
	$(Q)$(CC) $(CODEGEN) $(LDFLAGS) -shared -Wl,-soname,libapsis.so.$(SOVERSION) -o $@ $(filter %.o,$^) $(LIBS)

# One object whose inner names are local, so that none can clash with a host's.
OBJCOPY := $(shell command -v objcopy 2>/dev/null)
$(BUILD)/libapsis.a: $(LIB_OBJ) $(BUILD)/objects.list
	$(call step,AR,$@)
	$(Q)rm -f $@
ifeq ($(OBJCOPY),)
	$(Q)$(AR) rcs $@ $(filter %.o,$^)
else
	$(Q)$(CC) -r -nostdlib -o $(BUILD)/libapsis.o $(filter %.o,$^)
	$(Q)$(OBJCOPY) --localize-hidden $(BUILD)/libapsis.o
	$(Q)$(AR) rcs $@ $(BUILD)/libapsis.o
endif

$(BUILD)/%.o: %.c $(BUILD)/flags
	$(call step,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<
define isa_rule
$(BUILD)/lib/cpu/%.$(1).o: lib/cpu/%.c $(BUILD)/flags
	$$(call step,CC,$$< ($(1)))
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(ALL_CFLAGS) $$(KERNEL_FLAGS) $$(ISA_FLAGS_$(1)) -DISA=$(1) -c -o $$@ $$<
endef
$(foreach isa,$(ISAS),$(eval $(call isa_rule,$(isa))))

# The standard library goes in compiled too where the build can run Lua: it is for this machine.
NATIVE := $(filter $(HOSTCC),$(CC))
$(BUILD)/embed: vm/embed.c $(BUILD)/flags
	$(call step,CC,$<)
	$(Q)$(HOSTCC) -std=gnu17 $(WARN) -O1 $(if $(NATIVE),-DPRECOMPILE $(LUA_CFLAGS)) -o $@ $< $(if $(NATIVE),$(LUA_LIBS))
$(BUILD)/bundle_data.c: $(BUILD)/embed $(BUILD)/bundle.list $(BUNDLE)
	$(call step,EMBED,$@)
	$(Q)$(BUILD)/embed $(BUNDLE) > $@.new && mv $@.new $@
$(BUILD)/bundle_data.o: $(BUILD)/bundle_data.c
	$(call step,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/fuzz_%: tests/fuzz/%.c $(LIB_OBJ)
	$(call step,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(LIB_OBJ) $(LIBS)

# --- goals --------------------------------------------------------------------------------------------------
# Make reads what the system has before it runs anything, so what follows an installation is a second make, on
# all processors where the first was not told how many.
build = $(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$$(nproc 2>/dev/null || echo 2)) $(1)
run: deps-if-missing
	@+$(call build,$(BUILD)/apsis)
	$(BUILD)/apsis examples/mnist.lua $(ARGS)
test: deps-if-missing
	@+$(call build,all)
	$(BUILD)/apsis tests/run.lua $(ARGS)
docs: deps-if-missing
	@+$(call build,$(BUILD)/apsis)
	$(Q)mkdir -p $(BUILD)/docs
	$(Q)$(BUILD)/apsis -e 'require("apsis.help.manual").write("$(BUILD)/docs")'
	$(Q)$(BUILD)/apsis tests/support/ops_table.lua $(BUILD)/docs/ops.md
	@echo 'the manual is in $(BUILD)/docs: start at README.md'
bench: deps-if-missing
	@+$(call build,$(BUILD)/apsis)
	APSIS=$(BUILD)/apsis tests/bench/run $(ARGS)

fuzz: $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz_%,$(wildcard tests/fuzz/*.c))

# What bare BLIS gives, for the benchmarks.
$(BUILD)/bench_blis: tests/bench/blis.c tests/bench/timing.h
	$(call step,CC,$<)
	$(Q)$(CC) -O2 $(BLIS_CFLAGS) -o $@ $< $(BLIS_LIBS) -lm -fopenmp

deps-if-missing:
ifneq ($(MISSING)$(filter-out yes,$(or $(ZLIB),zlib) $(or $(ZMQ),zmq))$(if $(LAPACK),,lapack),)
	@$(MAKE) --no-print-directory deps
endif

SUDO = $$([ "$$(id -u)" = 0 ] || echo sudo)
deps:
	@if command -v apt-get >/dev/null; then \
	    $(SUDO) apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $(DEBIAN_PACKAGES); \
	else \
	    echo 'Install these packages, then run make again:'; \
	    echo '  dnf install $(FEDORA_PACKAGES)'; \
	    echo '  pacman -S $(ARCH_PACKAGES)'; \
	    echo '  brew install $(BREW_PACKAGES)'; \
	    exit 1; \
	fi

BINDIR     ?= $(PREFIX)/bin
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
BIN := $(DESTDIR)$(BINDIR)
LIB := $(DESTDIR)$(LIBDIR)
INC := $(DESTDIR)$(INCLUDEDIR)
MANDIR     ?= $(PREFIX)/share/man
BASHDIR    ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR     ?= $(PREFIX)/share/zsh/site-functions
MAN  := $(DESTDIR)$(MANDIR)/man1
BASH := $(DESTDIR)$(BASHDIR)
ZSH  := $(DESTDIR)$(ZSHDIR)
install: all
	$(call step,INSTALL,$(DESTDIR)$(PREFIX))
	$(Q)install -d '$(BIN)' '$(LIB)/pkgconfig' '$(INC)' '$(MAN)' '$(BASH)' '$(ZSH)'
	$(Q)install -m 755 $(BUILD)/apsis '$(BIN)/apsis'
	$(if $(ZMQ),$(Q)install -m 755 $(BUILD)/apsis-kernel '$(BIN)/apsis-kernel')
	$(Q)install -m 755 $(BUILD)/libapsis.so '$(LIB)/libapsis.so.$(VERSION)'
	$(Q)ln -sf libapsis.so.$(VERSION) '$(LIB)/libapsis.so.$(SOVERSION)'
	$(Q)ln -sf libapsis.so.$(SOVERSION) '$(LIB)/libapsis.so'
	$(Q)install -m 644 $(BUILD)/libapsis.a '$(LIB)/libapsis.a'
	$(Q)install -m 644 vm/apsis.h '$(INC)/apsis.h'
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR:$(PREFIX)/%=$${prefix}/%)|' \
	    -e 's|@INCLUDEDIR@|$(INCLUDEDIR:$(PREFIX)/%=$${prefix}/%)|' -e 's|@VERSION@|$(VERSION)|' \
	    -e 's|@LIBS@|$(LIBS) -fopenmp$(if $(SANITIZE), -fsanitize=$(SANITIZE))|' vm/apsis.pc.in \
	    > '$(LIB)/pkgconfig/apsis.pc'
	$(Q)sed 's|@VERSION@|$(VERSION)|' vm/shell/apsis.1.in > '$(MAN)/apsis.1'
	$(Q)install -m 644 vm/shell/apsis.bash '$(BASH)/apsis'
	$(Q)install -m 644 vm/shell/_apsis '$(ZSH)/_apsis'

uninstall:
	rm -f '$(BIN)/apsis' '$(BIN)/apsis-kernel' '$(LIB)/libapsis.so' '$(LIB)/libapsis.so.$(SOVERSION)' \
	    '$(LIB)/libapsis.so.$(VERSION)' '$(LIB)/libapsis.a' '$(INC)/apsis.h' '$(LIB)/pkgconfig/apsis.pc' \
	    '$(MAN)/apsis.1' '$(BASH)/apsis' '$(ZSH)/_apsis'

LINT_C := $(wildcard vm/*.[ch] vm/jupyter/*.[ch] lib/*/*.[ch] examples/embed/*.c tests/embed/*.[ch] tests/support/*.c tests/fuzz/*.c)
lint:
	clang-format --dry-run -Werror $(LINT_C)
	luacheck -q stdlib examples tests

clean:
	rm -rf build build-*

help:
	@echo 'make                build $(PRODUCTS)'
	@echo 'make run            train a network on handwritten digits (installs what is missing first)'
	@echo 'make test           build and run all tests; ARGS=tests/nn_test.lua runs one file'
	@echo 'make docs           write the manual as Markdown to $(BUILD)/docs'
	@echo 'make bench          run the benchmarks'
	@echo 'make install        into PREFIX ($(PREFIX)), below DESTDIR: program, libraries, apsis.h, apsis.pc,'
	@echo '                    the manual page and what bash and zsh complete'
	@echo 'make uninstall      removes those again'
	@echo 'make deps           install the packages that the build needs'
	@echo 'make SANITIZE=address,undefined    a checked build in a folder of its own'
	@echo 'make fuzz           build the programs of tests/fuzz (use SANITIZE=address,undefined)'
	@echo 'make lint           check the format of C and Lua'
	@echo 'make clean          remove what was built'
	@echo 'V=1 shows the commands; CC, CFLAGS, LDFLAGS and LIBDIR are taken as given'

.PHONY: all run test docs bench fuzz deps deps-if-missing install uninstall lint clean help
.DELETE_ON_ERROR:
-include $(LIB_OBJ:.o=.d) $(BIN_OBJ:.o=.d) $(KERNEL_OBJ:.o=.d)
