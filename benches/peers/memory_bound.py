"""The operators of `crates/aquifer-ops/src/bench/beyond_cache.rs` in PyTorch, eager and compiled, f32.

Written for Python 3.11, torch 2.15.0.

    python memory_bound.py [--threads N]

The first line of output holds versions. Then, as many times as each number on standard input says, every operator runs
once in each form; one JSON object a time goes to standard output: the seconds of each, `NAME` and `NAME compiled`.
"""

import torch
import torch.nn.functional as F
from on_demand import serve

T, D, HEADS, NUMBERS = 4096, 4096, 32, 1 << 24


def forwards():
    """Name to function and the inputs it is differentiated by."""
    x, gate, up = (torch.rand(T, D).mul(2).sub(1).requires_grad_() for _ in range(3))
    w, b = (torch.rand(D).requires_grad_() for _ in range(2))
    return {
        "rms_norm": (lambda x, w: F.rms_norm(x, (D,), w, 1e-6), [x, w]),
        "layer_norm": (lambda x, w, b: F.layer_norm(x, (D,), w, b, 1e-5), [x, w, b]),
        "swiglu": (lambda gate, up: F.silu(gate) * up, [gate, up]),
        "gelu": (F.gelu, [x]),
        "softmax": (lambda x: torch.softmax(x, -1), [x]),
    }


def rope():
    """Halves turned against each other, the angles looked up by position, as in `transformers`."""
    d = D // HEADS
    x, positions = torch.rand(T, HEADS, d), torch.arange(T) % 256
    angles = torch.outer(torch.arange(256), 1e4 ** (-torch.arange(0, d, 2) / d))
    cos, sin = (torch.cat([table, table], -1) for table in (angles.cos(), angles.sin()))

    def turn(x, positions):
        c, s = cos[positions][:, None], sin[positions][:, None]
        a, b = x.chunk(2, -1)
        return x * c + torch.cat([-b, a], -1) * s

    return turn, [x, positions]


def calls():
    """Name to a call without arguments."""
    all, dy = {}, torch.rand(T, D)
    for form, wrap in (("", lambda f: f), (" compiled", lambda f: torch.compile(f, dynamic=False))):
        for name, (function, inputs) in forwards().items():
            wrapped, plain = wrap(function), [x.detach() for x in inputs]
            all[name + form] = lambda wrapped=wrapped, plain=plain: wrapped(*plain)
            out = wrapped(*inputs)
            back = lambda out=out, inputs=inputs: torch.autograd.grad(out, inputs, dy, retain_graph=True)
            all[f"{name}_backward{form}"] = back
        turn, inputs = rope()
        turn = wrap(turn)
        all["rope" + form] = lambda turn=turn, inputs=inputs: turn(*inputs)
    a, b, out = torch.rand(T, D), torch.rand(T, D), torch.empty(T, D)
    all["add"] = lambda: torch.add(a, b, out=out)
    p = torch.rand(NUMBERS).requires_grad_()
    p.grad = torch.rand(NUMBERS)
    all["adamw"] = torch.optim.AdamW([p], lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True).step
    return all


if __name__ == "__main__":
    serve(calls, {"torch": torch.__version__})
