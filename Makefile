# SPDX-License-Identifier: GPL-2.0-or-later
#
# The front door: every target sets up what it needs first, so that `make
# demo` and `make check` work in a fresh clone.

-include config.mak
BUILD_DIR ?= $(CURDIR)/build
NINJA = ninja -C "$(BUILD_DIR)"
MESON_TEST = meson test -C "$(BUILD_DIR)" --no-rebuild --print-errorlogs

# Programs that `make check` runs once more under sanitizers, built apart.
# TSan has nothing to look at in those with a single thread, nor where the
# guest writes through a mapping of its own.
THREADED = test-migration-two-vms test-migration-hang test-migration-thread \
           test-ram-load test-return-path test-multifd-send \
           test-multifd-recv test-multifd-recv-end test-multifd-two-vms \
           test-multifd-order test-thread-limit
SANITIZED_asan = $(THREADED) test-multifd-codec
SANITIZED_tsan = $(THREADED)
SANITIZE_asan = address,undefined
SANITIZE_tsan = thread

.PHONY: all help deps configured check check-sanitizers demo bench fuzz install \
        clean distclean

all: configured
	@$(NINJA)

help:
	@echo "make            build"
	@echo "make demo       migrate a running guest live and report"
	@echo "make check      all tests"
	@echo "make check-unit, check-qtest, check-interop, check-fuzz    some of them"
	@echo "make check-sanitizers    two VMs in a process, under ASan and TSan"
	@echo "make bench      ours and stock QEMU, alternating; BENCH_ARGS=\"...\" says"
	@echo "                what, BENCH_ARGS=--help what there is to say"
	@echo "make fuzz       give the readers of foreign input what nobody expects;"
	@echo "                TARGET=name for one, FUZZ_SECONDS=n for longer"
	@echo "make install    under the prefix given to ./configure; DESTDIR works"
	@echo "make clean      remove what was built; make distclean: configuration too"
	@echo "./configure --help lists build options"

deps:
	@scripts/dependencies.sh --install

configured: deps
	@test -f "$(BUILD_DIR)/build.ninja" || ./configure

check: configured
	@$(NINJA) all meson-test-prereq
	@$(MESON_TEST)
	@$(MAKE) --no-print-directory check-sanitizers

check-sanitizers: check-asan check-tsan

check-asan check-tsan: check-%: configured
	@test -f "$(BUILD_DIR)/$*/build.ninja" || meson setup \
		"$(BUILD_DIR)/$*" "$(CURDIR)" -Db_sanitize=$(SANITIZE_$*) \
		-Db_lundef=false >/dev/null
	@ninja -C "$(BUILD_DIR)/$*" $(addprefix tests/unit/,$(SANITIZED_$*))
	@meson test -C "$(BUILD_DIR)/$*" --no-rebuild --print-errorlogs \
		--timeout-multiplier 3 $(SANITIZED_$*)

check-%: configured
	@$(NINJA) all meson-test-prereq
	@$(MESON_TEST) --suite $*

demo: all
	@scripts/demo.py --build-dir "$(BUILD_DIR)"

bench: all
	@tests/bench/bench.py --build-dir "$(BUILD_DIR)" $(BENCH_ARGS)

FUZZ_BUILD_DIR = $(BUILD_DIR)-fuzz
FUZZ_SECONDS ?= 60

fuzz:
	@scripts/dependencies.sh --install fuzz
	@test -f "$(FUZZ_BUILD_DIR)/build.ninja" || \
		CC=clang meson setup "$(FUZZ_BUILD_DIR)" -Dfuzz=true \
			-Db_sanitize=address,undefined -Db_lundef=false >/dev/null
	@ninja -C "$(FUZZ_BUILD_DIR)" fuzz-targets
	@tests/fuzz/run.py --build-dir "$(FUZZ_BUILD_DIR)" \
		--seconds "$(FUZZ_SECONDS)" $(if $(TARGET),--target "$(TARGET)")

install: all
	@meson install -C "$(BUILD_DIR)" --no-rebuild

clean:
	@test ! -f "$(BUILD_DIR)/build.ninja" || $(NINJA) -t clean

distclean:
	@rm -rf "$(BUILD_DIR)" "$(FUZZ_BUILD_DIR)" config.mak
