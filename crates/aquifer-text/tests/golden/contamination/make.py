"""Writes `contamination.json`: hashes and verdicts of datatrove 0.10.1 on items of our own (Python 3.11, spaCy 3.8.18)."""

import json
import tempfile
from pathlib import Path

import numpy as np
from datatrove.data import Document
from datatrove.pipeline.decont.n_grams import NGramsDecontConfig, NGramsDecontFilter, NGramsDecontIndexer
from datatrove.utils.hashing import HashConfig

ITEMS = {
    "geography quiz": [
        ["Which river runs through the old harbour town of Vell?", "It's the Ost, some 1,200 km long, and never dry."],
        ["Name the tower.", "Long."],
        [None, "The lighthouse on the island was built in 1881 by nobody in particular."],
    ],
    "sums": [
        ["A ferry takes 12.5 hours for the way out and twice that for the way back. How long?", "37.5 hours in all."],
        ["一艘渡船 九点 离开 了 小岛 。 船上 有 几个 人 ？", "有 十二 个 人 和 一 只 猫"],
    ],
}
TEXTS = [
    "",
    "short",
    "IT'S THE OST -- some 1,200 km long; and (never) dry!",
    "They say it's the ost some 77 km long and never dry, and the lighthouse on the island was built in 1990 by nobody.",
    "The way back. How long? 99 hours in all, I think.",
    "Which river runs through the old harbour town of Vell?",
    "Old notes: 一艘渡船 九点 离开 了 小岛 船上 有 几个 人 有 十二 个 人",
    "Nothing here is of any evaluation set, however long this text may be going on and on and on.",
    "the old harbour town of Véll? It's the Ost",
]
CONFIGS = [
    NGramsDecontConfig(),
    NGramsDecontConfig(n_grams=5),
    NGramsDecontConfig(n_grams=5, find_query_ngrams=True, find_overlap_ngrams=False),
    NGramsDecontConfig(n_grams=6, find_query_ngrams=True, hash_config=HashConfig(32, "sha1")),
    NGramsDecontConfig(n_grams=1, find_overlap_ngrams=True),
]


def case(config):
    indexer = NGramsDecontIndexer("/tmp", config=config)
    with tempfile.TemporaryDirectory() as folder:
        sets = {}
        for name, items in ITEMS.items():
            hashes = sorted({h for query, label in items for h in indexer.compute_hashes(label, query)})
            sets[name] = [str(h) for h in hashes]
            array = np.array(hashes, dtype=config.hash_config.np_descr)
            array.tofile(Path(folder) / f"{name.replace(' ', '_')}.index.hashes")
        step = NGramsDecontFilter(folder, config)
        verdicts = []
        for text in TEXTS:
            document = Document(text=text, id="")
            clean = step.filter(document) is True
            found = document.metadata
            verdicts.append(None if clean else [found["contaminated_ngram"], found["contaminated_task"]])
    hash_name = {"xxhash": "xxh", "sha1": "sha1x"}[config.hash_config.hash_fc] + str(config.hash_config.precision)
    options = {
        "n_grams": config.n_grams,
        "query": config.find_query_ngrams,
        "overlap": config.find_overlap_ngrams,
        "hash": hash_name,
    }
    return {"options": options, "sets": sets, "verdicts": verdicts}


NGramsDecontIndexer._requires_dependencies = []
golden = {"items": ITEMS, "texts": TEXTS, "cases": [case(config) for config in CONFIGS]}
Path(__file__).with_name("contamination.json").write_text(json.dumps(golden, ensure_ascii=False, indent=0) + "\n")
