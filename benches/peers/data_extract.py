"""Main texts of pages beside trafilatura 2.3.1 and Resiliparse 2.0.1: how much of them is right, and the speed.

    python data_extract.py score [--half 0|1] [--pairs 20000]
    python data_extract.py speed [--rounds 5]

Written for Python 3.11, trafilatura 2.3.1, resiliparse 2.0.1, lxml (all from PyPI). Needs `cargo build --release -p aquifer-data
--example extract`, the program `zstd`, and the pages: the folder AQUIFER_DATA, else `shared/data` beside the checkout.

Two sets. `trafilatura_eval` says of each page which snippets its text should have and which it should not: F1 over all of
them, a page being the unit that is drawn. `readability_pages` has the text itself: F1 over words (runs of letters and digits;
a character each of scripts without spaces), the mean over pages. Pages are divided by a hash of their name: half 0 was looked
at while the rules were made, half 1 is scored once before a release. Each set takes trafilatura at whichever of its three
modes scores best on it.
"""

import argparse
import hashlib
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import lxml.html
import trafilatura
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import detect_encoding
from resiliparse.parse.html import HTMLTree

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("AQUIFER_DATA", ROOT.parent / "shared" / "data")) / "web_raw"
OURS = ROOT / "target" / os.environ.get("AQUIFER_PROFILE", "release") / "examples" / "extract"
MODES = {"default": {}, "precision": {"favor_precision": True}, "recall": {"favor_recall": True}}
# Elements that stand inside a word or a line.
INLINE = set("a b i em strong span sup sub u code font mark small abbr cite".split())


def rows(name):
    raw = subprocess.run(["zstd", "-dcq", DATA / f"{name}.jsonl.zst"], check=True, capture_output=True).stdout.decode()
    return [json.loads(line) for line in raw.split("\n") if line]


def half(name):
    return hashlib.sha256(name.encode()).digest()[0] % 2


def pages(which):
    """Rows with snippets, and rows with a text."""
    snippets = [row for row in rows("trafilatura_eval") if which in (None, half(row["url"]))]
    texts = [row for row in rows("readability_pages") if which in (None, half(row["name"]))]
    return snippets, texts


def written(found):
    """The pages as a file for our side."""
    file = tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8", delete=False)
    with file:
        for row in found:
            file.write(json.dumps({"html": row["html"]}, ensure_ascii=False) + "\n")
    return file.name


def ours(found):
    path = written(found)
    try:
        out = subprocess.run([OURS, "texts", path], check=True, capture_output=True).stdout.decode()
    finally:
        os.unlink(path)
    return [json.loads(line) for line in out.split("\n") if line]


def archive(found):
    """The pages as a web archive."""
    file = tempfile.NamedTemporaryFile("wb", suffix=".warc", delete=False)
    with file:
        for number, row in enumerate(found):
            body = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + row["html"].encode()
            file.write(
                f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:page:{number}>\r\nWARC-Target-URI: http://example.org/\r\n"
                f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                + body + b"\r\n\r\n"
            )
    return file.name


def theirs(pages, **mode):
    return [trafilatura.extract(page, include_comments=False, **mode) or "" for page in pages]


def third(pages):
    return [extract_plain_text(HTMLTree.parse_from_bytes(page, detect_encoding(page)), main_content=True) or "" for page in pages]


def snippet_counts(row, text):
    """Snippets that are there and should be, should be and are not, are there and should not be."""
    text = " ".join(text.split())
    there = [sum(" ".join(snippet.split()) in text for snippet in row[key]) for key in ("with", "without")]
    return there[0], len(row["with"]) - there[0], there[1]


def f1_of_counts(counts):
    hits, missed, wrong = (sum(count[k] for count in counts) for k in range(3))
    return 2 * hits / max(1, 2 * hits + missed + wrong)


def words(text):
    return re.findall(r"[぀-ヿ㐀-䶿一-鿿]|\w+", text)


def gold(html):
    document = lxml.html.fromstring(f"<div>{html}</div>")
    for element in list(document.iter("script", "style")):
        element.drop_tree()
    for element in document.iter():
        if isinstance(element.tag, str) and element.tag not in INLINE:
            element.text, element.tail = " " + (element.text or ""), (element.tail or "") + " "
    return document.text_content()


def word_f1(got, want):
    got, want = Counter(words(got)), Counter(words(want))
    if not got and not want:
        return 1.0
    return 2 * (got & want).total() / (got.total() + want.total())


def mean(values):
    return sum(values) / max(1, len(values))


def paired(first, second, statistic, draws, seed=0):
    """The difference of a statistic over pages, with its 95 % interval: the same pages are drawn on both sides."""
    rng, n = random.Random(seed), len(first)
    drawn = []
    for _ in range(draws):
        picks = [rng.randrange(n) for _ in range(n)]
        drawn.append(statistic([first[i] for i in picks]) - statistic([second[i] for i in picks]))
    drawn.sort()
    return statistic(first) - statistic(second), drawn[int(0.025 * draws)], drawn[int(0.975 * draws)]


def score(args):
    snippets, texts = pages(args.half)
    golds = [gold(row["expected_html"]) for row in texts]
    of_snippets = lambda found: [snippet_counts(row, text) for row, text in zip(snippets, found)]
    of_texts = lambda found: [word_f1(text, want) for text, want in zip(found, golds)]
    print(f"trafilatura {version('trafilatura')}, resiliparse {version('resiliparse')}; "
          f"half {'both' if args.half is None else args.half}: {len(snippets)} pages with snippets, {len(texts)} with texts")
    for name, found, grade, statistic in (
        ("trafilatura_eval, F1 over snippets", snippets, of_snippets, f1_of_counts),
        ("readability_pages, F1 over words", texts, of_texts, mean),
    ):
        mine, html = grade(ours(found)), [row["html"].encode() for row in found]
        modes = {mode: grade(theirs(html, **options)) for mode, options in MODES.items()}
        best = max(modes, key=lambda mode: statistic(modes[mode]))
        print(f"{name}: ours {statistic(mine):.4f}; resiliparse {statistic(grade(third(html))):.4f}; trafilatura "
              + ", ".join(f"{mode} {statistic(graded):.4f}" for mode, graded in modes.items()))
        apart, low, high = paired(mine, modes[best], statistic, args.pairs)
        print(f"    ours - trafilatura {best}: {100 * apart:+.2f} points  (95 %: {100 * low:+.2f} to {100 * high:+.2f})")


def speed(args):
    snippets, texts = pages(None)
    found = snippets + texts
    html = [row["html"].encode() for row in found]
    size = sum(map(len, html))
    path = archive(found)
    process = subprocess.Popen([OURS, "speed", path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def our_time():
        process.stdin.write("\n")
        process.stdin.flush()
        seconds, pages, _ = process.stdout.readline().split()
        assert int(pages) == len(html), "ours read another number of pages"
        return float(seconds)

    def timed(run):
        start = time.perf_counter()
        run(html)
        return time.perf_counter() - start

    our_time()
    times = {"ours": [], "resiliparse": [], "trafilatura": []}
    for _ in range(args.rounds):
        times["ours"].append(statistics.median(our_time() for _ in range(5)))
        times["resiliparse"].append(timed(third))
        times["trafilatura"].append(timed(theirs))
    process.stdin.close()
    process.wait()
    os.unlink(path)
    print(f"{len(html)} pages, {size / 1e6:.1f} MB of HTML in bytes, one thread each, {args.rounds} rounds")
    rng = random.Random(0)
    for name, taken in times.items():
        line = f"    {name:12} {size / 1e6 / statistics.median(taken):8.1f} MB/s"
        if name != "ours":
            ratio = lambda picks: statistics.median(taken[i] for i in picks) / statistics.median(times["ours"][i] for i in picks)
            drawn = sorted(ratio([rng.randrange(args.rounds) for _ in taken]) for _ in range(2000))
            line += f"   ours: {ratio(range(args.rounds)):.1f} x  (95 %: {drawn[50]:.1f} to {drawn[1949]:.1f})"
        print(line)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("score")
    command.add_argument("--half", type=int, choices=(0, 1))
    command.add_argument("--pairs", type=int, default=20000)
    command = commands.add_parser("speed")
    command.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    {"score": score, "speed": speed}[args.command](args)


if __name__ == "__main__":
    sys.exit(main())
