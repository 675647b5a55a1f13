"""Whole runs of `aquifer data run`: how they scale over two cores, and the memory they take.

    python data_run.py scaling [--rounds 5]
    python data_run.py memory  [--memory 100M] [--times 10]

Python 3.11 and nothing else. Needs `cargo build --release`, the program `zstd`, and real text: the folder AQUIFER_DATA, else `shared/data`
beside the checkout. The recipe is `aquifer data init fineweb`; the corpus is that of `data_rules.py speed`, in eight plain JSONL
files. For `memory` it is written again and again until it is `--times` as large as `--memory`, the lines of each text in another order
each time, so that comparisons find new material; then each kind of comparison is run by itself, as large as that.
"""

import argparse
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from data_rules import ROOT, ratio, sources

OURS = ROOT / "target" / os.environ.get("AQUIFER_PROFILE", "release") / "aquifer"
KINDS = ("web", "wiki", "books", "html", "python", "rust", "languages")
FILES = 8
COMPARISONS = ("exact", "url", "near", "minhash", "simhash", "sentences", "lines", "paragraphs", "substrings", "bloom")


def mixed():
    kinds = sources(4000)
    texts = [text for kind in KINDS for text in kinds[kind]]
    random.Random(0).shuffle(texts)
    return texts


def size(texts):
    return sum(len(text.encode()) for text in texts)


def write(folder, times, texts):
    """The corpus `times` over, shuffled within each text from the second time on."""
    folder.mkdir()
    files = [open(folder / f"part-{k}.jsonl", "w", encoding="utf-8") for k in range(FILES)]
    choose = random.Random(1)
    for turn in range(times):
        for number, text in enumerate(texts):
            if turn:
                lines = text.split("\n")
                choose.shuffle(lines)
                text = "\n".join(lines)
            row = {"id": f"{turn}-{number}", "text": text, "metadata": {"url": f"https://example.org/{turn}/{number}"}}
            files[number % FILES].write(json.dumps(row, ensure_ascii=False) + "\n")
    for file in files:
        file.close()


def run(recipe, corpus, out, *flags):
    """Seconds, and the most bytes that were the process's own: pages of mapped files are the system's to take back."""
    start, peak = time.perf_counter(), 0
    process = subprocess.Popen([OURS, "data", "run", recipe, corpus, "--out", out, "--quiet", *flags], stdout=subprocess.DEVNULL)
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        peak = max([peak] + [int(kib) * 1024 for kib in re.findall(r"RssAnon:\s*(\d+)", status)])
        time.sleep(0.01)
    seconds = time.perf_counter() - start
    shutil.rmtree(out, ignore_errors=True)
    assert process.returncode == 0, f"{recipe.name} failed"
    return seconds, peak


def fineweb(folder):
    recipe = folder / "fineweb.toml"
    subprocess.run([OURS, "data", "init", "fineweb", "--out", recipe, "--quiet"], check=True, stdout=subprocess.DEVNULL)
    return recipe


def scaling(folder, args):
    texts = mixed()
    write(folder / "corpus", 1, texts)
    recipe, seconds = fineweb(folder), {1: [], 2: []}
    run(recipe, folder / "corpus", folder / "out")
    for _ in range(args.rounds):
        for threads in seconds:
            seconds[threads].append(run(recipe, folder / "corpus", folder / "out", "--threads", str(threads))[0])
    one, two = (statistics.median(seconds[threads]) for threads in (1, 2))
    total = size(texts) / 1e6
    faster, low, high = ratio(seconds[1], seconds[2])
    print(f"{len(texts)} texts, {total:.1f} MB, {args.rounds} rounds: {total / one:.1f} MB/s with one thread, {total / two:.1f} with two: "
          f"{faster:.2f} x  (95 %: {low:.2f} to {high:.2f})")


def memory(folder, args):
    number, unit = re.fullmatch(r"(\d+)([MG])", args.memory).groups()
    allowed = int(number) * {"M": 1 << 20, "G": 1 << 30}[unit]
    texts = mixed()
    times = -(-args.times * allowed // size(texts))
    write(folder / "corpus", times, texts)
    print(f"{size(texts) * times / 1e6:.0f} MB of text, --memory {args.memory} ({allowed / 1e6:.0f} MB)")
    recipes = [fineweb(folder)]
    for kind in args.kinds:
        recipes.append(folder / f"{kind}.toml")
        recipes[-1].write_text(f'[[stage]]\ndedup = "{kind}"\n')
    for recipe in recipes:
        seconds, peak = run(recipe, folder / "corpus", folder / "out", "--memory", args.memory)
        print(f"    {recipe.stem:12} {seconds:6.1f} s, at most {peak / 1e6:.0f} MB", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["scaling", "memory"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", default="100M")
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--kinds", nargs="*", default=COMPARISONS, choices=COMPARISONS)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        {"scaling": scaling, "memory": memory}[args.what](Path(folder), args)


if __name__ == "__main__":
    sys.exit(main())
