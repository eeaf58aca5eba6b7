#!/bin/sh
# OpenBLAS for arm64 from Debian, unpacked into a folder: what the preset arm64 builds with. The system's own packages, and its
# lists of them, stay as they are.
#   .ci/arm64_packages.sh FOLDER
set -eu
[ $# = 1 ] || { echo "usage: .ci/arm64_packages.sh FOLDER" >&2; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
[ ! -e "$folder/done" ] || exit 0
. /etc/os-release
mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial" "$folder/packages"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $VERSION_CODENAME main" \
  >"$folder/apt/sources.list"

apt() {
  (cd "$folder/packages" && apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o Acquire::Languages=none \
    -o APT::Sandbox::User="$(id -un)" -o Dir::State::Lists="$folder/apt/lists" -o Dir::State::status=/dev/null \
    -o Dir::Cache="$folder/apt/cache" -o Dir::Etc::SourceList="$folder/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null "$@")
}

apt update
apt download libopenblas0-pthread libopenblas-pthread-dev libgfortran5
for package in "$folder"/packages/*.deb; do dpkg-deb -x "$package" "$folder"; done
rm -r "$folder/apt" "$folder/packages"
touch "$folder/done"
