"""Makes the fixtures in `bert/` and `xlm_roberta/`: random 3-layer encoders, and what `transformers` says about texts
of several lengths.

Made with Python 3.11, torch 2.15.0, transformers 5.23.0, safetensors as transformers brings it:

    python make_encoders.py

Writes, beside this file, in each folder:
    config.json, model.safetensors   the model, as `save_pretrained` writes it
    golden.safetensors               the last hidden states of all texts, padded rows left out
    golden.json                      token ids and types of each text, and the versions in use
"""

import json
import platform
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from transformers import BertConfig, BertForMaskedLM, XLMRobertaConfig, XLMRobertaModel

HERE = Path(__file__).resolve().parent
LENGTHS = [1, 24, 7, 40]
SHAPE = dict(
    vocab_size=61,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=3,
    num_attention_heads=4,
    initializer_range=0.15,
)


def make(folder, model, pad, types):
    encoder = getattr(model, "bert", model).eval()
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim == 1:  # norms start at one and biases at zero: shake them, so that their place is tested
                p.add_(0.1 * torch.randn_like(p))
    (HERE / folder).mkdir(exist_ok=True)
    model.save_pretrained(HERE / folder)
    texts = [torch.randint(4, SHAPE["vocab_size"], (n,)).tolist() for n in LENGTHS]
    kinds = [torch.randint(0, types, (n,)).sort().values.tolist() for n in LENGTHS]
    width = max(LENGTHS)

    def padded(rows, fill):
        return torch.tensor([row + [fill] * (width - len(row)) for row in rows])

    mask = padded([[1] * n for n in LENGTHS], 0)
    with torch.no_grad():
        output = encoder(input_ids=padded(texts, pad), token_type_ids=padded(kinds, 0), attention_mask=mask)
    hidden = output.last_hidden_state
    rows = torch.cat([hidden[i, :n] for i, n in enumerate(LENGTHS)]).contiguous()
    save_file({"hidden": rows}, HERE / folder / "golden.safetensors")
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    notes = {"versions": {**versions, "transformers": transformers.__version__}, "texts": texts, "types": kinds}
    (HERE / folder / "golden.json").write_text(json.dumps(notes) + "\n")
    print(folder, tuple(rows.shape), float(rows.abs().max()))


def main():
    torch.manual_seed(30)
    torch.set_num_threads(1)
    eager = dict(attn_implementation="eager", dtype=torch.float32)
    bert = BertConfig(**SHAPE, max_position_embeddings=40)
    # With its head, so that names have the prefix of such files.
    make("bert", BertForMaskedLM._from_config(bert, **eager), 0, 2)
    roberta = XLMRobertaConfig(**SHAPE, max_position_embeddings=42, type_vocab_size=1, layer_norm_eps=1e-5)
    make("xlm_roberta", XLMRobertaModel._from_config(roberta, **eager), 1, 1)


if __name__ == "__main__":
    main()
