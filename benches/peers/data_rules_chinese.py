"""Rules for Chinese text beside datatrove 0.10.1 with jieba 0.42.1: the same words, the same decisions for the same reasons.

    python data_rules_chinese.py words   [--documents 6000] [--seed 0]
    python data_rules_chinese.py parity  [--documents 6000] [--seed 0]

The bounds are FineWeb-2's (`configs/cmn_Hani.yml`), as in the preset `fineweb-zh`. Written for Python 3.11, datatrove 0.10.1,
spaCy 3.8.18 and jieba 0.42.1 (from PyPI). Needs what `data_rules.py` needs.
"""

import argparse
import json
import random
import re
import subprocess
import sys
import tomllib

from data_rules import DATA, OURS, ROOT, WHOLE
from data_rules import compare, line_end, line_start, one_line, opened, pieces, repeat_parts, rows, some_lines

PRESET = ROOT / "crates/aquifer-data/src/pipeline/presets/fineweb-zh.toml"
NAMES = ("gopher_repetition", "fineweb_quality", "gopher_quality")


def rules():
    """The preset's three rules, and datatrove's filters with the same bounds."""
    stages = {stage["rule"]: stage for stage in tomllib.loads(PRESET.read_text())["stage"] if stage.get("rule") in NAMES}
    repetition, fineweb, quality = (stages[name] for name in NAMES)
    most = lambda stage, column: stage[column]["at_most"]
    language = {"language": "cmn_Hani"}
    peers = [
        (
            "GopherRepetitionFilter",
            {
                "dup_para_frac": 0,
                "dup_line_char_frac": 0,
                "dup_para_char_frac": 0,
                "dup_line_frac": most(repetition, "lines"),
                "top_n_grams": [(n, most(repetition, f"top_{n}_gram")) for n in (2, 3, 4)],
                "dup_n_grams": [(n, most(repetition, f"repeated_{n}_grams")) for n in range(5, 11)],
            },
        ),
        (
            "FineWebQualityFilter",
            {
                "short_line_thr": 999,
                "char_duplicates_ratio": most(fineweb, "repeated_characters"),
                "line_punct_thr": fineweb["lines_that_end"]["at_least"],
                "new_line_ratio": most(fineweb, "line_ends_per_word"),
            },
        ),
        (
            "GopherQualityFilter",
            {
                "max_avg_word_length": most(quality, "word_length"),
                "min_avg_word_length": quality["word_length"]["at_least"],
                "stop_words": quality["stop_words"],
                "max_non_alpha_words_ratio": quality["words_with_letters"]["at_least"],
                "min_stop_words": 2,
            },
        ),
    ]
    ours = [({"name": f"{name} for Chinese"} | stages[name]) for name in NAMES]
    return [(mine, (name, arguments | language)) for mine, (name, arguments) in zip(ours, peers)]


def sources():
    """Lists of real texts, by kind: novels, classics and their modern versions, poems, web pages, questions, dialogues."""
    novels = [opened(DATA / f"lm_text/zh_novel_{name}.txt.gz") for name in ("sanguo", "shuihu", "xiyouji")]
    return {
        "novels": [p for text in novels for p in pieces(text, 700)],
        "modern": [p for text in rows("lm_text/zh_classical_modern.jsonl.zst", "modern") for p in pieces(text, 500)],
        "classical": list(rows("lm_text/zh_classical_modern.jsonl.zst", "classical"))[::5],
        "poems": list(rows("lm_text/zh_poems.jsonl.zst"))[::30],
        "questions": [f"{row['question']}\n{row['analysis']}" for row in exam()],
        "dialogues": [str(row) for row in talks()],
        "web": list(rows("web_raw/flagdata_text_demo_input.jsonl")),
    }


def exam():
    return (json.loads(line) for line in opened(DATA / "eval/gaokao_objective.jsonl.gz").split("\n") if line.strip())


def talks():
    for row in json.loads(opened(DATA / "instruct/dpo_zh_demo.json.gz")):
        yield "\n".join([turn["value"] for turn in row["conversations"]] + [row["chosen"]["value"]])


def some_characters(text, choose, edit, least=0.01, most=0.3):
    share = choose.uniform(least, most)
    return "".join(edit(c) if choose.random() < share else c for c in text)


def sprinkle(*what, least=0.01, most=0.3):
    return lambda text, choose: some_characters(text, choose, lambda c: c + choose.choice(what), least, most)


def repeat_run(text, choose):
    n = choose.randint(2, 25)
    start = choose.randrange(max(1, len(text) - n))
    run = text[start : start + n]
    for _ in range(choose.randint(1, max(2, len(text) // (n * 3)))):
        at = choose.randrange(len(text) + 1)
        text = text[:at] + run + text[at:]
    return text


def cut_lines(text, choose):
    share = choose.uniform(0.02, 0.3)
    return some_characters(text, choose, lambda c: c + "\n", share, share)


def without_ends(text, choose):
    share = choose.uniform(0.5, 1.0)
    return re.sub(r"[。！？!?.]+(?=[”』」]?(\n|$))", lambda end: "" if choose.random() < share else end[0], text)


def without_stop_words(text, choose):
    words = "的年在月是和日了於·為有被人中为他與後也而由"
    allowed = choose.sample(words, choose.randint(0, 2))
    return "".join(c for c in text if c not in words or c in allowed)


def foreign(text, choose):
    """Longer words: runs of letters between the characters."""
    words = ["internationalization", "www.example.com", "iPhone-12", "a_b", "C++", "3.5%", "AT&T", "x-1.5a%", "HelloWorld2020"]
    return some_characters(text, choose, lambda c: c + choose.choice(words), 0.05, 0.5)


def numbers(text, choose):
    return some_characters(text, choose, lambda _: str(choose.randrange(10**4)) + choose.choice("，、 。-"), 0.05, 0.5)


EDITS = {
    "untouched": lambda text, choose: text,
    "lines again": lambda text, choose: repeat_parts(text, choose, "\n"),
    "sentences as lines": lambda text, choose: repeat_parts(text.replace("。", "。\n"), choose, "\n"),
    "a few lines again": lambda text, choose: "\n".join([*text.split("\n"), *text.split("\n")[: choose.randint(1, 2)]]),
    "run": repeat_run,
    "two runs": lambda text, choose: repeat_run(repeat_run(text, choose), choose),
    "hashes": sprinkle("#", " #", "##"),
    "ellipses": sprinkle("...", "…", "……", "......"),
    "bullets": line_start("- ", "• ", " -", "\t•"),
    "mostly bullets": lambda text, choose: some_lines(text, choose, lambda line: "- " + line, 0.85, 0.99),
    "line ellipses": line_end("...", "…", "……", "... "),
    "few words": lambda text, choose: text[: choose.randint(1, 110)],
    "foreign": foreign,
    "long words": sprinkle(" internationalization ", " Donaudampfschifffahrt ", least=0.3, most=0.9),
    "numbers": numbers,
    "no stop words": without_stop_words,
    "no ends": without_ends,
    "short lines": cut_lines,
    "punctuation": sprinkle("，", "。", "！", "、", "·", "(", "％", most=0.6),
    "odd space": sprinkle("  ", "\t", "\u00a0", "\u3000", " \n ", "\r\n", "\u2028", "\x85", "\x1c", "\u200b", most=0.1),
    "rare": sprinkle("𠀀", "鿕", "鿖", "㐀", "龦", "〇", "々", "ー", "é", "Ⅷ", "½", "B超", "T恤", "卡拉OK", most=0.15),
    "policy": one_line("本网站使用cookies。", "版权所有©2019-2024，www.example.com.cn/a_b-c.html?x=1%20", "1.5.7-2_3%"),
}


def documents(count, seed):
    choose = random.Random(seed)
    kinds = sources()
    weights = {"novels": 6, "modern": 6, "classical": 2, "poems": 1, "questions": 3, "dialogues": 3, "web": 1}
    texts, names = list(WHOLE), list(EDITS)
    while len(texts) < count:
        kind = choose.choices(list(weights), list(weights.values()))[0]
        text = choose.choice(kinds[kind])[:2500]
        if choose.random() < 0.5:
            text = "\n".join(text.split("\n")[: choose.randint(1, 12)])
        if choose.random() < 0.3:
            text = text.replace("\n", "")
        text = EDITS[names[len(texts) % len(names)]](text, choose)
        if choose.random() < 0.2:
            text = EDITS[choose.choice(names)](text, choose)
        texts.append(text.encode("utf-8", "ignore").decode())
    return texts


def words(texts):
    """How words differ, text by text; in how many texts they do."""
    from datatrove.utils.text import split_into_words

    asked = "".join(json.dumps(text) + "\n" for text in texts)
    answers = subprocess.run([OURS, "words", "chinese"], input=asked, check=True, capture_output=True, text=True).stdout
    apart = total = 0
    for text, answer in zip(texts, answers.split("\n")):
        want, got = split_into_words(text, "cmn_Hani"), json.loads(answer)
        total += len(want)
        if got != want:
            apart += 1
            first = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), 0)
            if apart <= 10:
                print(f"    theirs {want[max(0, first - 2) : first + 4]}, ours {got[max(0, first - 2) : first + 4]}")
    print(f"words: {len(texts)} texts, {total} words, {apart} texts differ")
    return apart


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["words", "parity"])
    parser.add_argument("--documents", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    texts = documents(args.documents, args.seed)
    sys.exit(bool(words(texts) if args.what == "words" else compare(rules(), texts)))


if __name__ == "__main__":
    main()
