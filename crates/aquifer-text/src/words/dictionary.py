"""jieba's dictionary (0.42.1, MIT, <https://github.com/fxsjy/jieba>) as the program carries it: words and their counts, compressed.

    python dictionary.py      # writes dictionary.zst; needs the program `zstd`
"""

import subprocess
from pathlib import Path

import jieba

lines = (Path(jieba.__file__).parent / "dict.txt").read_text(encoding="utf-8").splitlines()
# Words in order, so that neighbours are alike.
words = sorted(line.split(" ")[:2] for line in lines)
text = "".join(f"{word} {count}\n" for word, count in words)
out = Path(__file__).with_name("dictionary.zst")
subprocess.run(["zstd", "--ultra", "-22", "-qf", "-o", out], input=text.encode(), check=True)
