"""Writes `flagdata.json`: FlagData's tokenised MinHash of a few texts of our own, from its formula alone.

Runs of 5 token ids joined by spaces; the first 4 bytes of SHA-1, least significant first; (h * a + b mod 2^64) mod (2^61 - 1),
of which 32 bits count, a and b drawn in turn by numpy's RandomState(42); the least value of each function; bands by
datasketch's rule for threshold 0.87 and 256 functions, which are 11 of 23. Nothing of this repository takes part.

Python 3.12, numpy 2.4.6, tokenizers 0.23.3.
"""

import hashlib
import json
import random
import struct
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

PRIME = (1 << 61) - 1
BANDS, ROWS, NGRAM, MIN_TOKENS = 11, 23, 5, 5
WORDS = "ferry lamp keeper island storm harbour captain rope signal tower anchor gull 灯塔 守望 café 1,200".split()


def texts():
    choose = random.Random(4)
    made = ["", "Lamp", "a b c d e", "灯塔守望灯塔守望"]
    for i in range(30):
        if i % 3 == 2:
            words = choose.choice(made[4:]).split()
            for _ in range(choose.choice([0, 0, 1, 2])):
                words[choose.randrange(len(words))] = choose.choice(WORDS)
        else:
            words = [choose.choice(WORDS) for _ in range(choose.randrange(8, 120))]
        made.append(" ".join(words))
    return made


def tokenizer(corpus):
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=290, initial_alphabet=alphabet, show_progress=False))
    return made


def functions():
    draw = np.random.RandomState(42)
    pairs = []
    for _ in range(256):
        a = draw.randint(1, PRIME, dtype=np.uint64)
        pairs.append((int(a), int(draw.randint(0, PRIME, dtype=np.uint64))))
    return pairs


def keys(ids, pairs):
    if len(ids) < MIN_TOKENS:
        return []
    runs = {" ".join(map(str, ids[i : i + NGRAM])) for i in range(len(ids) - NGRAM + 1)}
    hashes = [struct.unpack("<I", hashlib.sha1(run.encode()).digest()[:4])[0] for run in runs]
    least = [min(((h * a + b) % (1 << 64)) % PRIME & 0xFFFFFFFF for h in hashes) for a, b in pairs[: BANDS * ROWS]]
    bands = [b"".join(struct.pack(">I", v) for v in least[i : i + ROWS]) for i in range(0, BANDS * ROWS, ROWS)]
    return [hashlib.sha256(band).hexdigest()[:16] for band in bands]


def main():
    made = texts()
    cut = tokenizer(made)
    pairs = functions()
    signed = [keys(cut.encode(text, add_special_tokens=False).ids, pairs) for text in made]
    cluster = list(range(len(made)))

    def root(i):
        return i if cluster[i] == i else root(cluster[i])

    for i, bands in enumerate(signed):
        for j in range(i):
            if any(a == b for a, b in zip(bands, signed[j])):
                cluster[max(root(i), root(j))] = min(root(i), root(j))
    golden = {
        "tokenizer": json.loads(cut.to_str()),
        "texts": made,
        "bands": signed,
        "of": [root(i) for i in range(len(made))],
    }
    Path(__file__).with_name("flagdata.json").write_text(json.dumps(golden, ensure_ascii=False) + "\n")


main()
