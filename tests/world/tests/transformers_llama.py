"""What `transformers` makes of a model folder. Written for Python 3.11, torch 2.15.0, transformers 5.23.0.

    python transformers_llama.py logits FOLDER IDS OUT     logits of the ids (a JSON list), as little-endian f32
    python transformers_llama.py make FOLDER               a random Llama in bf16, in several files
"""

import json
import sys

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM


def logits(folder, ids, out):
    model, info = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"], info
    with torch.no_grad():
        found = model(input_ids=torch.tensor([json.loads(ids)])).logits[0]
    found.numpy().astype("<f4").tofile(out)


def make(folder):
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=300,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=3,
        num_attention_heads=8,
        num_key_value_heads=2,
        head_dim=12,
        max_position_embeddings=128,
        attention_bias=True,
        mlp_bias=True,
        initializer_range=0.1,
        rope_parameters={"rope_type": "default", "rope_theta": 20000.0},
        tie_word_embeddings=True,
    )
    model = LlamaForCausalLM(config).to(torch.bfloat16)
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim == 1:
                p.add_(0.1 * torch.randn_like(p))
    model.save_pretrained(folder, max_shard_size="100KB")


{"logits": logits, "make": make}[sys.argv[1]](*sys.argv[2:])
