"""Rules that go by lists, and those that edit, beside datatrove 0.10.1: addresses, bad words, private data, lines of symbols.

    python data_lists.py [--documents 6000] [--seed 0]

The lists are made up here, in the layouts of UT1 and LDNOOBW; documents are real texts (`data_rules.py`) with addresses, words, mail
and IP addresses and lines of symbols put in. Written for Python 3.11, datatrove 0.10.1, tldextract 5.4.0 with the list it carries,
pyahocorasick 2.3. Needs what `data_rules.py` needs.
"""

import argparse
import functools
import random
import sys
import tempfile
from pathlib import Path

import data_rules

DOMAINS = ["bet.com", "shop.host.co.uk", "casino.example.org", "x.com.cn", "kobe.jp", "city.kobe.jp", "blogspot.com", "evil.blogspot.com", "a.b.ck"]
HOSTS = [*DOMAINS, "www.bet.com", "host.co.uk", "www.example.org", "news.org", "city.kobe.jp", "www.kobe.jp", "good.blogspot.com", "localhost", "10.0.0.1", "BET.com", "例子.中国"]
URLS = ["http://news.org/games/poker", "https://www.example.org/a?b=c"]
WORDS = ["casino", "xxx", "porn-hub"]
SOFT = ["poker", "girls", "free", "cam"]
SUBWORDS = ["sexcam", "livesex"]
PATHS = ["", "/", "/games/poker", "/a?b=c", "/CASINO", "/free-girls", "/free/cam/poker", "/my_sexcams", "/se-xc-am", "/xxx.html", "/pornhub", "/porn-hub", "/life/sex", "/Free?cam", "/news/2019"]
BAD = {
    "en": ["bad", "very bad", "son of a", "b.d", "sm", "naïve", "rock & roll", "$hit"],
    "zh": ["坏", "很坏", "性", "bad"],
}
SYMBOLS = ["|", "||||", "| | |", "---", "***", "- - -", "。。。", "=====", "| a |", " ", "\t|", "!?!?", "～～～", "|\u3000|", "…"]
NAMES = ["ann", "a.b", "x+y", "小明", "o'neil", "{x}", "a²", "-a", "1"]
MAIL_HOSTS = ["b.cn", "mail.example.com", "b", "b-.c", "b..c", "[1.2.3.4]", "b_c.d", "B.C1.d2e"]
NUMBERS = ["1.2.3.4", "8.8.8.8", "256.1.1.1", "01.2.3.4", "10.1.2.3", "192.168.0.1", "198.18.0.1", "223.1.1.1", "240.0.0.1", "1.2.3.4.5", "1111.2.3.4"]


def documents(count, seed):
    choose = random.Random(seed)
    kinds = data_rules.sources()
    names = ["web", "wiki", "books", "languages", "chinese"]
    found = []
    for _ in range(count):
        text = choose.choice(kinds[choose.choice(names)])[:3000]
        lines, words = text.split("\n"), choose.randint(0, 6)
        for _ in range(words):
            line = choose.randrange(len(lines))
            at = choose.randint(0, len(lines[line]))
            mail = f"{choose.choice(NAMES)}@{choose.choice(MAIL_HOSTS)}"
            piece = choose.choice([mail, mail, choose.choice(NUMBERS), choose.choice(BAD["en"]), choose.choice(BAD["zh"])])
            around = choose.choice(["%s", " %s ", "(%s)", "，%s。", " %s, "])
            lines[line] = lines[line][:at] + around.replace("%s", piece) + lines[line][at:]
        for _ in range(choose.randint(0, 3)):
            lines.insert(choose.randrange(len(lines) + 1), choose.choice(SYMBOLS))
        url = choose.choice(URLS) if choose.random() < 0.05 else f"{choose.choice(['http://', 'https://', '//', ''])}{choose.choice(HOSTS)}{choose.choice(PATHS)}"
        found.append(("\n".join(lines).encode("utf-8", "ignore").decode(), {"url": url}))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(bool(data_rules.compare(rules(Path(folder)), documents(args.documents, args.seed))))


def rules(folder):
    import tldextract
    from datatrove.pipeline.filters import c4_filters

    # The list of public suffixes that the package carries, not the newest one.
    tldextract.TLDExtract = functools.partial(tldextract.TLDExtract, suffix_list_urls=())

    def written(name, entries):
        path = folder / name
        path.write_text("".join(entry + "\n" for entry in entries), encoding="utf-8")
        return str(path)

    # Their lists would be fetched from GitHub; the end of the address names the language.
    bad = {language: written(f"bad-{language}", words) for language, words in BAD.items()}
    c4_filters.cached_asset_path_or_download = lambda address, **_: bad["zh" if address.endswith("zh") else "en"]
    address = {
        "domains": [written("domains", DOMAINS)],
        "urls": [written("urls", URLS)],
        "banned_words": [written("words", WORDS)],
        "soft_banned_words": [written("soft", SOFT)],
        "banned_subwords": [written("subwords", SUBWORDS)],
    }
    lists = {"extra_domains": DOMAINS, "extra_urls": URLS, "banned_words": WORDS, "soft_banned_words": SOFT, "banned_subwords": SUBWORDS}
    private = {"rule": "privacy", "kinds": ["email", "ip"]}
    return [
        ({"rule": "url", **address}, ("URLFilter", {"use_integrated_lists": False, **lists})),
        ({"rule": "c4_badwords", "words": [bad["en"]]}, ("C4BadWordsFilter", {"default_language": "en"})),
        (
            {"rule": "c4_badwords", "name": "c4_badwords in Chinese", "words": [bad["zh"]], "whole_words": False},
            ("C4BadWordsFilter", {"default_language": "zh"}),
        ),
        (private, ("PIIFormatter", {})),
        (private | {"name": "privacy with private networks", "public_ips_only": False}, ("PIIFormatter", {"only_remove_public_ips": False})),
        ({"rule": "symbol_lines"}, ("SymbolLinesFormatter", {})),
        (
            {"rule": "symbol_lines", "name": "symbol_lines of tables", "symbols": "|", "replacement": "\n"},
            ("SymbolLinesFormatter", {"symbols_to_remove": ["|"], "replace_char": "\n"}),
        ),
    ]


if __name__ == "__main__":
    main()
