"""The tables of traditional and simplified characters, from OpenCC's dictionaries (Apache-2.0), and goldens made with OpenCC.

    python make.py tables > tables.txt
    python make.py goldens > ../../tests/golden/simplified/goldens.json

OpenCC 1.4.2 from PyPI. A line of the tables is what is found and what takes its place; empty lines stand between the three:
compatibility ideographs, phrases, characters. Where OpenCC names several, the first is what it takes.
"""

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import opencc

CLIB = Path(opencc.__file__).parent / "clib"


def dictionary(name):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.txt"
        command = [CLIB / "bin" / "opencc_dict", "-i", CLIB / "share" / "opencc" / f"{name}.ocd2", "-o", out, "-f", "ocd2", "-t", "text"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        rows = (line.split("\t") for line in out.read_text(encoding="utf-8").splitlines())
        return {key: values.split(" ")[0] for key, values in rows}


def tables():
    characters = dictionary("TSCharacters") | dictionary("TSCharactersExt")
    characters = {key: value for key, value in characters.items() if key != value}
    parts = [dictionary("CJK_Compatibility_Ideographs"), dictionary("TSPhrases"), characters]
    assert all(len(key) == len(value) == 1 for part in (parts[0], parts[2]) for key, value in part.items())
    print("\n\n".join("\n".join(f"{key}\t{value}" for key, value in sorted(part.items())) for part in parts))


def goldens():
    choose = random.Random(7)
    keys = [key for name in ("CJK_Compatibility_Ideographs", "TSPhrases", "TSCharacters", "TSCharactersExt") for key in dictionary(name)]
    choose.shuffle(keys)
    between = ["", "", "，", " a ", "的", "𠀀", "\n", "😀"]
    texts = ["", "plain ASCII", "已经是简体中文。", "臺灣的夏天很熱，於是大家都去海邊游泳。", "乾坤、乾燥、乾隆；後來皇后；憑藉與慰藉；一隻船隻有一隻貓。"]
    texts += ["頭髮發現，鬱鬱蔥蔥，著名的著作看著；裏面、里程、鄰里；麵條與面子；鐘錶鍾情。", "日本語の漢字：図書館、広場、黒。"]
    texts += ["".join(key + choose.choice(between) for key in keys[at : at + 60]) for at in range(0, len(keys), 60)]
    texts += ["".join(choose.choices(keys, k=12)) for _ in range(60)]
    convert = opencc.OpenCC("t2s").convert
    print("[\n" + ",\n".join(json.dumps([text, convert(text)], ensure_ascii=False) for text in texts) + "\n]")


{"tables": tables, "goldens": goldens}[sys.argv[1]]()
