"""The PyTorch twin of `crates/aquifer-model/examples/gpt_step.rs`: the same GPT, weights, tokens and optimiser.

Written for Python 3.11, torch 2.15.0, safetensors 0.8. Fused SDPA, fused AdamW; `--precision bf16` is bf16 autocast
over f32 weights; eager unless `--compile` is given.

    python gpt_step.py --weights FOLDER [--large] [--steps N | --on-demand] [--precision bf16|f32] [--compile]
                       [--threads N]

One JSON object a step goes to standard output: loss before the update, seconds, tokens a second.
"""

import argparse
import json
import math
import sys
import time
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import load_file

VOCAB, CONTEXT, WIDTH, LAYERS, HEADS, BATCH = (
    (32768, 512, 768, 12, 12, 4) if "--large" in sys.argv else (8192, 256, 384, 6, 6, 8)
)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention_norm = nn.LayerNorm(WIDTH)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.mlp_norm = nn.LayerNorm(WIDTH)
        self.up = nn.Linear(WIDTH, 4 * WIDTH)
        self.down = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(self.attention_norm(x)).split(WIDTH, dim=2)
        q, k, v = (y.view(b, t, HEADS, d // HEADS).transpose(1, 2) for y in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(b, t, d))
        return x + self.down(F.gelu(self.up(self.mlp_norm(x))))


class Gpt(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(VOCAB, WIDTH)
        self.positions = nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, VOCAB, bias=False)

    def forward(self, ids, targets):
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.norm(x))
        return F.cross_entropy(logits.float().view(-1, VOCAB), targets.view(-1))


def load(model, folder):
    """Our names to the twin's; queries, keys and values become one product, as PyTorch runs them fastest."""
    ours = load_file(Path(folder) / "model.safetensors")
    theirs = {}
    for name, value in ours.items():
        if ".q_proj." in name:
            parts = [ours[name.replace("q_proj", p)] for p in ("q_proj", "k_proj", "v_proj")]
            theirs[name.replace("attention.q_proj", "qkv")] = torch.cat(parts)
        elif ".k_proj." not in name and ".v_proj." not in name:
            for old, new in (("attention.o_proj", "out"), ("mlp.up_proj", "up"), ("mlp.down_proj", "down")):
                name = name.replace(old, new)
            theirs[name] = value
    model.load_state_dict(theirs)


def batch(step):
    """The linear congruence of `gpt_step.rs`, from its high bits, squared towards the low ids."""
    state, rows = 12_345 + 7919 * step, []
    for _ in range(BATCH):
        row = []
        for _ in range(CONTEXT + 1):
            state = (state * 1_103_515_245 + 12_345) & 0x7FFFFFFF
            unit = state >> 15
            row.append(unit * unit * VOCAB >> 32)
        rows.append(row)
    tokens = torch.tensor(rows)
    return tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", required=True)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--on-demand", action="store_true")
    parser.add_argument("--precision", choices=["bf16", "f32"], default="bf16")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--threads", type=int)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    model = Gpt()
    load(model, args.weights)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=3e-4, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1, fused=True
    )
    run = torch.compile(model) if args.compile else model
    wanted = (int(line) for line in sys.stdin) if args.on_demand else [args.steps]
    step = 0
    for count in wanted:
        for _ in range(count):
            ids, targets = batch(step)
            start = time.perf_counter()
            with torch.autocast("cpu", torch.bfloat16, enabled=args.precision == "bf16"):
                loss = run(ids, targets)
            loss.backward()
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            seconds = time.perf_counter() - start
            shown = loss.item()
            assert math.isfinite(shown)
            rate = BATCH * CONTEXT / seconds
            record = {"step": step, "loss": round(shown, 6), "seconds": seconds, "tokens_per_second": round(rate, 1)}
            print(json.dumps(record), flush=True)
            step += 1


if __name__ == "__main__":
    main()
