"""Writes `simhash.json`: fingerprints and clusters of texts of our own by the formulas of text-dedup 0.4.0.

`text_dedup/simhash.py` is command line and Spark-free, but wants data sets from a hub; so its definitions are written down
here: shingles of three characters, none below five; XXH3's 64 bits (bitarray 3.12.3, xxhash 4.1.0 on Python 3.11); clusters are
the connected components of pairs that differ in at most three bits, compared one by one.
"""

import json
import random
from pathlib import Path

import numpy as np
import xxhash
from bitarray import bitarray
from bitarray.util import ba2int

WORDS = "ferry lamp keeper island storm Harbour CAPTAIN rope signal tower 灯塔 café ΣΑΣ İz".split()


def shingles(text, n=3, least=5):
    chars = list(text)
    if len(chars) < least:
        return set()
    return {"".join(chars[i : i + n]).lower().encode() for i in range(len(chars) - n + 1)}


def fingerprint(text):
    hashes = []
    for shingle in shingles(text):
        bits = bitarray()
        bits.frombytes(xxhash.xxh3_64_digest(shingle))
        hashes.append(bits.tolist())
    if not hashes:
        return None
    ones = np.sum(2 * np.asarray(hashes, dtype=int) - 1, axis=0) > 0
    return ba2int(bitarray(ones.tolist()))


def main():
    choose = random.Random(1)
    texts = ["", "four", "fives", "İİİİİ", "aaaaaaaaaa"]
    for i in range(80):
        if i % 2:
            words = choose.choice(texts[5:]).split()
            words[choose.randrange(len(words))] = choose.choice(WORDS)
        else:
            words = [choose.choice(WORDS) + str(choose.randrange(30)) for _ in range(choose.randrange(60, 250))]
        texts.append(" ".join(words))
    prints = [fingerprint(text) for text in texts]
    of = list(range(len(texts)))

    def find(i):
        while of[i] != i:
            i = of[i]
        return i

    for j, b in enumerate(prints):
        for i, a in enumerate(prints[:j]):
            if a is not None and b is not None and (a ^ b).bit_count() <= 3:
                x, y = sorted((find(i), find(j)))
                of[y] = x
    golden = {"texts": texts, "prints": [p and str(p) for p in prints], "of": [find(i) for i in range(len(texts))]}
    Path(__file__).with_name("simhash.json").write_text(json.dumps(golden, ensure_ascii=False, indent=0) + "\n")
    print(sum(find(i) != i for i in range(len(texts))), "copies")


main()
