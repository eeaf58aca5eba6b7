#!/bin/sh
# Installs what the tests need, builds, runs all specs (the C tests among them) and the reference cases.
#   sh tests/run.sh [SPEC ...]
# The last line is the sum, `N passed, N failed`; the exit status is 0 only when nothing failed.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tests/packages.sh"
# shellcheck disable=SC2086
install_packages $BUILD_PACKAGES $TEST_PACKAGES
build_moongate "$root"
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Shows a command's output and keeps its last line; a command that ends badly without saying so counts as one failure.
count() {
  { "$@" || echo "status $?"; } | tee "$log.all"
  if tail -n 1 "$log.all" | grep -q '^status' && ! tail -n 2 "$log.all" | grep -q '[1-9][0-9]* failed'; then
    echo "0 passed, 1 failed" >>"$log"
  fi
  grep -E '^[0-9]+ passed, [0-9]+ failed' "$log.all" | tail -n 1 >>"$log"
  rm -f "$log.all"
}

count luajit "$root/tests/run.lua" "$BUILD" "$@"
[ $# -gt 0 ] || count "$root/lua/bin/moongate" "$root/tests/keras/run.lua"
awk '{ passed += $1; failed += $3; skipped += $5 }
  END { printf "%d passed, %d failed%s\n", passed, failed, skipped ? ", " skipped " skipped" : ""; exit failed > 0 || passed == 0 }' "$log"
