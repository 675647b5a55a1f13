"""Writes `minhash.json`: hashes of the files datatrove 0.10.1 makes of a few documents of our own.

Python 3.11, numpy 2.4.6, xxhash 3.8.2. Words are cut at white space on both sides.
"""

import hashlib
import json
import random
import tempfile
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.dedup.minhash import (
    MinhashBuildIndex,
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupSignature,
)
from datatrove.utils.hashing import HashConfig
from datatrove.utils.text import TextNormConfig

NOUNS = "ferry lamp keeper island storm harbour captain rope signal tower anchor gull 灯塔 café 1,200".split()
VERBS = "left saw found kept lost mended carried watched".split()


class WhiteSpace:
    def word_tokenize(self, text):
        return text.split()


def documents():
    """Three ranks of documents: about half of them copies of earlier ones, with words changed."""
    choose = random.Random(0)
    made = ["", "One word", "only four words here", "", "only four words here"]
    for i in range(60):
        if i % 2 and len(made) > 8:
            words = choose.choice(made[5:]).split()
            for _ in range(choose.choice([0, 0, 1, 2, 5])):
                words[choose.randrange(len(words))] = choose.choice(NOUNS)
        else:
            words = [choose.choice(NOUNS if k % 2 else VERBS) for k in range(choose.randrange(6, 90))]
        made.append(" ".join(words))
    return [made[:25], made[25:45], made[45:]]


def signed(folder, config, ranks):
    step = MinhashDedupSignature(str(folder), config)
    step.word_tokenizer = WhiteSpace()
    for rank, texts in ranks:
        step.run((Document(text=t, id=str(i)) for i, t in enumerate(texts)), rank, 3)


def paired(sigs, out, config, workers=1, **options):
    world = config.num_buckets * workers
    for rank in range(world):
        MinhashDedupBuckets(str(sigs), str(out), config=config, **options).run(None, rank, world)


def digests(folder):
    files = sorted(p for p in Path(folder).rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()[:16] for p in files}


def case(name, config, ranks, root):
    flags = {"numbers": config.norm_config.norm_numbers, "diacritics": config.norm_config.norm_unicode_diacritics}
    hash_name = {"xxhash": "xxh", "sha1": "sha1x"}[config.hash_config.hash_fc] + str(config.hash_config.precision)
    ours = {
        "n_grams": config.n_grams,
        "buckets": config.num_buckets,
        "hashes_per_bucket": config.hashes_per_bucket,
        "seed": config.seed,
        "simplify": flags,
        "hash": hash_name,
    }
    here = root / name
    signed(here / "sigs", config, list(enumerate(ranks)))
    paired(here / "sigs", here / "dups", config)
    paired(here / "sigs", here / "cut", config, workers=3)
    MinhashDedupCluster(str(here / "dups"), str(here / "out"), config, True, True).run()
    # The first two ranks become an index, against which the third is compared, and joins it.
    signed(here / "old", config, list(enumerate(ranks[:2])))
    signed(here / "new", config, [(2, ranks[2])])
    for bucket in range(config.num_buckets):
        MinhashBuildIndex(str(here / "old"), str(here / "index"), "old", config).run(None, bucket, config.num_buckets)
    for only in (True, False):
        indexed = dict(index_folder=str(here / "index"), only_dedup_in_index=only)
        paired(here / "new", here / f"only_{only}", config, create_index_name="new", **indexed)
        for ignore in (True, False):
            out = here / f"out_{only}_{ignore}"
            step = MinhashDedupCluster(str(here / f"only_{only}"), str(out), config, True, True, ignore)
            step.run()
    return {"name": name, "options": ours, "files": digests(here)}


def main():
    ranks = documents()
    configs = {
        "default": MinhashConfig(n_grams=3),
        "sha1": MinhashConfig(n_grams=2, num_buckets=5, hashes_per_bucket=3, hash_config=HashConfig(64, "sha1")),
        "narrow": MinhashConfig(
            n_grams=4,
            num_buckets=9,
            hashes_per_bucket=2,
            seed=7,
            hash_config=HashConfig(32, "xxhash"),
            norm_config=TextNormConfig(norm_numbers=False, norm_unicode_diacritics=False),
        ),
    }
    with tempfile.TemporaryDirectory() as root:
        cases = [case(name, config, ranks, Path(root)) for name, config in configs.items()]
    golden = {"ranks": ranks, "cases": cases}
    Path(__file__).with_name("minhash.json").write_text(json.dumps(golden, ensure_ascii=False, indent=0) + "\n")


main()
