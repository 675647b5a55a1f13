"""nanoGPT's CPU recipe for Shakespeare by characters, in PyTorch: what `recipes/shakespeare-char.toml` is timed against.

Written for Python 3.11, torch 2.15.0. The recipe is that of nanoGPT's readme: 4 layers, 4 heads, d 128, context 64,
batch 12, 2000 steps, no dropout; eager f32, the fastest mode of PyTorch at this size. No evaluation on the way.

    python shakespeare.py TEXT [--steps N] [--threads N]

Prints one JSON object: seconds of the training loop alone, and the loss in nats a character over the whole last tenth.
"""

import argparse
import json
import math
import time
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F

LAYERS, HEADS, WIDTH, CONTEXT, BATCH = 4, 4, 128, 64, 12
PEAK_LR, MIN_LR, WARMUP = 1e-3, 1e-4, 100


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(WIDTH, bias=False) for _ in range(2))
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.out = nn.Linear(WIDTH, WIDTH, bias=False)
        self.up = nn.Linear(WIDTH, 4 * WIDTH, bias=False)
        self.down = nn.Linear(4 * WIDTH, WIDTH, bias=False)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = (y.view(b, t, HEADS, d // HEADS).transpose(1, 2) for y in self.qkv(self.norm1(x)).split(d, dim=2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(b, t, d))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Model(nn.Module):
    def __init__(self, vocab):
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocab, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH, bias=False)
        self.head = nn.Linear(WIDTH, vocab, bias=False)
        self.head.weight = self.tokens.weight
        for name, p in self.named_parameters():
            if p.ndim == 2:
                residual = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * LAYERS) if residual else 0.02)

    def forward(self, ids, targets, reduction="mean"):
        x = self.tokens(ids) + self.places(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        return F.cross_entropy(self.head(self.norm(x)).flatten(0, 1), targets.flatten(), reduction=reduction)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("text", type=Path)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--threads", type=int)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(1337)
    text = args.text.read_text(encoding="utf-8")
    vocab = sorted(set(text))
    place = {c: i for i, c in enumerate(vocab)}
    data = torch.tensor([place[c] for c in text])
    train, held = data[: int(0.9 * len(data))], data[int(0.9 * len(data)) :]
    model = Model(len(vocab))
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    rest = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=PEAK_LR, betas=(0.9, 0.99), fused=True)
    start = time.perf_counter()
    for step in range(args.steps):
        part = (step - WARMUP) / max(1, args.steps - WARMUP)
        cosine = MIN_LR + 0.5 * (1 + math.cos(math.pi * part)) * (PEAK_LR - MIN_LR)
        lr = PEAK_LR * (step + 1) / (WARMUP + 1) if step < WARMUP else cosine
        for group in optimiser.param_groups:
            group["lr"] = lr
        at = torch.randint(len(train) - CONTEXT, (BATCH,))
        ids = torch.stack([train[i : i + CONTEXT] for i in at])
        targets = torch.stack([train[i + 1 : i + 1 + CONTEXT] for i in at])
        loss = model(ids, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
    seconds = time.perf_counter() - start

    windows = (len(held) - 1) // CONTEXT
    ids = held[: windows * CONTEXT].view(windows, CONTEXT)
    targets = held[1 : windows * CONTEXT + 1].view(windows, CONTEXT)
    with torch.no_grad():
        total = sum(model(i, t, "sum").item() for i, t in zip(ids.split(256), targets.split(256)))
    print(json.dumps({"seconds": seconds, "loss": total / (windows * CONTEXT), "steps": args.steps}))


if __name__ == "__main__":
    main()
