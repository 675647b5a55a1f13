"""Writes `bloom.json`: what datatrove 0.10.1's Bloom filter keeps of texts of our own, and its bits (Python 3.11, numpy 2.4.6)."""

import hashlib
import json
import random
import tempfile
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.dedup.bloom_filter import BloomFilterConfig, SingleBloomFilter
from datatrove.utils.hashing import HashConfig

WORDS = "ferry lamp keeper island storm harbour captain rope signal tower 灯塔 café 1,200".split()


class WhiteSpace:
    def word_tokenize(self, text):
        return text.split()


def texts():
    choose = random.Random(2)
    made = ["", "one", " ".join(WORDS)]
    for i in range(60):
        if i % 3 == 2:
            words = choose.choice(made[3:]).split()
            for _ in range(choose.choice([0, 1, 1, 2, 3])):
                words[choose.randrange(len(words))] = choose.choice(WORDS)
        else:
            words = [choose.choice(WORDS) + str(choose.randrange(9)) for _ in range(choose.randrange(5, 120))]
        made.append(" ".join(words))
    return made


def case(made, config):
    with tempfile.TemporaryDirectory() as folder:
        step = SingleBloomFilter(folder, config)
        step.tokenizer = WhiteSpace()
        stays = [step.step(Document(text=t, id=str(i))) for i, t in enumerate(made)]
    name = {"xxhash": "xxh", "sha1": "sha1x"}[config.hash_config.hash_fc] + str(config.hash_config.precision)
    options = {
        "bytes": config.m_bytes,
        "hashes": config.k,
        "threshold": config.duplicate_threshold,
        "n_grams": config.n_grams,
        "seed": config.seed,
        "hash": name,
        "addressing": "datatrove",
    }
    return {"options": options, "stays": stays, "bits": hashlib.sha256(step.bit_vector).hexdigest()}


made = texts()
cases = [
    case(made, BloomFilterConfig(m_bytes=(1 << 16) - 1, k=5)),
    case(made, BloomFilterConfig(m_bytes=1 << 12, k=3)),
    case(made, BloomFilterConfig(m_bytes=54321, k=7, n_grams=4, duplicate_threshold=0.5, seed=3)),
    case(made, BloomFilterConfig(m_bytes=98303, expected_elements=200_000, hash_config=HashConfig(32, "sha1"))),
]
print([sum(c["stays"]) for c in cases], len(made))
Path(__file__).with_name("bloom.json").write_text(
    json.dumps({"texts": made, "cases": cases}, ensure_ascii=False, indent=0) + "\n"
)
