"""One row through a weight of [16384, 4096] in PyTorch and NumPy: the twin of the matrix-vector products of
`crates/aquifer-ops/src/bench/beyond_cache.rs`.

Written for Python 3.11, torch 2.15.0, numpy 2.4. int8 is PyTorch's product with eight-bit weights and a scale a row, the
one its weight-only quantisation uses.

    python gemv.py [--threads N]

The first line of output holds versions. Then, as many times as each number on standard input says, every product runs
once; one JSON object a time goes to standard output: the seconds of each.
"""

import numpy as np
import torch
import torch.nn.functional as F
from on_demand import serve

N, K = 16_384, 4096


def calls():
    x, w = torch.rand(1, K) - 0.5, torch.rand(N, K) - 0.5
    half_x, half_w = x.bfloat16(), w.bfloat16()
    # As many copies as keep each out of the caches until its turn comes again, as on our side.
    small = [torch.randint(-127, 128, (N, K), dtype=torch.int8) for _ in range(3)]
    scales, turn = torch.rand(N, dtype=torch.bfloat16), [0]
    plain_x, plain_w, out = x[0].numpy(), w.numpy(), np.empty(N, np.float32)

    def int8():
        turn[0] += 1
        return torch.ops.aten._weight_int8pack_mm(half_x, small[turn[0] % len(small)], scales)

    return {
        "f32 torch linear": lambda: F.linear(x, w),
        "f32 torch mv": lambda: torch.mv(w, x[0]),
        "f32 numpy": lambda: np.dot(plain_w, plain_x, out=out),
        "bf16 torch linear": lambda: F.linear(half_x, half_w),
        "bf16 torch mv": lambda: torch.mv(half_w, half_x[0]),
        "int8 torch": int8,
    }


if __name__ == "__main__":
    with torch.inference_mode():
        serve(calls, {"torch": torch.__version__, "numpy": np.__version__})
