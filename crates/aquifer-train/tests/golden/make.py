"""Makes the goldens of token shards in other programs' layouts, with datatrove itself.

    python tests/golden/make.py

Learns a small byte-level vocabulary of the texts below with `tokenizers`, tokenises them with datatrove's
`DocumentTokenizer` (twice: documents in their order, with and without the file of losses) and its
`MegatronDocumentTokenizer`, reads the Megatron files back with a reader of its own, and writes everything beside itself.
Made with datatrove 0.10.1, tokenizers 0.23.3, humanize 4.17.0 and numpy 2.4.6.
"""

import json
import os
import shutil
import struct
from pathlib import Path

import numpy as np
from datatrove.data import Document
from datatrove.pipeline.tokens import DocumentTokenizer, MegatronDocumentTokenizer
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

HERE = Path(__file__).parent
TEXTS = [
    "The tide came in before anyone had counted the boats.",
    "Nobody counted them afterwards either; the tide went out again.",
    "潮水来了，没有人数过船。",
    "One\n\nTwo  three\tfour",
    "é",
    "The boats, the boats, the boats: " + "and the tide again, " * 40,
]
END = "<|endoftext|>"


def learn():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=[END], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer


def read_megatron(stem):
    """The documents of an indexed data set, by its layout alone."""
    index, tokens = Path(f"{stem}.idx").read_bytes(), Path(f"{stem}.bin").read_bytes()
    assert index[:9] == b"MMIDIDX\x00\x00"
    version, kind, sequences, entries = struct.unpack_from("<QBQQ", index, 9)
    assert version == 1
    dtype = np.dtype({4: "<i4", 8: "<u2"}[kind])
    lengths = np.frombuffer(index, "<i4", sequences, 34)
    pointers = np.frombuffer(index, "<i8", sequences, 34 + 4 * sequences)
    documents = np.frombuffer(index, "<i8", entries, 34 + 12 * sequences)
    assert 34 + 12 * sequences + 8 * entries == len(index)
    parts = [np.frombuffer(tokens, dtype, n, at).tolist() for n, at in zip(lengths, pointers)]
    return [sum(parts[a:b], []) for a, b in zip(documents, documents[1:])]


def main():
    for folder in ["tokenizer", "datatrove", "datatrove_loss", "megatron"]:
        shutil.rmtree(HERE / folder, ignore_errors=True)
        (HERE / folder).mkdir()
    os.chdir(HERE)
    tokenizer = learn()
    tokenizer.save("tokenizer/tokenizer.json")
    Path("tokenizer/tokenizer_config.json").write_text(json.dumps({"eos_token": END, "bos_token": END}) + "\n")
    Path("texts.json").write_text(json.dumps(TEXTS, ensure_ascii=False, indent=1) + "\n")
    documents = lambda: (Document(text=text, id=str(i)) for i, text in enumerate(TEXTS))
    name = "tokenizer/tokenizer.json"
    for folder, loss in [("datatrove", False), ("datatrove_loss", True)]:
        writer = DocumentTokenizer(folder, name, eos_token=END, shuffle_documents=False, save_loss_metadata=loss)
        writer.run(documents())
    MegatronDocumentTokenizer("megatron", tokenizer_name_or_path=name, eos_token=END).run(documents())
    ids = [tokenizer.encode(text).ids + [tokenizer.token_to_id(END)] for text in TEXTS]
    assert read_megatron("megatron/00000_tokens") == ids
    Path("ids.json").write_text(json.dumps(ids) + "\n")


if __name__ == "__main__":
    main()
