"""Makes small fastText models and what the `fasttext` package says of a few texts.

    python tests/golden/fasttext/make.py FASTTEXT_PROGRAM

The program, built from github.com/facebookresearch/fastText at 1142dc4c4ecb,
trains (with eleven threads: each sets a tenth of the weights); PyPI's `fasttext-numpy2-wheel` predicts. The training text is made here from word lists; the models and
`goldens.json`, with the version used, are written beside this file.
"""

import importlib.metadata
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import fasttext

HERE = Path(__file__).parent
WORDS = {
    "en": "the a river house water light of and under with morning small runs goes stands quiet over bridge",
    "de": "der die das fluss haus wasser licht und unter mit morgen klein läuft geht steht über brücke straße",
    "fr": "le la les rivière maison eau lumière et sous avec matin petit court va debout tranquille pont été",
    "ru": "река дом вода свет и под с утро малый бежит идёт стоит тихо над мост зима лето",
    "zh": "河流 房子 水 光 和 下面 早晨 小 跑 走 站 安静 桥 冬天 夏天 的 了 在",
    "ja": "かわ いえ みず ひかり と した あさ ちいさい はしる いく たつ しずか はし の は に",
}
QUERIES = [
    "the quiet river runs under a small bridge",
    "der fluss läuft unter die brücke",
    "la rivière court sous le pont",
    "река бежит под мост",
    "河流在桥下面跑",
    "しずか な かわ は はし の した に",
    "unseen wörter переправа 橋梁 unterwasserlicht",
    "",
    "   \t\r\v\f ",
    "the",
    "the the the the the the",
    "river\x00house\x00\x00light",
    "the </s> river der fluss",
    "</s>",
    "__label__en der fluss __label__zz",
    "🦀 crab 🦀🦀 <river> <",
    "x",
    "é",
    "a" * 300,
    "水" * 120,
    "mixed 河流 river fluss rivière вода " * 12,
    "The RIVER, runs; under. the: bridge!",
    "e\u0301te\u0301 été",
]


def lines(seed, n, label_of):
    rng = random.Random(seed)
    out = []
    for _ in range(n):
        language = rng.choice(list(WORDS))
        words = rng.choices(WORDS[language].split(), k=rng.randint(3, 9))
        out.append(f"{label_of(language, rng)} {' '.join(words)}")
    return out


def one(language, _):
    return f"__label__{language}"


def several(language, rng):
    script = "other" if language in ("ru", "zh", "ja") else "latin"
    return f"__label__{language} __label__{script}" + (" __label__odd" if rng.random() < 0.2 else "")


def many(language, rng):
    return f"__label__{language}{rng.randint(0, 49)}"


def train(name, text, quantise=None, **options):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.txt"
        path.write_text("\n".join(text) + "\n")
        common = ["-input", path, "-output", Path(folder) / "model", "-thread", 11, "-verbose", 0]
        run("supervised", *common, *flags(options))
        if quantise is not None:
            run("quantize", *common, *flags(quantise))
        file = name + (".bin" if quantise is None else ".ftz")
        (HERE / file).write_bytes((Path(folder) / "model").with_suffix(Path(file).suffix).read_bytes())
    model = fasttext.load_model(str(HERE / file))
    return file, [
        {"k": k, "threshold": threshold, "predictions": [predict(model, text, k, threshold) for text in QUERIES]}
        for k, threshold in [(1, 0.0), (4, 0.0), (20, 0.0), (3, 0.15)]
    ]


def flags(options):
    return [part for name, value in options.items() for part in ["-" + name] + ([] if value is True else [value])]


def run(*command):
    subprocess.run([sys.argv[1], *map(str, command)], check=True)


def predict(model, text, k, threshold):
    labels, probabilities = model.predict(text, k=k, threshold=threshold)
    return [[label.removeprefix("__label__"), round(float(p), 8)] for label, p in zip(labels, probabilities)]


def main():
    text = lines(1, 300, one)
    models = dict([
        train("softmax", text, dim=8, minn=2, maxn=4, bucket=500, epoch=8, lr=0.3),
        train("words_only", text, dim=3, epoch=8, lr=0.3),
        train("hs", text, dim=5, loss="hs", wordNgrams=2, bucket=300, epoch=8, lr=0.3),
        train("ova", lines(2, 300, several), dim=16, loss="ova", minn=3, maxn=5, wordNgrams=3, bucket=200, epoch=8, lr=0.2),
        train("ns", text, dim=4, loss="ns", minn=1, maxn=2, bucket=200, epoch=8, lr=0.2),
        train("quantised", text, {"dsub": 3}, dim=10, minn=2, maxn=3, bucket=700, epoch=8, lr=0.3),
        train("pruned", text, {"qnorm": True, "cutoff": 300, "retrain": True}, dim=6, minn=2, maxn=4, wordNgrams=2, bucket=2000, loss="hs", epoch=8, lr=0.3),
        train("quantised_output", lines(3, 4000, many), {"qnorm": True, "qout": True, "cutoff": 270}, dim=5, minn=2, maxn=3, bucket=400, epoch=3, lr=0.3),
    ])
    out = {"fasttext-numpy2-wheel": importlib.metadata.version("fasttext-numpy2-wheel"), "texts": QUERIES, "models": models}
    (HERE / "goldens.json").write_text(json.dumps(out, ensure_ascii=False) + "\n")


main()
