"""Makes small KenLM models and what the `kenlm` package says of a few sentences.

    python tests/golden/kenlm/make.py FOLDER_OF_KENLM_PROGRAMS

The programs `lmplz` and `build_binary`, built from github.com/kpu/kenlm at 4cb443e60b7b, make the
models; PyPI's `kenlm` scores. The text is made here from word lists; `corpus.txt`, the models and `goldens.json` are
written beside this file.
"""

import importlib.metadata
import json
import random
import subprocess
import sys
from pathlib import Path

import kenlm

HERE = Path(__file__).parent
WORDS = (
    "the a river house water light of and under with morning small runs goes stands quiet over bridge der fluss haus"
    " wasser licht und 河流 房子 水 光 été . , ;"
).split()
SENTENCES = [
    "the river runs under the bridge .",
    "the river runs",
    "a small house stands over the quiet water .",
    "der fluss und das wasser",
    "河流 房子 unseen 水 光 .",
    "unseen words only here",
    "the unseen river runs under unseen bridge",
    "",
    "  the\t river \x0b runs \r\n ",
    "</s> the river </s>",
    "<unk> the <s>",
    "the the the the the the the the",
    ". . . , ; .",
    "a b c d d b a a a b c a d a",
    "c a d b d b c d x b c a d",
    "été water light of and under with morning small runs goes stands quiet over bridge",
]
# Bigrams were pruned under trigrams that stay, as SRILM does; no <unk>; free and costly contexts.
BLANKS = """# a comment
\\data\\
ngram 1=6
ngram 2=8
ngram 3=7
ngram 4=2

\\1-grams:
-99\t<s>\t-0.5
-1.5\t</s>
-0.75\ta\t-0.25
-0.875\tb\t0
-1\tc\t-0.125
-1.25\td

\\2-grams:
-0.5\t<s> a\t-0.0625
-0.375\ta b\t0
-0.625\tb c\t-0.1875
-0.4375 c a\t-0.3
-0.6\ta a\t-0.11
-0.7\tb a\t-0.12
-0.8\td d
-0.9\td b

\\3-grams:
-0.25\t<s> a b\t-0.03
-0.2\ta b d
-0.3\ta b c\t-0.4
-0.1\tb c a\t-0.7
-0.33\tb a a\t-0.2
-0.35\ta a a
-0.37\td d d

\\4-grams:
-0.05\ta b c d
-0.15\tb c a d

\\end\\
"""


def corpus(seed, n):
    """Sentences from a random walk over words, each with a few likely successors."""
    rng = random.Random(seed)
    likely = {word: rng.sample(WORDS, 4) for word in WORDS}
    out = []
    for _ in range(n):
        word, sentence = rng.choice(WORDS[:8]), []
        for _ in range(rng.randint(1, 12)):
            sentence.append(word)
            word = rng.choice(likely[word] if rng.random() < 0.85 else WORDS)
        out.append(" ".join(sentence))
    return "\n".join(out) + "\n"


def run(program, *args, text=None):
    command = [str(Path(sys.argv[1]) / program), *map(str, args)]
    return subprocess.run(command, input=text, capture_output=True, check=True, text=True).stdout


def lmplz(name, text, order, *options):
    arpa = run("lmplz", "-o", order, "-S", "100M", "-T", "/tmp/", *options, text=text)
    (HERE / name).write_text(arpa)


def score(name):
    model = kenlm.Model(str(HERE / name))
    flags = [(bos, eos) for bos in (True, False) for eos in (True, False)]
    return {
        "scores": [[model.score(text, bos, eos) for bos, eos in flags] for text in SENTENCES],
        "words": [[list(word) for word in model.full_scores(text)] for text in SENTENCES],
        "perplexities": [model.perplexity(text) for text in SENTENCES],
    }


def main():
    text = corpus(5, 150)
    (HERE / "corpus.txt").write_text(text)
    lmplz("small.arpa", text, 3, "--discount_fallback")
    lmplz("five.arpa", text, 5, "--discount_fallback")
    lmplz("pruned.arpa", text, 4, "--prune", "0", "0", "1", "--discount_fallback")
    (HERE / "blanks.arpa").write_text(BLANKS)
    binaries = {
        "small.probing": ["probing", "small.arpa"],
        "small.trie": ["trie", "small.arpa"],
        "small.quantised": ["trie", "-q", "6", "-b", "5", "small.arpa"],
        "small.compressed": ["trie", "-a", "22", "small.arpa"],
        "five.both": ["trie", "-q", "4", "-b", "5", "-a", "64", "five.arpa"],
        "five.probing": ["probing", "-p", "1.1", "five.arpa"],
        "pruned.trie": ["trie", "pruned.arpa"],
        "blanks.probing": ["probing", "blanks.arpa"],
    }
    for name, (kind, *options, arpa) in binaries.items():
        run("build_binary", "-T", "/tmp/", *options, kind, HERE / arpa, HERE / name)
    models = ["small.arpa", "five.arpa", "pruned.arpa", "blanks.arpa", *binaries]
    out = {"kenlm": importlib.metadata.version("kenlm"), "sentences": SENTENCES, "models": {m: score(m) for m in models}}
    (HERE / "goldens.json").write_text(json.dumps(out, ensure_ascii=False) + "\n")


main()
