"""Makes optimisers.json: a matrix after three updates by torch.optim.Muon and by Lion's formula.

Versions: PyTorch 2.15. Run it as `python optimisers.py` in this folder. PyTorch has no Lion: its update is written
out here from algorithm 2 of Chen et al., 2023 (https://arxiv.org/abs/2302.06675), in double precision. PyTorch's Muon
rounds its iteration to bfloat16 whatever it is given; `muon_f64` is the same update with the rounding taken out.
"""

import json

import torch

N, K, STEPS = 12, 20, 3
LR, MOMENTUM, DECAY = 0.1, 0.95, 0.1
BETA1, BETA2, LION_LR = 0.9, 0.99, 3e-3


def iterate(x):
    """Newton and Schulz's iteration with PyTorch's own coefficients, not rounded."""
    from torch.optim import _muon

    x = x / x.norm().clamp(min=_muon.EPS)
    for _ in range(_muon.DEFAULT_NS_STEPS):
        gram = x @ x.T
        x = _muon.DEFAULT_A * x + (_muon.DEFAULT_B * gram + _muon.DEFAULT_C * gram @ gram) @ x
    return x


def muon(start, grads):
    param = torch.nn.Parameter(start.clone().float())
    optimiser = torch.optim.Muon(
        [param], lr=LR, weight_decay=DECAY, momentum=MOMENTUM, adjust_lr_fn="match_rms_adamw"
    )
    for grad in grads:
        param.grad = grad.clone().float()
        optimiser.step()
    return param.detach().double()


def muon_f64(start, grads):
    p, m = start.clone(), torch.zeros_like(start)
    for grad in grads:
        m = m.lerp(grad, 1 - MOMENTUM)
        p = p * (1 - LR * DECAY) - LR * 0.2 * max(N, K) ** 0.5 * iterate(grad.lerp(m, MOMENTUM))
    return p


def lion(start, grads):
    p, m = start.clone(), torch.zeros_like(start)
    for grad in grads:
        direction = torch.sign(BETA1 * m + (1 - BETA1) * grad)
        m = BETA2 * m + (1 - BETA2) * grad
        p = p - LION_LR * (direction + DECAY * p)
    return p


torch.manual_seed(0)
start = torch.randn(N, K).double()
grads = [torch.randn(N, K).double() for _ in range(STEPS)]
out = {
    "versions": {"torch": torch.__version__},
    "shape": [N, K],
    "start": start.flatten().tolist(),
    "grads": [grad.flatten().tolist() for grad in grads],
    "muon": muon(start, grads).flatten().tolist(),
    "muon_f64": muon_f64(start, grads).flatten().tolist(),
    "lion": lion(start, grads).flatten().tolist(),
}
difference = (torch.tensor(out["muon"]) - torch.tensor(out["muon_f64"])).abs().max().item()
print(f"bfloat16 in PyTorch's iteration moves a weight by up to {difference:.3g}")
with open("optimisers.json", "w") as file:
    json.dump(out, file)
    file.write("\n")
