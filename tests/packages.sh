# The one list of Debian packages, and what installs them; sourced by examples/quickstart.sh, tests/run.sh and .ci/run.

# to build and run; fortunes is the text that the main example learns
BUILD_PACKAGES="gcc libc6-dev make cmake pkg-config libopenblas-dev libhdf5-dev libzip-dev libedit2 luajit fortunes"
# to run the specs
TEST_PACKAGES="lua-busted lua-filesystem"
# for the rest of .ci/run
CI_PACKAGES="clang lua-check luarocks git binutils gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user"

missing_packages() {
  for package; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || printf '%s ' "$package"
  done
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# install_packages NAME...: those that are not there yet.
install_packages() {
  if ! command -v dpkg-query >/dev/null; then
    echo "not a Debian system; what is needed goes by these names there: $*" >&2
    return 0
  fi
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
    printf 'These packages are missing, and only root can install them:\n  apt-get install --no-install-recommends %s\n' "$missing" >&2
    return 1
  fi
  echo "installing $missing"
  log=$(mktemp)
  # shellcheck disable=SC2086
  if as_root apt-get update -qq >"$log" 2>&1 &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >>"$log" 2>&1; then
    rm -f "$log"
  else
    tail -n 20 "$log" >&2
    return 1
  fi
}

# Sets BUILD for the checkout in $1: its folder build, or one of the user's own where that cannot be written.
choose_build() {
  BUILD=$1/build
  if [ -w "$BUILD" ] || [ ! -e "$BUILD" ] && [ -w "$1" ]; then return; fi
  BUILD=${XDG_CACHE_HOME:-$HOME/.cache}/moongate/build
  mkdir -p "$BUILD" 2>/dev/null || BUILD=${TMPDIR:-/tmp}/moongate-$(id -u)/build
  export MOONGATE_LIB="$BUILD/moongate/core.so"
}

# Builds the checkout in $1 and sets BUILD.
build_moongate() {
  choose_build "$1"
  log=$(mktemp)
  if cmake -S "$1" -B "$BUILD" -DCMAKE_BUILD_TYPE=Release >"$log" 2>&1 && cmake --build "$BUILD" -j "$(nproc)" >>"$log" 2>&1; then
    rm -f "$log"
  else
    tail -n 40 "$log" >&2
    return 1
  fi
}
