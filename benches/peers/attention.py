"""The PyTorch twin of `crates/aquifer-ops/examples/attention_step.rs`: fused causal SDPA, forward and backward.

Written for Python 3.11, torch 2.15.0.

    python attention.py B H T d [--precision bf16|f32]

Runs as many times as each number on standard input says; one JSON object a time goes to standard output.
"""

import argparse
import json
import sys
import time

import torch
import torch.nn.functional as F


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("extents", type=int, nargs=4)
    parser.add_argument("--precision", choices=["bf16", "f32"], default="f32")
    args = parser.parse_args()
    dtype = torch.bfloat16 if args.precision == "bf16" else torch.float32
    torch.manual_seed(0)
    q, k, v, dout = (torch.rand(args.extents).mul(2).sub(1).to(dtype) for _ in range(4))
    inputs = [x.requires_grad_() for x in (q, k, v)]
    for line in sys.stdin:
        for _ in range(int(line)):
            start = time.perf_counter()
            out = F.scaled_dot_product_attention(*inputs, is_causal=True)
            between = time.perf_counter()
            torch.autograd.grad(out, inputs, dout)
            end = time.perf_counter()
            print(json.dumps({"forward": between - start, "backward": end - between}), flush=True)


if __name__ == "__main__":
    main()
