"""Rules for web text beside datatrove 0.10.1: the same decisions for the same reasons, and the speed.

    python data_rules.py parity [--documents 8500] [--seed 0]
    python data_rules.py speed  [--rounds 5]

Written for Python 3.11, datatrove 0.10.1, spaCy 3.8.18 (both from PyPI). Needs `cargo build --release -p aquifer-data --example
rules`, the program `zstd`, and real text: the folder AQUIFER_DATA, else `shared/data` beside the checkout.
"""

import argparse
import collections
import gzip
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("AQUIFER_DATA", ROOT.parent / "shared" / "data"))
OURS = ROOT / "target" / os.environ.get("AQUIFER_PROFILE", "release") / "examples" / "rules"

# Ours as a recipe's table, theirs as a class of `datatrove.pipeline.filters` with its arguments.
RULES = [
    ({"rule": "gopher_repetition"}, ("GopherRepetitionFilter", {})),
    ({"rule": "gopher_quality"}, ("GopherQualityFilter", {})),
    (
        {"rule": "c4_quality", "filter_no_terminal_punct": False},
        ("C4QualityFilter", {"filter_no_terminal_punct": False}),
    ),
    ({"rule": "fineweb_quality"}, ("FineWebQualityFilter", {})),
    ({"rule": "c4_quality", "name": "c4_quality as in C4"}, ("C4QualityFilter", {})),
    (
        {"rule": "c4_quality", "name": "c4_quality by sentences", "split_paragraph": False},
        ("C4QualityFilter", {"split_paragraph": False}),
    ),
    ({"rule": "c4_paragraph"}, ("C4ParagraphFilter", {})),
]
# FineWeb's four, in its order.
CHAIN = [0, 1, 2, 3]


def opened(path):
    if path.suffix == ".zst":
        return subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True).stdout.decode()
    raw = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
    return raw.decode("utf-8", "replace")


def rows(name, key="text"):
    for line in opened(DATA / name).split("\n"):
        if line.strip():
            yield json.loads(line)[key]


def pieces(text, least):
    """Runs of whole lines of at least `least` characters."""
    piece, size = [], 0
    for line in text.split("\n"):
        piece.append(line)
        size += len(line) + 1
        if size >= least:
            yield "\n".join(piece)
            piece, size = [], 0
    if piece:
        yield "\n".join(piece)


def unwrapped(text):
    """Paragraphs of a book on one line each, as pages from the web have them."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", text.replace("\r\n", "\n"))


def sources(least=2500):
    """Lists of real texts, by kind."""
    return {
        "web": list(rows("web_raw/c4_demo.jsonl.gz")),
        "wiki": [p for text in [opened(DATA / "lm_text/wiki_demo.txt.gz")] for p in pieces(text, least)],
        "books": [p for text in rows("lm_text/books_en.jsonl.zst") for p in pieces(unwrapped(text), least)],
        "books by lines": [p for text in rows("lm_text/books_en.jsonl.zst") for p in pieces(text, least)],
        "html": [
            p
            for name in ("readability_pages", "trafilatura_eval")
            for text in rows(f"web_raw/{name}.jsonl.zst", "html")
            for p in pieces(text, least)
        ],
        "python": [p for text in rows("lm_text/code_python.jsonl.zst") for p in pieces(text, least)],
        "rust": [p for text in rows("lm_text/code_rust.jsonl.zst") for p in pieces(text, least)],
        "languages": [p for text in rows("lm_text/udhr_languages.jsonl.zst") for p in pieces(text, least)],
        "chinese": [p for text in [opened(DATA / "lm_text/zh_novel_xiyouji.txt.gz")] for p in pieces(text, 800)],
    }


# Each edit takes a text and a random source, and moves it towards one threshold or over it.


def some_lines(text, choose, edit, least=0.05, most=1.0):
    share = choose.uniform(least, most)
    return "\n".join(edit(line) if choose.random() < share else line for line in text.split("\n"))


def some_words(text, choose, edit, least=0.02, most=0.4):
    share = choose.uniform(least, most)
    return " ".join(edit(word) if choose.random() < share else word for word in text.split(" "))


def repeat_parts(text, choose, separator):
    parts = text.split(separator)
    again = [choose.choice(parts) for _ in range(int(len(parts) * choose.uniform(0.02, 0.8)) + 1)]
    for part in again:
        parts.insert(choose.randrange(len(parts) + 1), part)
    return separator.join(parts)


def repeat_ngram(text, choose):
    words = text.split(" ")
    n = choose.randint(1, 12)
    start = choose.randrange(max(1, len(words) - n))
    run = words[start : start + n]
    for _ in range(choose.randint(1, max(2, len(words) // (n * 4)))):
        at = choose.randrange(len(words) + 1)
        words[at:at] = run
    return " ".join(words)


def sprinkle(*what):
    return lambda text, choose: some_words(text, choose, lambda word: word + choose.choice(what))


def line_end(*what):
    return lambda text, choose: some_lines(text, choose, lambda line: line + choose.choice(what))


def line_start(*what):
    return lambda text, choose: some_lines(text, choose, lambda line: choose.choice(what) + line)


def one_line(*what):
    def edit(text, choose):
        lines = text.split("\n")
        for _ in range(choose.randint(1, 3)):
            lines.insert(choose.randrange(len(lines) + 1), choose.choice(what))
        return "\n".join(lines)

    return edit


def cut_words(text, choose):
    return " ".join(text.split()[: choose.randint(1, 70)])


def cut_lines(text, choose):
    """Line ends where there were spaces."""
    share = choose.uniform(0.05, 0.6)
    return re.sub(" ", lambda _: "\n" if choose.random() < share else " ", text)


def glue(text, choose):
    """Longer words."""
    share = choose.uniform(0.3, 0.8)
    return re.sub(r"(?<=\w) (?=\w)", lambda _: "" if choose.random() < share else " ", text)


def shorten(text, choose):
    share = choose.uniform(0.4, 1.0)
    return re.sub(r"\w{3,}", lambda word: word[0][:2] if choose.random() < share else word[0], text)


def without_stop_words(text, choose):
    most = choose.randint(0, 2)
    allowed = choose.sample(["the", "be", "to", "of", "and", "that", "have", "with"], most)
    pattern = r"\b(the|be|to|of|and|that|have|with)\b"
    return re.sub(pattern, lambda word: word[0] if word[0] in allowed else "", text)


def without_ends(text, choose):
    share = choose.uniform(0.5, 1.0)
    return re.sub(r"[.!?\"']+(?=\n|$)", lambda end: "" if choose.random() < share else end[0], text)


def numbers(text, choose):
    return some_words(text, choose, lambda _: str(choose.randrange(10**5)), 0.05, 0.35)


def odd_space(text, choose):
    spaces = ["  ", "\t", "\u00a0", "\u3000", " \n ", "\r\n", "\u2028", "\x85", "\x1c", "\u200b"]
    share = choose.uniform(0.01, 0.1)
    return re.sub(r"[ \n]", lambda space: choose.choice(spaces) if choose.random() < share else space[0], text)


def long_text(text, choose):
    words = text.split() or ["a"]
    return " ".join(word[: choose.randint(1, 3)] for word in choose.choices(words, k=choose.randint(99_900, 101_500)))


def few_sentences(text, choose):
    return "\n".join(text.split("\n")[: choose.randint(1, 4)])[: choose.randint(20, 700)]


EDITS = {
    "untouched": lambda text, choose: text,
    "lines again": lambda text, choose: repeat_parts(text, choose, "\n"),
    "a few lines again": lambda text, choose: "\n".join([*text.split("\n"), *text.split("\n")[: choose.randint(1, 2)]]),
    "paragraphs": lambda text, choose: repeat_parts(text.replace("\n", "\n\n"), choose, "\n\n"),
    "long paragraph again": lambda text, choose: text + "\n\n" + max(text.split("\n"), key=len),
    "n-gram": repeat_ngram,
    "two n-grams": lambda text, choose: repeat_ngram(repeat_ngram(text, choose), choose),
    "hashes": sprinkle("#", " #", "##"),
    "ellipses": sprinkle("...", "…", " ...", "......"),
    "bullets": line_start("- ", "• ", " -", "\t•"),
    "mostly bullets": lambda text, choose: some_lines(text, choose, lambda line: "- " + line, 0.85, 0.99),
    "line ellipses": line_end("...", "…", " ...", "... "),
    "few words": cut_words,
    "glued": glue,
    "shortened": shorten,
    "numbers": numbers,
    "no stop words": without_stop_words,
    "no ends": without_ends,
    "short lines": cut_lines,
    "javascript": one_line("Please turn JavaScript on to see it.", "java[1]script is needed here.", "javascript"),
    "dummy text": one_line("Lorem ipsum dolor sit amet.", "and then lorem ipsum again, in LOREM IPSUM.", "lorem ipsum"),
    "curly": one_line("function f() { return 1; }", "a { b c", "just { two", "x }y"),
    "policy": one_line("This site uses cookies, see more.", "Read our Privacy Policy now.", "TERMS OF USE for all", "use coo\u212aies now"),
    "citations": sprinkle("[1]", "[23]", "[edit]", "[citation needed]", "[]", "[a]", "[x1]"),
    "long word": one_line("a b " + "x" * 1000, "a b " + "x" * 1001, "é" * 1001 + " b c.", "https://" + "a/" * 600 + " b c."),
    "few sentences": few_sentences,
    "odd space": odd_space,
    "stops": sprinkle(".", "!", "?", "。", ")", "\"", "'", "”", ":)"),
}
WHOLE = ["", " ", "\n", "\n\n \n", "\u3000", "a", "...", "#", "the be\n", "\x1c", "- \n-\n", "[1] [2] [3]", "{", "\ufeff", "\n\na\n\n"]


def documents(count, seed):
    choose = random.Random(seed)
    kinds = sources()
    texts = list(WHOLE)
    for _ in range(45):
        texts.append(long_text(choose.choice(kinds["books"]), choose))
    # Prose is what the thresholds were set for: most edits are of prose.
    weights = {"web": 6, "wiki": 6, "books": 8, "books by lines": 2, "html": 1, "python": 1, "rust": 1, "languages": 2, "chinese": 1}
    names = list(EDITS)
    while len(texts) < count:
        kind = choose.choices(list(weights), list(weights.values()))[0]
        text = choose.choice(kinds[kind])
        if choose.random() < 0.4:
            text = "\n".join(text.split("\n")[: choose.randint(3, 25)])
        text = EDITS[names[len(texts) % len(names)]](text[:8000], choose)
        if choose.random() < 0.15:
            text = EDITS[choose.choice(names)](text, choose)
        texts.append(text.encode("utf-8", "ignore").decode())
    return texts


def recipe(folder, rules):
    path = folder / "stages.toml"

    def value(v):
        inline = lambda table: "{ " + ", ".join(f"{k} = {value(v)}" for k, v in table.items()) + " }"
        return inline(v) if isinstance(v, dict) else json.dumps(v, ensure_ascii=False)

    path.write_text("\n".join("[[stage]]\n" + "".join(f"{k} = {value(v)}\n" for k, v in rule.items()) for rule in rules))
    return path


def written(folder, documents):
    """A file of documents: texts, or a text with its metadata."""
    path = folder / "documents.jsonl"
    pairs = ((document, {}) if isinstance(document, str) else document for document in documents)
    rows = ({"id": str(i), "text": text, "metadata": metadata} for i, (text, metadata) in enumerate(pairs))
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


def theirs(name, arguments):
    from datatrove.pipeline import filters, formatters

    return getattr(filters if hasattr(filters, name) else formatters, name)(**arguments)


def decision(rule, document):
    """datatrove's reason (empty if it keeps the text) and the text as it goes on."""
    from datatrove.data import Document

    text, metadata = (document, {}) if isinstance(document, str) else document
    if hasattr(rule, "format"):
        # Replacements begin anew with each document, so that what becomes of one does not depend on those before it.
        for part in vars(rule).values():
            if hasattr(part, "_replace_i"):
                part._replace_i = 0
        return "", rule.format(text)
    document = Document(text=text, id="", metadata=dict(metadata))
    kept = rule.filter(document)
    if kept is True:
        return "", document.text
    return kept[1], None


def parity(args):
    return compare(RULES, documents(args.documents, args.seed))


def compare(rules, documents):
    """Prints how decisions, reasons and texts differ, rule by rule; how many do."""
    peers = [theirs(*peer) for _, peer in rules]
    reasons = [collections.Counter() for _ in rules]
    different = [[] for _ in rules]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        command = [OURS, "decide", recipe(folder, [rule for rule, _ in rules]), written(folder, documents)]
        answers = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\n")
    for document, answer in zip(documents, answers):
        text = document if isinstance(document, str) else document[0]
        for i, (said, now) in enumerate(json.loads(answer)):
            want, edited = decision(peers[i], document)
            now = text if now is None else now
            reasons[i][want or ("kept" if edited == text else "edited")] += 1
            if said != want or (not want and now != edited):
                different[i].append((want or edited, said or now, document))
    bad = 0
    for (rule, _), counts, apart in zip(rules, reasons, different):
        name = rule.get("name", rule["rule"])
        dropped = sum(counts.values()) - counts["kept"] - counts["edited"]
        print(f"{name}: {len(documents)} decisions and reasons, {dropped} dropped, {len(apart)} differ")
        print("    " + ", ".join(f"{reason} {count}" for reason, count in counts.most_common()))
        for want, said, document in apart[:10]:
            print(f"    theirs {want[:200]!r}, ours {said[:200]!r}: {document[:300]!r}")
        bad += len(apart)
    return bad


def stratified(texts, limit):
    """As many whole texts as fit, evenly over the list."""
    total = sum(len(text.encode()) for text in texts)
    step = max(1, round(total / limit))
    return texts[::step]


def speed(args):
    from datatrove.data import Document
    from datatrove.utils import text as texts_of_theirs
    from datatrove.utils import word_tokenizers

    kinds = sources(4000)
    ours = [text for kind in ("web", "wiki", "books", "html", "python", "rust", "languages") for text in kinds[kind]]
    choose = random.Random(0)
    choose.shuffle(ours)
    size = sum(len(text.encode()) for text in ours)
    sample = stratified(ours, 2e6)
    sample_size = sum(len(text.encode()) for text in sample)
    print(f"ours on {size / 1e6:.1f} MB of {len(ours)} texts, datatrove on {sample_size / 1e6:.1f} MB of {len(sample)}")
    cases = {RULES[i][0]["rule"]: [i] for i in CHAIN} | {"the chain of four": CHAIN}

    def run(chain):
        """Seconds for datatrove's filters one after another, each text word-split as often as its cache of five says."""
        start = time.perf_counter()
        left = 0
        for text in sample:
            document = Document(text=text, id="")
            left += all(rule.filter(document) is True for rule in chain)
        return time.perf_counter() - start, left

    class Whitespace(word_tokenizers.WordTokenizer):
        def word_tokenize(self, text):
            return text.split()

        def sent_tokenize(self, text):
            return re.split(r"(?<=[.!?])\s+", text)

        def span_tokenize(self, text):
            ends = [match.end() for match in re.finditer(r"[.!?](?=\s)|$", text)]
            return [(0, end) for end in ends]

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        command = [OURS, "speed", recipe(folder, [rule for rule, _ in RULES]), written(folder, ours)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name, chain in cases.items():
            seconds = {"aquifer": [], "datatrove": [], "datatrove, white space": []}
            for _ in range(args.rounds):
                process.stdin.write(" ".join(map(str, chain)) + "\n")
                process.stdin.flush()
                seconds["aquifer"].append(float(process.stdout.readline().split()[0]) / size)
                for side, language in (("datatrove", "en"), ("datatrove, white space", Whitespace())):
                    peers = [theirs(RULES[i][1][0], RULES[i][1][1] | {"language": language}) for i in chain]
                    decision(peers[0], "Warm up.")
                    texts_of_theirs.split_into_parts.cache_clear()
                    seconds[side].append(run(peers)[0] / sample_size)
            report(name, seconds)
        process.stdin.close()
        process.wait()


def ratio(over, under):
    """The ratio of medians of as many rounds, with the 95 % interval of a bootstrap over rounds."""
    choose, draws = random.Random(0), []
    for _ in range(2000):
        rounds = choose.choices(range(len(over)), k=len(over))
        draws.append(statistics.median(over[i] for i in rounds) / statistics.median(under[i] for i in rounds))
    draws.sort()
    return statistics.median(over) / statistics.median(under), draws[50], draws[-51]


def report(name, seconds):
    """MB/s by medians, and how many times as fast as each peer."""
    rates = ", ".join(f"{side} {1e-6 / statistics.median(times):.3g} MB/s" for side, times in seconds.items())
    print(f"{name}: {rates}")
    for side, times in list(seconds.items())[1:]:
        times_as_fast, low, high = ratio(times, seconds["aquifer"])
        print(f"    {times_as_fast:.0f} times {side} [{low:.0f}, {high:.0f}]")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["parity", "speed"])
    parser.add_argument("--documents", type=int, default=8500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    sys.exit(bool({"parity": parity, "speed": speed}[args.what](args)))


if __name__ == "__main__":
    main()
