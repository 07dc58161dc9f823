#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What building and testing needs on Debian, whether it is there, and how to
# get it. The one list of packages in this tree.

set -eu

# test | what it tests | Debian package
needed() {
    if [ "$what" = fuzz ]; then
        cat <<EOF
command|clang|clang
fuzzer|clang|libclang-rt-dev
EOF
    fi
    cat <<EOF
command|cc|gcc
command|meson|meson
command|ninja|ninja-build
command|pkg-config|pkg-config
command|python3|python3
command|make|make
pkg|glib-2.0|libglib2.0-dev
pkg|json-c|libjson-c-dev
pkg|readline|libreadline-dev
pkg|libisal|libisal-dev
pkg|libzstd|libzstd-dev
pkg|zlib|zlib1g-dev
header|x86emu.h|libx86emu-dev
EOF
}

usage() {
    cat <<EOF
Usage: scripts/dependencies.sh [--check | --install | --list] [fuzz]

  --check    say what is missing and how to install it; status 1 if anything is
  --install  install what is missing with apt when run by root, else as --check
  --list     print the packages, one a line
  fuzz       with what make fuzz needs besides
EOF
}

present() {
    case $1 in
    command) command -v "$2" >/dev/null 2>&1 ;;
    pkg) pkg-config --exists "$2" 2>/dev/null ;;
    fuzzer) echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' |
        "$2" -fsanitize=fuzzer,address -x c -o /dev/null - >/dev/null 2>&1 ;;
    header) echo "#include <$2>" | cc -E - >/dev/null 2>&1 ;;
    esac
}

missing() {
    needed | while IFS='|' read -r kind name package; do
        present "$kind" "$name" || echo "$package"
    done
}

what=${2:-}
case $what in
'' | fuzz) ;;
*) usage >&2; exit 1 ;;
esac

case ${1:---check} in
--help | -h) usage; exit 0 ;;
--list) needed | cut -d'|' -f3; exit 0 ;;
--check | --install) ;;
*) usage >&2; exit 1 ;;
esac

packages=$(missing | tr '\n' ' ')
[ -n "$packages" ] || exit 0

if [ "${1:-}" = --install ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing: $packages"
    apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
    packages=$(missing | tr '\n' ' ')
    [ -n "$packages" ] || exit 0
fi

echo "Missing packages. Install them with:" >&2
echo "  apt-get install $packages" >&2
exit 1
