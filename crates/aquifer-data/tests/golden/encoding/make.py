"""Planted misreadings that ftfy 6.3.1 puts right.

    python make.py > cases.json       # rows of a broken text and the whole one

Sentences of ours in many languages are written as UTF-8 and read as something else, once or twice; a case stays where ftfy's
`fix_encoding` gives the sentence back. How many it does is printed to stderr.
"""

import json
import sys

import ftfy

SENTENCES = ["naïve café, déjà vu", "“Sit down,” she said — it’s 50 €", "El niño comió piña", "Größe und Übung, schön!", "À la carte: crème brûlée"]
SENTENCES += ["Zażółć gęślą jaźń, proszę", "Příliš žluťoučký kůň pěl ďábelské ódy", "Árvíztűrő tükörfúrógép", "мир и война, сегодня", "Ελληνικά γράμματα", "שלום עולם"]
SENTENCES += ["小世界，你好。", "我们今天去海边，天气很好！", "日本語のテキストです。", "한국어 문장입니다.", "ภาษาไทย", "हिन्दी पाठ", "İstanbul’da çok güzel bir gün", "Đây là tiếng Việt"]
SENTENCES += ["© 2019 Example®, 5 µm ± 1 °C", "👩‍🚀 ok 😀", "plain text with one é in it", "l’été où l’on va", "£5 – £10", "½ cup of jalapeño"]
READINGS = ["latin-1", "sloppy-windows-1252", "sloppy-windows-1250", "sloppy-windows-1251", "macroman", "cp437"]


def misread(text, encoding):
    return text.encode("utf-8").decode(encoding)


def main():
    import ftfy.bad_codecs  # noqa: F401  (makes the sloppy encodings known)

    ways = [(one,) for one in READINGS] + [("latin-1", "latin-1"), ("sloppy-windows-1252", "sloppy-windows-1252")]
    cases, tried = [], {way: [0, 0] for way in ways}
    for way in ways:
        for sentence in SENTENCES:
            broken = sentence
            for encoding in way:
                broken = misread(broken, encoding)
            whole = ftfy.fix_encoding(broken) == sentence
            tried[way][0] += 1
            tried[way][1] += whole
            if whole:
                cases.append([broken, sentence])
    print("[\n" + ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases) + "\n]")
    for way, (all_of_them, right) in tried.items():
        print(f"{' then '.join(way)}: ftfy gives back {right} of {all_of_them}", file=sys.stderr)


main()
