"""Makes the fixture in `llama/`: a random 4-layer Llama with grouped-query attention, and what PyTorch says about it.

Made with Python 3.11, torch 2.15.0, transformers 5.23.0, numpy 2.4.6, safetensors as transformers brings it:

    python make_llama.py

Writes, beside this file:
    llama/config.json, llama/model.safetensors   the model, as `save_pretrained` writes it
    llama/golden.safetensors                     logits and every gradient of the first batch, losses of 50 AdamW steps
    llama/golden.json                            token ids, settings and the versions in use
"""

import json
import platform
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

HERE = Path(__file__).resolve().parent / "llama"
SEQUENCES, LENGTH, BATCHES, STEPS = 2, 24, 5, 50
ADAMW = dict(lr=1e-3, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)


def main():
    torch.manual_seed(20)
    torch.set_num_threads(1)
    config = LlamaConfig(
        vocab_size=61,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=64,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 5000.0},
        initializer_range=0.15,
        tie_word_embeddings=False,
        bos_token_id=1,
        eos_token_id=2,
    )
    model = LlamaForCausalLM._from_config(config, attn_implementation="eager", dtype=torch.float32)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.ndim == 1:  # norms start at one: shake them, so that their place in the sum is tested
                p.add_(0.1 * torch.randn_like(p))
    HERE.mkdir(exist_ok=True)
    model.save_pretrained(HERE)
    (HERE / "generation_config.json").unlink(missing_ok=True)

    ids = torch.randint(0, config.vocab_size, (BATCHES, SEQUENCES, LENGTH + 1))
    tensors = {}

    def loss_of(batch):
        logits = model(input_ids=batch[:, :-1]).logits
        return logits, torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())

    logits, loss = loss_of(ids[0])
    loss.backward()
    tensors["logits"] = logits.detach().flatten(0, 1).contiguous()
    for name, p in model.named_parameters():
        tensors[f"grad.{name}"] = p.grad.clone()

    model.zero_grad()
    optimiser = torch.optim.AdamW(model.parameters(), **ADAMW)
    losses = []
    for step in range(STEPS):
        _, loss = loss_of(ids[step % BATCHES])
        losses.append(loss.item())
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    tensors["losses"] = torch.tensor(losses)
    save_file(tensors, HERE / "golden.safetensors")
    notes = {
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
        "adamw": {**ADAMW, "betas": list(ADAMW["betas"])},
        "ids": ids.tolist(),
    }
    (HERE / "golden.json").write_text(json.dumps(notes) + "\n")
    print("losses", losses[0], "to", losses[-1])


if __name__ == "__main__":
    main()
