"""Makes the goldens of aquifer-text with the Python libraries everybody else uses.

    python tests/golden/make.py FOLDER_WITH_OUR_TOKENIZERS

The folder is what `cargo test -p aquifer-text --test golden -- --ignored write_tokenizers` wrote. The script encodes
`texts.json` with `tokenizers`, renders `conversations.json` through `transformers`, learns a byte-level BPE vocabulary
of the same texts with the trainer of `tokenizers`, and writes `goldens.json` beside itself, with the versions used.
"""

import json
import sys
import warnings
from pathlib import Path

import tokenizers
import transformers
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

HERE = Path(__file__).parent
LLAMA_LIKE = (HERE / "llama_like.jinja").read_text()
TOOLS = (HERE / "features.jinja").read_text()
# ChatML that says what the assistant says, for `return_assistant_tokens_mask`: its content and the mark that ends it.
GENERATION = (HERE / "generation.jinja").read_text()


def learn(texts, vocab_size, ours):
    """The trainer of `tokenizers`, with the cuts of our own file."""
    steps = json.loads(ours.to_str())["pre_tokenizer"]["pretokenizers"]
    tokenizer = Tokenizer(models.BPE())
    cuts = [pre_tokenizers.Split(Regex(s["pattern"]["Regex"]), "isolated") for s in steps[:-1]]
    cuts.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(cuts)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|pad|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return {"vocab": sorted(model["vocab"], key=model["vocab"].get), "merges": model["merges"]}


def main(folder):
    warnings.filterwarnings("ignore")
    texts = json.loads((HERE / "texts.json").read_text())
    conversations = json.loads((HERE / "conversations.json").read_text())
    out = {"versions": {"tokenizers": tokenizers.__version__, "transformers": transformers.__version__}}
    for kind in ["bpe", "char"]:
        ours = Tokenizer.from_file(str(folder / kind / "tokenizer.json"))
        ours.encode_special_tokens = True
        hf = transformers.AutoTokenizer.from_pretrained(folder / kind)
        encoded = [ours.encode(text, add_special_tokens=False).ids for text in texts]
        for text, ids in zip(texts, encoded):
            assert hf.decode(ids) == text, (text, hf.decode(ids))
        out[kind] = {
            "ids": encoded,
            "chat_ids": [hf.apply_chat_template(c, tokenize=True, return_dict=False) for c in conversations],
            "assistant_masks": [
                hf.apply_chat_template(
                    c, chat_template=GENERATION, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
                )["assistant_masks"]
                for c in conversations
            ],
            "bos_eos_pad": [hf.bos_token_id, hf.eos_token_id, hf.pad_token_id],
        }
        if kind == "bpe":
            out["learnt"] = learn(texts, 400, ours)
            out["rendered"] = {
                name: [
                    [
                        hf.apply_chat_template(c, tokenize=False, add_generation_prompt=prompt, chat_template=template)
                        for prompt in (False, True)
                    ]
                    for c in conversations
                ]
                for name, template in [("chatml", None), ("llama_like", LLAMA_LIKE), ("features", TOOLS)]
            }
    (HERE / "goldens.json").write_text(json.dumps(out, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
