"""Deduplication beside its peers: the same files as datatrove 0.10.1, and the speed of signatures beside rensa 0.5.0.

    python data_dedup.py parity    with datatrove 0.10.1 (Python 3.11, numpy 2.4.6, xxhash 3.8.2, spaCy 3.8.18)
    python data_dedup.py speed     with rensa 0.5.0

Both need `cargo build --release -p aquifer-data --example dedup`, the program `zstd`, and real text: the folder AQUIFER_DATA,
else `shared/data` beside the checkout.
"""

import argparse
import contextlib
import filecmp
import gzip
import io
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("AQUIFER_DATA", ROOT.parent / "shared" / "data"))
OURS = ROOT / "target" / os.environ.get("AQUIFER_PROFILE", "release") / "examples" / "dedup"
TEXTS = {
    "lm_text/books_en.jsonl.zst": "text",
    "lm_text/zh_classical_modern.jsonl.zst": "modern",
    "lm_text/code_python.jsonl.zst": "text",
    "lm_text/udhr_languages.jsonl.zst": "text",
    "web_raw/c4_demo.jsonl.gz": "text",
}


def lines(path):
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return io.StringIO(subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True).stdout.decode())


def pieces(text, least=4000):
    """Runs of whole paragraphs (or lines) of at least `least` characters."""
    piece = []
    size = 0
    for line in text.splitlines(keepends=True):
        piece.append(line)
        size += len(line)
        if size >= least and not line.strip():
            yield "".join(piece)
            piece, size = [], 0
    if piece:
        yield "".join(piece)


def documents(limit, seed=0):
    """Real documents up to `limit` bytes of each source, shuffled, a tenth of them with an edited copy somewhere."""
    choose = random.Random(seed)
    found = []
    for name, field in TEXTS.items():
        size = 0
        for line in lines(DATA / name):
            for piece in pieces(json.loads(line).get(field) or ""):
                if size < limit:
                    found.append(piece)
                    size += len(piece.encode())
    for text in choose.sample(found, len(found) // 10):
        words = text.split(" ")
        for _ in range(choose.choice([0, 1, 2, 5, 20])):
            words[choose.randrange(len(words))] = choose.choice(["harbour", "９９", "灯塔", "…", "Ångström"])
        found.append(" ".join(words))
    found += ["", " \n", "one", "four words are few"]
    choose.shuffle(found)
    return found


class WhiteSpace:
    """datatrove's tokenizer interface over `str.split`, so that the peer's speed is not spaCy's."""

    def word_tokenize(self, text):
        return text.split()


def write_json(path, value):
    path.write_text(json.dumps(value))
    return path


def compare_folders(a, b):
    """Names of files that are not byte for byte in both."""
    names = {p.relative_to(r) for r in (a, b) for p in r.rglob("*") if p.is_file()}
    same = filecmp.cmpfiles(a, b, names, shallow=False)[0]
    return len(names), sorted(str(name) for name in names - set(same))


def parity(args):
    from datatrove.data import Document
    from datatrove.pipeline.dedup.minhash import (
        MinhashConfig,
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupSignature,
    )
    from datatrove.utils.hashing import HashConfig

    texts = documents(args.bytes)
    ranks = [texts[: len(texts) // 3], texts[len(texts) // 3 :]]
    print(f"{len(texts)} documents, {sum(len(t.encode()) for t in texts) / 1e6:.1f} MB")
    wrong = []
    for hash_name, config in {
        "xxh64": MinhashConfig(),
        "sha1x64": MinhashConfig(hash_config=HashConfig(64, "sha1")),
        "xxh32": MinhashConfig(n_grams=13, num_buckets=9, hashes_per_bucket=5, hash_config=HashConfig(32, "xxhash")),
    }.items():
        with tempfile.TemporaryDirectory() as root:
            root = Path(root)
            theirs, ours = root / "theirs", root / "ours"
            options = {
                "n_grams": config.n_grams,
                "buckets": config.num_buckets,
                "hashes_per_bucket": config.hashes_per_bucket,
                "hash": hash_name,
            }
            files = [write_json(root / f"{i}.jsonl", None) for i in range(len(ranks))]
            for path, rank in zip(files, ranks):
                path.write_text("".join(json.dumps(t) + "\n" for t in rank))
            subprocess.run([OURS, "files", args.words, write_json(root / "options.json", options), ours, *files], check=True)
            with contextlib.redirect_stderr(io.StringIO()):
                sign = MinhashDedupSignature(str(theirs / "sigs"), config)
                if args.words == "spaces":
                    sign.word_tokenizer = WhiteSpace()
                for i, rank in enumerate(ranks):
                    sign.run((Document(text=t, id=str(k)) for k, t in enumerate(rank)), i, len(ranks))
                for i in range(config.num_buckets):
                    step = MinhashDedupBuckets(str(theirs / "sigs"), str(theirs / "dups"), config=config)
                    step.run(None, i, config.num_buckets)
                MinhashDedupCluster(str(theirs / "dups"), str(theirs / "out"), config, True, True).run()
            count, differ = compare_folders(theirs, ours)
            print(f"{config}: {count} files, {len(differ)} differ {differ[:5]}")
            wrong += differ
    return not wrong


def speed(args):
    from rensa import RMinHash

    texts = documents(args.bytes)
    megabytes = sum(len(t.encode()) for t in texts) / 1e6
    shingles = []
    for text in texts:
        words = text.split()
        shingles.append([" ".join(words[i : i + 5]) for i in range(len(words) - 4)])
    with tempfile.TemporaryDirectory() as root:
        path = Path(root) / "documents.jsonl"
        path.write_text("".join(json.dumps(t) + "\n" for t in texts))
        command = [OURS, "speed", args.words, write_json(Path(root) / "options.json", {}), path]
        ours = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

        def rensa():
            start = time.perf_counter()
            for runs in shingles:
                minhash = RMinHash(num_perm=112, seed=1)
                minhash.update(runs)
                minhash.digest()
            return time.perf_counter() - start

        def us():
            ours.stdin.write("go\n")
            ours.stdin.flush()
            return float(ours.stdout.readline().split()[0])

        seconds = {"aquifer, from raw text": us, "rensa, shingles given": rensa}
        times = {name: [] for name in seconds}
        for _ in range(args.rounds):
            for name, run in seconds.items():
                times[name].append(run())
        ours.stdin.close()
        ours.wait()
    ratios = [b / a for a, b in zip(*times.values())]
    print(f"{len(texts)} documents, {megabytes:.1f} MB, {args.rounds} rounds, 112 hashes of 5-grams")
    for name, values in times.items():
        print(f"{name:24} {megabytes / statistics.median(values):7.1f} MB/s")
    boot = random.Random(0)
    medians = sorted(
        statistics.median(p[1] for p in picks) / statistics.median(p[0] for p in picks)
        for picks in (boot.choices(list(zip(*times.values())), k=len(ratios)) for _ in range(2000))
    )
    ours, theirs = (statistics.median(values) for values in times.values())
    print(f"ratio of medians {theirs / ours:.2f} [{medians[50]:.2f}, {medians[1949]:.2f}]")
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["parity", "speed"])
    parser.add_argument("--words", choices=["english", "spaces"], default="english")
    parser.add_argument("--bytes", type=int, default=2_000_000, help="of each source")
    parser.add_argument("--rounds", type=int, default=20)
    args = parser.parse_args()
    sys.exit(0 if {"parity": parity, "speed": speed}[args.what](args) else 1)


if __name__ == "__main__":
    main()
