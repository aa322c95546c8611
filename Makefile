# Apsis: build, test, install.  `make help` lists the goals.
BUILD   ?= build
PREFIX  ?= /usr/local
CC      ?= gcc
SANITIZE ?=

LUA_CFLAGS  := $(shell pkg-config --cflags lua5.4 2>/dev/null || echo -I/usr/include/lua5.4)
LUA_LIBS    := $(shell pkg-config --libs lua5.4 2>/dev/null || echo -llua5.4)
BLIS_CFLAGS := $(shell for d in /usr/include/*/blis-openmp /usr/include/blis-openmp /usr/include/blis; do [ -f $$d/blis.h ] && echo -I$$d && break; done)
BLIS_LIBS   := -lblis

CFLAGS   ?= -O3 -g
CPPFLAGS += -Ilib -Ivm -I. $(LUA_CFLAGS) $(BLIS_CFLAGS) -D_GNU_SOURCE
WARN     := -Wall -Wextra -Werror
CODEGEN  := -std=gnu17 -fPIC -fvisibility=hidden -fno-math-errno -fno-trapping-math -ffp-contract=off -fopenmp
ifneq ($(SANITIZE),)
CODEGEN  += -fsanitize=$(SANITIZE) -fno-omit-frame-pointer
endif
ALL_CFLAGS = $(CODEGEN) $(WARN) $(CFLAGS) $(CPPFLAGS) -MMD -MP
LIBS     := $(LUA_LIBS) $(BLIS_LIBS) -lz -lm -ldl -fopenmp

# Kernel files are compiled once an instruction set; lib/cpu/isa.c chooses at run time.
ARCH := $(shell $(CC) -dumpmachine | cut -d- -f1)
ifeq ($(ARCH),x86_64)
ISAS := base avx2 avx512
else
ISAS := base
endif
ISA_FLAGS_base   :=
ISA_FLAGS_avx2   := -mavx2 -mfma -mf16c
ISA_FLAGS_avx512 := -mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma -mf16c -mprefer-vector-width=512

KERNELS := $(wildcard lib/cpu/kernels_*.c)
SRC     := $(filter-out $(KERNELS),$(wildcard lib/core/*.c lib/cpu/*.c lib/cl/*.c lib/ops/*.c lib/io/*.c lib/bind/*.c))
VM_SRC  := $(filter-out vm/main.c $(wildcard vm/repl*.c),$(wildcard vm/*.c))
LIB_OBJ := $(SRC:%.c=$(BUILD)/%.o) $(VM_SRC:%.c=$(BUILD)/%.o) \
           $(foreach isa,$(ISAS),$(KERNELS:%.c=$(BUILD)/%.$(isa).o)) $(BUILD)/bundle_data.o
BIN_OBJ := $(patsubst %.c,$(BUILD)/%.o,vm/main.c $(wildcard vm/repl*.c))

all: $(BUILD)/apsis

$(BUILD)/apsis: $(BIN_OBJ) $(LIB_OBJ)
	$(CC) $(CODEGEN) -o $@ $^ $(LIBS) -lreadline -Wl,-E

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<
define isa_rule
$(BUILD)/lib/cpu/%.$(1).o: lib/cpu/%.c
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_CFLAGS) $$(ISA_FLAGS_$(1)) -DISA=$(1) -c -o $$@ $$<
endef
$(foreach isa,$(ISAS),$(eval $(call isa_rule,$(isa))))

clean:
	rm -rf $(BUILD)
.PHONY: all clean
-include $(LIB_OBJ:.o=.d) $(BIN_OBJ:.o=.d)
