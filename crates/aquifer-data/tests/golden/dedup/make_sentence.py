"""Writes `sentence.json`: what datatrove 0.10.1's sentence deduplication makes of texts of our own.

Python 3.11, spaCy 3.8.18, xxhash 3.8.2; one rank, sentences and words by spaCy's blank English pipeline.
"""

import json
import random
import tempfile
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.dedup.sentence_dedup import (
    SentDedupConfig,
    SentenceDedupBuildIndex,
    SentenceDedupFilter,
    SentenceDedupSignature,
    SentenceFindDedups,
)
from datatrove.utils.hashing import HashConfig

SENTENCES = [
    "The ferry left the island at nine.",
    "Nobody on board had seen the keeper for 12 days!",
    'Was the lamp still burning? "Yes," said the captain...',
    "It was.",
    "A storm came up from the south, and the rope broke.",
    "They waited in the harbour;\nthe signal did not come.",
    "Gulls sat on the tower.",
    "“Who goes there?” he cried.",
    "灯塔在岛上。没有人。",
    "And so it went, day after day, until the anchor was lifted at last.",
]
JOINS = [" ", " ", "  ", "\n", "\n\n", " \n "]


def texts():
    choose = random.Random(3)
    made = ["", " \n ", "One.", "One. Two.", "One. Two. Three. ", "  One. Two. Three."]
    for i in range(70):
        parts = []
        for _ in range(choose.randrange(1, 14)):
            own = f"Line {choose.randrange(400)} of the log has {choose.randrange(400)} entries, more or less."
            parts.append(choose.choice(SENTENCES) if choose.random() < 0.5 else own)
        if i % 3 == 1:
            source = choose.choice(made[6:] or made).split(". ")
            at = choose.randrange(len(source))
            parts[1:1] = [". ".join(source[at : at + 5])]
        made.append("".join(part + choose.choice(JOINS) for part in parts))
    return made


def case(made, config, indexed):
    name = {"xxhash": "xxh", "sha1": "sha1x"}[config.hash_config.hash_fc] + str(config.hash_config.precision)
    with tempfile.TemporaryDirectory() as root:
        root = Path(root)
        index = None
        if indexed:
            index = str(root / "index")
            SentenceDedupSignature(str(root / "old"), 1, config).run(documents(made[:indexed]), 0, 1)
            SentenceDedupBuildIndex(str(root / "old"), index, "old", config).run()
        SentenceDedupSignature(str(root / "sigs"), 1, config).run(documents(made), 0, 1)
        SentenceFindDedups(str(root / "sigs"), str(root / "dups"), index, config).run()
        kept = {d.id: d.text for d in SentenceDedupFilter(str(root / "dups"), config).run(documents(made), 0, 1)}
    options = {
        "unit": "sentences" if config.split_sentences else "lines",
        "n_sentences": config.n_sentences,
        "min_doc_words": config.min_doc_words,
        "min_num_sentences": config.min_num_sentences,
        "min_words_to_remove_span": config.min_words_to_remove_span,
        "only_in_index": config.only_dedup_in_index,
        "hash": name,
    }
    texts = [kept.get(str(i)) for i in range(len(made))]
    print(options, sum(t is None for t in texts), sum(t is not None and t != m for t, m in zip(texts, made)))
    return {"options": options, "indexed": indexed, "kept": texts}


def documents(made):
    return (Document(text=text, id=str(i)) for i, text in enumerate(made))


made = texts()
cases = [
    case(made, SentDedupConfig(), 0),
    case(made, SentDedupConfig(min_doc_words=0, min_num_sentences=0, hash_config=HashConfig(64, "sha1")), 0),
    case(made, SentDedupConfig(n_sentences=2, min_doc_words=20, min_num_sentences=2, min_words_to_remove_span=9), 0),
    case(made, SentDedupConfig(n_sentences=1, split_sentences=False, min_doc_words=5, min_num_sentences=0), 0),
    case(made, SentDedupConfig(n_sentences=2, min_doc_words=10, only_dedup_in_index=True), 20),
    case(made, SentDedupConfig(n_sentences=2, min_doc_words=10, only_dedup_in_index=False), 20),
]
for case in cases:
    # A text that stays as it was is written once, above.
    case["kept"] = [True if t == m else t for t, m in zip(case["kept"], made)]
Path(__file__).with_name("sentence.json").write_text(
    json.dumps({"texts": made, "cases": cases}, ensure_ascii=False, indent=0) + "\n"
)
