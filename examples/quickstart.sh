#!/bin/sh
# From a bare Debian 12 to a GRU trained on real text: installs what is missing, builds, runs examples/text_generation.lua.
#   sh examples/quickstart.sh [options of text_generation.lua]
# As root, or as an ordinary user where the packages are there; may be run again.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tests/packages.sh"
# shellcheck disable=SC2086
install_packages $BUILD_PACKAGES
echo "building"
build_moongate "$root"
exec "$root/lua/bin/moongate" "$root/examples/text_generation.lua" "$@"
