"""Pooling, upsampling and norms as PyTorch computes them: writes convolution.json beside this file.

Run with PyTorch 2.15 on a CPU.
"""

import json
import pathlib

import torch
import torch.nn.functional as F

torch.manual_seed(0)
x = torch.randn(2, 4, 5, 3)
w, b, dy = torch.randn(4), torch.randn(4), torch.randn(2, 4, 5, 3)
out = {"x": x, "w": w, "b": b, "dy": dy}


def backward(name, y, leaf, dy):
    out[name] = y
    for part, gradient in zip(("dx", "dw", "db"), torch.autograd.grad(y, leaf, dy)):
        out[f"{name}_{part}"] = gradient


for name, f in {
    "avg_pool2d": lambda t: F.avg_pool2d(t, (3, 2), (2, 1), (1, 1)),
    "max_pool2d": lambda t: F.max_pool2d(t, (3, 2), (2, 1), (1, 1)),
    "upsample_nearest2d": lambda t: F.interpolate(t, size=(15, 4), mode="nearest"),
}.items():
    t = x.clone().requires_grad_()
    y = f(t)
    out[f"{name}_dy"] = torch.randn(y.shape)
    backward(name, y, (t,), out[f"{name}_dy"])
out["max_pool2d_indices"] = F.max_pool2d(x, (3, 2), (2, 1), (1, 1), return_indices=True)[1]

t, p, q = (v.clone().requires_grad_() for v in (x, w, b))
backward("group_norm", F.group_norm(t, 2, p, q, 1e-5), (t, p, q), dy)
backward("batch_norm", F.batch_norm(t, None, None, p, q, True, 0.1, 1e-5), (t, p, q), dy)
out["batch_norm_mean"] = x.mean((0, 2, 3))
out["batch_norm_var"] = x.var((0, 2, 3))
out["batch_norm_inference"] = F.batch_norm(x, out["batch_norm_mean"], out["batch_norm_var"], w, b, False, 0.1, 1e-5)

rows = [
    f"{json.dumps(k)}: {json.dumps({'shape': list(v.shape), 'data': v.flatten().tolist()}, separators=(',', ':'))}"
    for k, v in out.items()
]
pathlib.Path(__file__).with_suffix(".json").write_text("{\n" + ",\n".join(rows) + "\n}\n")
