"""Corner cases of element-wise operators as PyTorch computes them: writes pointwise.json beside this file.

Numbers are the bits of f32, so that NaN, infinities and -0 survive. Run with PyTorch 2.15 on a CPU.
"""

import json
import math
import pathlib

import torch
import torch.nn.functional as F

inf, nan = math.inf, math.nan
x = torch.tensor([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.5, -1.5, 3.0, -3.0, 1e-40, -1e-40, 1e-20, -1e-20, 88.0, -88.0,
                  100.0, -100.0, inf, -inf, nan])
values = [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, -3.0, inf, -inf, nan]
a = torch.tensor([p for p in values for _ in values])
b = torch.tensor([q for _ in values for q in values])


def bits(t):
    return [v & 0xFFFFFFFF for v in t.detach().float().view(torch.int32).tolist()]


unary = {
    "neg": torch.neg, "abs": torch.abs, "sqrt": torch.sqrt, "rsqrt": torch.rsqrt, "reciprocal": torch.reciprocal,
    "exp": torch.exp, "exp2": torch.exp2, "log": torch.log, "log1p": torch.log1p, "sin": torch.sin, "cos": torch.cos,
    "tanh": torch.tanh, "erf": torch.erf, "sigmoid": torch.sigmoid,
    "clamp": lambda t: torch.clamp(t, -1.5, 2.5), "clamp_min": lambda t: torch.clamp_min(t, -1.5),
    "relu": torch.relu, "leaky_relu": lambda t: F.leaky_relu(t, 0.1), "elu": lambda t: F.elu(t, 1.5),
    "silu": F.silu, "gelu": F.gelu, "softplus": lambda t: F.softplus(t, 1.5, 12.0),
}
binary = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "pow": torch.pow,
    "maximum": torch.maximum, "minimum": torch.minimum, "squared_error": lambda p, q: (p - q) * (p - q),
    "geglu": lambda p, q: F.gelu(p) * q,
}
questions = {
    "eq": torch.eq, "ne": torch.ne, "lt": torch.lt, "le": torch.le, "gt": torch.gt, "ge": torch.ge,
    "logical_and": torch.logical_and, "logical_or": torch.logical_or,
}
one = {"logical_not": torch.logical_not, "isnan": torch.isnan, "isinf": torch.isinf, "isfinite": torch.isfinite}

out = {"torch": torch.__version__, "x": bits(x), "a": bits(a), "b": bits(b)}
for name, f in unary.items():
    t = x.clone().requires_grad_()
    y = f(t)
    y.sum().backward()
    out[name], out[name + "_backward"] = bits(y), bits(t.grad)
for name, f in binary.items():
    p, q = a.clone().requires_grad_(), b.clone().requires_grad_()
    y = f(p, q)
    y.sum().backward()
    out[name], out[name + "_da"], out[name + "_db"] = bits(y), bits(p.grad), bits(q.grad)
for name, f in questions.items():
    out[name] = f(a, b).int().tolist()
for name, f in one.items():
    out[name] = f(x).int().tolist()
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in out.items()) + "\n}\n")
