"""Runs the side-by-side harness (its compare.py, unchanged) on moongate and on those peers that are installed; see run.sh.

One run for each mode, so that a peer that cannot train costs nothing there; all samples end in one JSON file for report.lua."""
import argparse
import importlib
import json
import os
import pathlib
import platform
import shlex
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PEERS = {"infer": "onednn32,onednn,keras-xla,ort", "train": "onednn32,onednn", "stream": "onednn32,ort"}
BF16_PEERS = {"infer": "onednn32-bf16,onednn-bf16,openvino-bf16,jax-bf16", "train": "onednn32-bf16,onednn-bf16", "stream": ""}
MODULES = {"torch_gru.py": "torch", "ort_gru.py": "onnxruntime", "openvino_gru.py": "openvino", "jax_gru.py": "jax",
           "keras_gru.py": "keras", "numpy_gru.py": "numpy"}
ONEDNN_ISA = {"generic": "SSE41", "avx2": "AVX2"}  # a peer held to what the subject is held to


def near(rows):
    """[(shape, the row it comes from)]: each of T, B, I, H changed by a quarter either way."""
    found = []
    for row in rows:
        found.append((row, row))
        for axis in range(4):
            for factor in (0.75, 1.25):
                shape = list(row)
                shape[axis] = int(row[axis] * factor + 0.5)
                if shape[axis] != row[axis] and shape[axis] > 0:
                    found.append((tuple(shape), row))
    return found


def options_of(arguments):
    p = argparse.ArgumentParser(prog="run.sh", description="Measures moongate beside the peers that are installed.")
    p.add_argument("--harness", default=os.environ.get("BENCH_HARNESS"), help="folder of the harness: compare.py, adapters, "
                   "contestants.json (or BENCH_HARNESS)")
    p.add_argument("--prefix", default=os.environ.get("BENCH_PREFIX"), help="where its prepare.sh put the peers (or BENCH_PREFIX; "
                   "default: HARNESS/.bench-venv)")
    p.add_argument("--peers", help="comma separated names of contestants.json, `all` or `none`; default: the fastest known ones")
    p.add_argument("--add", action="append", default=[], metavar="NAME=COMMAND", help="a further contestant")
    p.add_argument("--precision", default="highest", help="of highest,high,medium")
    p.add_argument("--isa", default="best", help="of best,generic,avx2,avx512,amx: forced instruction sets")
    p.add_argument("--modes", default="infer,train", help="of infer,train,stream")
    p.add_argument("--threads", default="1", help="1, 2 or 1,2")
    p.add_argument("--grid", default="full", choices=["full", "small", "near"], help="near: every row with each size changed by a quarter")
    p.add_argument("--rows", help="only these rows of the grid, from 1: 1,4")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--min-ms", type=float, default=100)
    p.add_argument("--reset-after", type=int, default=1)
    p.add_argument("--out", default="side_by_side.json", help="the result; run.sh --report FILE shows it again")
    return p.parse_args(arguments)


def harness_of(options):
    """The harness's module, or an end with the reason."""
    if not options.harness:
        sys.exit("no harness: --harness DIR or BENCH_HARNESS names the folder with compare.py, contestants.json and adapters/")
    folder = pathlib.Path(options.harness).resolve()
    for name in ("compare.py", "contestants.json", "adapters", "probe.c", "check.c"):
        if not (folder / name).exists():
            sys.exit(f"{folder}: no {name} there; --harness names the folder of the side-by-side harness")
    sys.path.insert(0, str(folder))
    return importlib.import_module("compare"), folder


def missing(command):
    """What keeps a contestant from running here, or None."""
    words = shlex.split(command)
    if "/" in words[0] and not os.path.exists(words[0]):
        return f"no {words[0]}"
    module = MODULES.get(pathlib.Path(words[1]).name) if len(words) > 1 else None
    if module is None:
        return None
    code = f"import importlib.util as u, sys; sys.exit(u.find_spec({module!r}) is None)"
    return f"no Python module {module} for {words[0]}" if subprocess.run([words[0], "-c", code], check=False).returncode else None


def subjects(options):
    command = f"{shlex.quote(str(HERE.parent.parent / 'lua/bin/moongate'))} {shlex.quote(str(HERE / 'contestant.lua'))}"
    found = {}
    for isa in options.isa.split(","):
        for precision in options.precision.split(","):
            name = "moongate" + ("" if precision == "highest" else "-" + precision) + ("" if isa == "best" else "@" + isa)
            found[name] = ("" if isa == "best" else f"env MOONGATE_ISA={isa} ") + f"{command} {precision}"
    return found


def peers(options, mode, known, places):
    """{name: command} of the peers for a mode, and {name: why it is left out}."""
    wanted = options.peers
    if wanted is None:
        precisions = options.precision.split(",")
        lists = [PEERS[mode]] * ("highest" in precisions or "high" in precisions)
        lists += [BF16_PEERS[mode]] * ("high" in precisions or "medium" in precisions)
        wanted = ",".join(lists)
    names = list(known) if wanted == "all" else [] if wanted == "none" else [n for n in wanted.split(",") if n]
    found, left_out = {}, {}
    for name in names:
        if name not in known:
            sys.exit(f"no peer {name} in contestants.json; there are {', '.join(known)}")
        reason = missing(known[name].format(**places))
        if reason:
            left_out[name] = reason
            continue
        held = set(options.isa.split(",")) & set(ONEDNN_ISA) if name.startswith("onednn") else set()
        found.update((f"{name}@{isa}", f"env ONEDNN_MAX_CPU_ISA={ONEDNN_ISA[isa]} {known[name]}") for isa in sorted(held))
        if set(options.isa.split(",")) - held:
            found[name] = known[name]
    return found, left_out


def measure(compare, options, mode, contestants):
    """One run of compare.py for one mode: what it writes as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "result.json")
        arguments = ["--contestants", "", "--prefix", options.prefix, "--subject", next(iter(contestants)), "--grid", "chosen",
                     "--modes", mode, "--threads", options.threads, "--rounds", str(options.rounds), "--min-ms", str(options.min_ms),
                     "--reset-after", str(options.reset_after), "--json", path]
        for name, command in contestants.items():
            arguments += ["--add", f"{name}={command}"]
        sys.argv[1:] = arguments
        out, sys.stdout = sys.stdout, open(os.devnull, "w", encoding="utf-8")
        try:
            compare.main()
        finally:
            sys.stdout = out
        return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))


def processor():
    for line in open("/proc/cpuinfo", encoding="utf-8"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def main():
    options = options_of(sys.argv[1:])
    compare, folder = harness_of(options)
    options.prefix = str(pathlib.Path(options.prefix or folder / ".bench-venv").resolve())
    prefix = pathlib.Path(options.prefix)
    places = {"bench": folder, "main": prefix / "main", "tf": prefix / "tf", "build": prefix / "build"}
    known = json.loads((folder / "contestants.json").read_text(encoding="utf-8"))
    extra = dict(a.split("=", 1) for a in options.add)
    rows, streams = compare.GRIDS["full" if options.grid == "near" else options.grid]
    if options.rows:
        rows = [rows[int(i) - 1] for i in options.rows.split(",")]
    pairs = near(rows) if options.grid == "near" else [(row, row) for row in rows]
    compare.GRIDS["chosen"] = ([shape for shape, _ in pairs], streams)
    result = {"date": time.strftime("%Y-%m-%d %H:%M"), "processor": processor(), "arguments": sys.argv[1:], "samples": [],
              "skipped": [], "calm_fma": [], "bases": [[list(shape), list(row)] for shape, row in pairs]}
    told = set()
    for mode in options.modes.split(","):
        others, left_out = peers(options, mode, known, places)
        for name, reason in left_out.items():
            if name not in told:
                print(f"{name}: {reason}; left out. {folder}/prepare.sh {options.prefix} installs the peers", file=sys.stderr)
            told.add(name)
        part = measure(compare, options, mode, subjects(options) | others | extra)
        result["samples"] += part["samples"]
        result["skipped"] += part["skipped"]
        result["calm_fma"].append(part["calm_fma"])
    pathlib.Path(options.out).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
