#!/usr/bin/env python3
"""parts.py MOONGATE [--threads N] [--rounds N] [PART,SIZES ...]: the parts of a training step beside the recurrent layer in
tests/bench/parts.lua (run by MOONGATE, e.g. "lua/bin/moongate tests/bench/parts.lua") and in PyTorch, in turn; medians in
microseconds and PyTorch's time / ours (above 1: ours is faster). Optimizers of PyTorch: the faster of its forms."""
import argparse
import os
import shlex
import statistics
import subprocess
import time

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("moongate")
parser.add_argument("parts", nargs="*")
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--seconds", type=float, default=0.05, help="of each measurement")
parser.add_argument("--before", help="another build of ours, measured in the same rounds")
options = parser.parse_intermixed_args()
os.environ["OMP_NUM_THREADS"] = str(options.threads)

import torch  # noqa: E402

torch.set_num_threads(options.threads)
F = torch.nn.functional

ROWS = 6400  # batch 64, length 100
DEFAULT = [f"{name},{ROWS},{v},{u}" for name in ("gather", "gather_backward") for v, u in ((65, 256), (10000, 512))]
DEFAULT += [f"{name}{end},{ROWS},{c}" for name in ("cross_entropy", "softmax") for end in ("", "_backward") for c in (65, 1000, 10000)]
DEFAULT += [f"{name}{end},64,100,256" for name in ("layer_normalization", "batch_normalization", "conv1d") for end in ("", "_backward")]
DEFAULT += [f"dense{end},64,100,256,65" for end in ("", "_backward")]
DEFAULT += [f"{name},{v},{u}" for v, u in ((65, 256), (10000, 512)) for name in (
    "sgd", "momentum", "rmsprop", "adam", "amsgrad", "adamw", "adagrad", "adadelta", "adamax", "nadam", "adafactor",
    "adam_global_clipnorm", "adam_clipvalue", "adam_average", "lion", "lamb", "ftrl")]


def leaf(*shape):
    return torch.randn(*shape, requires_grad=True)


def backward(f, inputs):
    y = f()
    g = torch.randn_like(y)
    return lambda: torch.autograd.grad(y, inputs, g, retain_graph=True)


def gather(rows, v, u):
    table, ids = torch.randn(v, u), torch.randint(0, v, (rows,))
    return lambda: F.embedding(ids, table)


def gather_backward(rows, v, u):
    table, ids = leaf(v, u), torch.randint(0, v, (rows,))
    return backward(lambda: F.embedding(ids, table), [table])


def cross_entropy(rows, c):
    logits, ids = leaf(rows, c), torch.randint(0, c, (rows,))
    return lambda: F.cross_entropy(logits, ids)


def softmax(rows, c):
    logits = torch.randn(rows, c)
    return lambda: F.softmax(logits, -1)


def of_cross_entropy(rows, c):
    logits, ids = leaf(rows, c), torch.randint(0, c, (rows,))
    return backward(lambda: F.cross_entropy(logits, ids), [logits])


def of_softmax(rows, c):
    logits = leaf(rows, c)
    return backward(lambda: F.softmax(logits, -1), [logits])


class Turned(torch.nn.Module):
    """Channels-last input, as Keras has it, for a channels-first module."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        return self.module(x.transpose(1, 2)).transpose(1, 2)


def module(make, shape, back):
    m = make()
    x = leaf(*shape)
    if back:
        return backward(lambda: m(x), [x, *m.parameters()])
    return lambda: m(x)


MODULES = {
    "layer_normalization": lambda b, t, f: (lambda: torch.nn.LayerNorm(f), (b, t, f)),
    "batch_normalization": lambda b, t, f: (lambda: Turned(torch.nn.BatchNorm1d(f)), (b, t, f)),
    "conv1d": lambda b, t, f: (lambda: Turned(torch.nn.Conv1d(f, f, 3, padding="same")), (b, t, f)),
    "dense": lambda b, t, f, u: (lambda: torch.nn.Linear(f, u), (b, t, f)),
}


def parameters(v, u):
    shapes = [(v, u), (u, 3 * u), (u, 3 * u), (2, 3 * u), (u, v), (v,)]
    result = [leaf(*s) for s in shapes]
    for p in result:
        p.grad = torch.randn_like(p)
    return result


def updates(cls, before=None, after=None, **given):
    def forms(v, u):
        made = []
        for extra in ({"fused": True}, {"foreach": True}, {"foreach": False}):
            p = parameters(v, u)
            try:
                optimizer = cls(p, **given, **extra)
            except (TypeError, RuntimeError):
                continue

            def step(p=p, optimizer=optimizer):
                if before:
                    before(p)
                optimizer.step()
                if after:
                    after(p)

            made.append(step)
        return made

    return forms


class Average:
    def __init__(self):
        self.of = None

    def __call__(self, p):
        if self.of is None or self.of[0] is not p[0]:
            self.of = (p[0], [torch.zeros_like(x) for x in p])
        with torch.no_grad():
            torch._foreach_lerp_(self.of[1], p, 0.01)


o = torch.optim
OPTIMIZERS = {
    "sgd": updates(o.SGD, lr=1e-3), "momentum": updates(o.SGD, lr=1e-3, momentum=0.9), "rmsprop": updates(o.RMSprop),
    "adam": updates(o.Adam), "amsgrad": updates(o.Adam, amsgrad=True), "adamw": updates(o.AdamW), "adagrad": updates(o.Adagrad),
    "adadelta": updates(o.Adadelta), "adamax": updates(o.Adamax), "nadam": updates(o.NAdam), "adafactor": updates(o.Adafactor),
    "adam_global_clipnorm": updates(o.Adam, before=lambda p: torch.nn.utils.clip_grad_norm_(p, 1.0)),
    "adam_clipvalue": updates(o.Adam, before=lambda p: torch.nn.utils.clip_grad_value_(p, 0.5)),
    "adam_average": updates(o.Adam, after=Average()),
}
SINGLE = {"gather": gather, "gather_backward": gather_backward, "cross_entropy": cross_entropy, "softmax": softmax,
          "cross_entropy_backward": of_cross_entropy, "softmax_backward": of_softmax}


def make(name, sizes):
    """The forms to time; none where PyTorch has no such thing."""
    if name in SINGLE:
        return [SINGLE[name](*sizes)]
    if name in OPTIMIZERS:
        return OPTIMIZERS[name](*sizes)
    base = name.removesuffix("_backward")
    if base in MODULES:
        return [module(*MODULES[base](*sizes), base != name)]
    return []


def median_us(call, seconds):
    times, began = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - began < seconds:
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1e6)
    return statistics.median(times)


def child(command):
    environment = dict(os.environ, BENCH_THREADS=str(options.threads))
    return subprocess.Popen(shlex.split(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env=environment)


children = {"ours": child(options.moongate)}
if options.before:
    children["before"] = child(options.before)


def ask(name, part):
    children[name].stdin.write(f"part {part[0]} {','.join(map(str, part[1]))} {options.seconds}\n")
    return float(children[name].stdout.readline())


print(f"{options.threads} threads; microseconds" + "\n| part | ours | " + ("before | " if options.before else "") + "PyTorch | ratio |")
for text in options.parts or DEFAULT:
    name, *sizes = text.split(",")
    part = (name, [int(s) for s in sizes])
    forms = make(*part)
    if len(forms) > 1:
        forms = [min(forms, key=lambda f: median_us(f, options.seconds))]
    rows = []
    for r in range(options.rounds + 1):
        row = {c: ask(c, part) for c in children}
        row["peer"] = median_us(forms[0], options.seconds) if forms else float("nan")
        if r:
            rows.append(row)
    mid = {c: statistics.median(row[c] for row in rows) for c in rows[0]}
    ratio = statistics.median(row["peer"] / row["ours"] for row in rows)
    print(f"| {text} | " + " | ".join(f"{mid[c]:.1f}" for c in mid) + f" | {ratio:.2f} |", flush=True)
for c in children.values():
    c.stdin.close()
    c.wait()
