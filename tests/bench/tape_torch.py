"""PyTorch's side of tape.lua: one line a case, its name and ns: forward, recorded, backward."""
import statistics
import sys
import time

import torch

LENGTH = int(sys.argv[1])
torch.set_num_threads(1)
F = torch.nn.functional


def ns_of(f):
    times = []
    for _ in range(9):
        n, began = 0, time.perf_counter()
        while time.perf_counter() - began < 0.02:
            for _ in range(10):
                f()
            n += 10
        times.append((time.perf_counter() - began) * 1e9 / n)
    return statistics.median(times)


def leaf(*shape):
    return (0.1 * torch.randn(*shape)).requires_grad_()


x, y, w, b, seed = leaf(4, 4), leaf(4, 4), leaf(4, 4), leaf(4), torch.randn(4, 4)
CHAINS = {
    "add": lambda z: z + y, "mul": lambda z: z * y, "mul by a number": lambda z: z * 1.5, "tanh": torch.tanh,
    "sum over rows, broadcast": lambda z: z + b, "matmul": lambda z: z @ w, "linear": lambda z: F.linear(z, w, b),
    "reshape": lambda z: z.view(4, 4), "slice": lambda z: z[0:4], "transpose": lambda z: z.t(), "softmax": lambda z: F.softmax(z, -1),
}


def report(name, *numbers):
    print(name, *(f"{v:.1f}" for v in numbers), sep="\t", flush=True)


for name, operation in CHAINS.items():
    def chain(operation=operation):
        z = x
        for _ in range(LENGTH):
            z = operation(z)
        return z

    def plain():
        with torch.no_grad():
            chain()

    forward, recorded = ns_of(plain), ns_of(chain)
    both = ns_of(lambda: torch.autograd.grad(chain(), [x], seed))
    report(name, forward / LENGTH, recorded / LENGTH, (both - recorded) / LENGTH)

dense, gru = torch.nn.Linear(4, 4), torch.nn.GRU(4, 4, batch_first=True)
sequence = leaf(1, 4, 4)
model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
optimizer, target = torch.optim.Adam(model.parameters(), 1e-3, fused=True), torch.randn(4, 1)


def plain_dense():
    with torch.no_grad():
        dense(x)


def train():
    optimizer.zero_grad()
    F.mse_loss(model(x), target).backward()
    optimizer.step()


report("Dense, no gradient", ns_of(plain_dense))
report("Dense, recorded", ns_of(lambda: dense(x)))
report("GRU of 4 steps, recorded", ns_of(lambda: gru(sequence)))
report("train_on_batch, two Dense, Adam", ns_of(train))
