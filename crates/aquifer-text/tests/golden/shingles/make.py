"""Writes `shingles.json`: texts of our own, simplified and hashed by datatrove 0.10.1 (Python 3.11, xxhash 3.8.2)."""

import json
from pathlib import Path

from datatrove.utils.hashing import HashConfig, create_hash_func
from datatrove.utils.text import TextNormConfig, ngrams, simplify_text

TEXTS = [
    "",
    " \t\n ",
    "One",
    "The Ferry left at 9.30, on Monday the 3,000th; nobody's late!",
    "1.2.3 4..5 6. 7 ,8 12,5,7 0x1F ٣٫١٤ ४५.६ １２．３",
    "Monday may march; MAYBE sunday-monday SEPTEMBER octobers",
    "Ça va? Éléphants naïfs, Ångström, ﬁn, Ḯ, e\u0301e\u0301, हिन्दी में लिखा, Tiếng Việt, Ω, ΌΣΟΣ ΣΑΣ, İstanbul",
    "渡船九点离开了小岛，船上没有人；１２３人在“灯塔”下。〈好〉￥5．６！",
    "ガギグゲゴ　パピプ 한국어 각 \u302e中",
    "tabs\tand\x0bodd\x0cspaces\x1c\x1f\x85\xa0\u2003end\u3000",
    "a\x00b\x01c\x7fd\x9fe\u200bf\ufeffg\u00adh",
    "under_score `tick` {brace} |bar| ~tilde~ ^caret^ +plus+ =eq= <lt> @at $5 50% #tag",
    "x\u0323\u0307y \u0301alone é. \u0344 Ǆ ǆ ß ẞ",
    "  leading - and trailing --  ",
    "don't stop… “quoted” – dash — em ► ━ ∶ « »",
    "½ ² Ⅷ 五 ৴ 𝟗𝟘 \U0001d7ce.\U0001d7cf 🎉🎊 family 👨‍👩‍👧",
]
NONE = dict(
    lowercase=False,
    norm_whitespace=False,
    remove_punctuation=False,
    norm_unicode_diacritics=False,
    norm_numbers=False,
    norm_weekdays=False,
    norm_monthnames=False,
)
OURS = {
    "lowercase": "lowercase",
    "norm_whitespace": "white_space",
    "remove_punctuation": "punctuation",
    "norm_unicode_diacritics": "diacritics",
    "norm_numbers": "numbers",
    "norm_weekdays": "weekdays",
    "norm_monthnames": "months",
}
CONFIGS = [
    {},
    NONE,
    *({**NONE, name: True} for name in NONE),
    {name: True for name in NONE},
    {"norm_whitespace": False, "norm_weekdays": True},
    {"remove_punctuation": False, "norm_monthnames": True},
    {"lowercase": False, "norm_weekdays": True, "norm_monthnames": True},
]
HASHES = {
    "xxh64": HashConfig(64, "xxhash"),
    "xxh32": HashConfig(32, "xxhash"),
    "sha1x64": HashConfig(64, "sha1"),
    "sha1x32": HashConfig(32, "sha1"),
}


def simplified():
    for config in CONFIGS:
        norm = TextNormConfig(**config)
        flags = {ours: getattr(norm, theirs) for theirs, ours in OURS.items()}
        yield {"simplify": flags, "out": [simplify_text(text, norm) for text in TEXTS]}


def hashed():
    for name, config in HASHES.items():
        function = create_hash_func(config)
        texts = TEXTS + [" ".join(TEXTS) * 3]
        runs = [" ".join(run) for run in ngrams(simplify_text(TEXTS[3]).split(), 5)]
        yield {
            "hash": name,
            "of": [str(function(text)) for text in texts],
            "shingles": [str(function(run)) for run in runs],
        }


golden = {"texts": TEXTS, "simplified": list(simplified()), "hashed": list(hashed())}
path = Path(__file__).with_name("shingles.json")
path.write_text(json.dumps(golden, ensure_ascii=True, indent=1) + "\n")
