#!/bin/sh
# Measures moongate beside the peers that are installed, interleaved, and prints the tables.
#   tests/bench/run.sh --harness DIR [--prefix DIR] [OPTION ...]     --help lists the options
#   tests/bench/run.sh --report FILE                                 the tables of an earlier result (--out)
#   tests/bench/run.sh --picture --harness DIR [--prefix DIR]        9 rounds of the grid, one thread, some five minutes;
#                                                                    makes ratios.svg and the table of the README
# DIR is the side-by-side harness (compare.py, contestants.json, adapters); its prepare.sh installs the peers below --prefix.
# BENCH_HARNESS and BENCH_PREFIX take the place of the two options. Leave the machine alone meanwhile.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
moongate=$root/lua/bin/moongate

need() { # command, Debian package
  command -v "$1" >/dev/null || { echo "$1 is missing: apt-get install $2" >&2; exit 1; }
}

report() { "$moongate" "$here/report.lua" "$@"; }

measure() { PYTHONDONTWRITEBYTECODE=1 python3 "$here/side_by_side.py" "$@"; }

picture() {
  need gnuplot gnuplot-nox
  measure --rounds 9 --out "$scratch/result.json" "$@"
  report bars "$scratch/result.json" >"$scratch/bars"
  gnuplot -e "bars='$scratch/bars'; picture='$here/ratios.svg'" "$here/picture.gp"
  report readme "$scratch/result.json" "$root/README.md"
  report log "$scratch/result.json"
}

need luajit luajit
case ${1-} in
  --report)
    report log "$2"
    exit ;;
esac
need python3 python3
need "${CC:-cc}" gcc
if ! ls "$root"/build*/moongate/core.so >/dev/null 2>&1; then
  echo "no build of moongate: cmake -S $root -B $root/build -DCMAKE_BUILD_TYPE=Release && cmake --build $root/build" >&2
  exit 1
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if [ "${1-}" = --picture ]; then
  shift
  picture "$@"
  exit
fi
out=side_by_side.json
previous=
for argument; do
  [ "$previous" != --out ] || out=$argument
  previous=$argument
done
measure "$@"
[ "${1-}" = --help ] || report log "$out"
