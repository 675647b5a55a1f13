"""The products of `crates/aquifer-ops/examples/products.rs` in PyTorch and NumPy, in their fastest forms.

Written for Python 3.11, torch 2.15.0, numpy 2.4. A weight is laid out as each call likes it best: `[n, k]` for
`linear`, `[k, n]` for `matmul`.

    python products.py [--rounds N | --on-demand] [--threads N]

Every round runs each product once and writes one JSON object: for each shape the seconds of each call.
"""

import argparse
import json
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

SHAPES = [(1024, 1024, 1024), (2048, 2048, 2048), (2048, 3072, 768), (2048, 768, 3072), (4096, 1024, 4096)]


def calls(m, n, k):
    x, w = torch.rand(m, k) - 0.5, torch.rand(n, k) - 0.5
    x_half, w_half = x.bfloat16(), w.bfloat16()
    turned, turned_half = w.t().contiguous(), w_half.t().contiguous()
    out, out_half = torch.empty(m, n), torch.empty(m, n, dtype=torch.bfloat16)
    left, right, product = x.numpy(), w.numpy().T, np.empty((m, n), np.float32)
    return {
        "f32 torch matmul": lambda: torch.matmul(x, turned, out=out),
        "f32 torch linear": lambda: F.linear(x, w),
        "f32 numpy": lambda: np.matmul(left, right, out=product),
        "bf16 torch matmul": lambda: torch.matmul(x_half, turned_half, out=out_half),
        "bf16 torch linear": lambda: F.linear(x_half, w_half),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--on-demand", action="store_true")
    parser.add_argument("--threads", type=int)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    products = {f"{m}x{n}x{k}": calls(m, n, k) for m, n, k in SHAPES}
    with torch.no_grad():
        for count in (int(line) for line in sys.stdin) if args.on_demand else [args.rounds]:
            for _ in range(count):
                seconds = {shape: {name: timed(call) for name, call in by.items()} for shape, by in products.items()}
                print(json.dumps(seconds), flush=True)


def timed(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
