"""Character classes and golden cuts of spaCy's blank pipelines, for `aquifer_text::words`.

    python words.py classes > ../../src/words/classes.rs     # then `cargo fmt`
    python words.py > words.jsonl                            # golden cuts of the sentences below and of every exception

spaCy 3.8.18, jieba 0.42.1, Python 3.11 (Unicode 14).
"""

import json
import re
import sys

import spacy
from spacy.lang import char_classes

SENTENCES = {
    "en": [
        "",
        " ",
        "  two  spaces, a\ttab\nand a line \n with spaces.  ",
        "Don't, can't, won't've and I'll've: she's gone; it’s y'all’s. Let's go, gonna, cannot, ma'am, o'clock!",
        "Mr. Smith (of the U.S.) met Dr. No at 5p.m., 10am or 11 a.m. in St. Paul, Minn., e.g. on Jan. 3rd.",
        "Is it 'quoted', \"doubly\", “curly”, ‘single’ or «French»? Yes... no... maybe…… well…",
        "A co-op of twenty-one, 2019-20, 3-4, 5x5, a/b, and/or, w/o, x=y, 1+1=2, 2*3^4, +5, -6, a--b, c—d, e–f ~ g~h.",
        "It costs $5, US$7, 8$, 9€, C$10, 5US$ or 12%; runs 5km, 7km/h, 3mm², 10MB, 40°C. and 70°F, or 3cm.",
        "See http://example.com/a?b=c#d, www.example.co.uk, me@example.org, ftp://user:pw@host.net:8080/x and 8.8.8.8:53.",
        "Not hosts: 10.0.0.1 192.168.1.1 172.16.0.1 172.32.0.1 169.254.1.1 127.0.0.1 256.1.1.1 a.b lower.Upper file.txt x..y",
        "Smile :) :-) :( ;-) :D xD <3 </3 ^_^ (^_^) ಠ_ಠ ¯\\(ツ)/¯ (╯°□°）╯︵┻━┻ ><(((*> :'( 8) :: :)) :)))) (: :P:",
        "((nested [brackets {here}])) ***bold*** _under_ __two__ #tag ##h @me &amp; a&b <b>html</b> x<y>z a<b",
        "i.e. this.That one.two 3.4 v1.2.3 J.R.R. Tolkien Ph.D. D.C. a.m. Inc.'s U.S.A.'s end.''Start '' ''' ' s 'S “'s” Mr . x'em",
        "naïve café façade Ünïcode ﬁne ① ② ™ ® © → ☃ 😀😀 👍🏽 🇩🇪 a😀b 5° x²y 10²",
        "日本語のテキスト。中文，混合text！한국어 문장입니다. עברית العربية؟ हिन्दी। ไทย ελληνικά, русский-язык, 5км/ч",
        "if (x == 1) { y = a[0]; z->w(); } // comment: foo.bar(baz)::qux<T>& 0x1F 1e-5 $HOME `code` snake_case camelCase",
        "ALL CAPS. A.B.C. x.Y a.'b 1.'2 (a).B A.b A.B .5 5. 5.. 5... ... .... . .. -.- -- --- — –– ――",
        "ill Ill Its its hell we're were where're that'd thats whos who'dve Im im id Id. em 'em nuff ll",
        "LOWER ORTH IS_ALPHA NOUN nsubj PERSON SPACY ent_type",
        "Ends!? Really?! No!! \"Quoted.\" Then (so.) next.Then? 'Tis.' — Dash. ¿Qué? ¡Sí! One.  Two.\nThree.\n\nFour. 5. 6",
        "don`t don´t rock'n'roll 'n' o'er ne'er 'twas '90s 1990's 90s' the boys' toys, James's",
        "\u00a0nbsp\u00a0 \u2003em\u3000ideographic\u2028line\u2029par\x1cfs\x85nel\u200bzwsp\ufeffbom\u00adshy",
        "x@y @z a@b.c u:p@h.io://x mailto:a@b.com http:// https://a http://a.b http://a.bc://d.ef 1.2.3.4.com ä.öü a_b.com -a.com",
        "३.४५.६.७ १० 5३km ५km ¼ 5½ Ⅷ. Ⅷ.B ǅ. ªº. ß.A ſ.A",
        "тб 5тб 5тбكم 10كم 7م² 3м/с 2мбар 1К 4K 4k 4kb 4Kb 4h 4ha 4T 4t. 4t, 6M+ 7+ 8+9 +10+",
        "……… a……… ..a a..b a...B a….b !!! ??? ,,, ;;; ))) ((( ''' \"\"\" ``` ___ *** ### &&& <<< >>>",
    ],
    "zh": [
        "小世界里的人都住在河边的镇上，他们每天一起吃饭、唱歌、讲故事。船长说：“明天会下雨！”谁知道呢？",
        "我们在2019年3月买了iPhone-12和C++的书，花了3.5元（约50%）；网址是www.example.com/a_b。OK?",
        "繁體中文：臺灣的夏天很熱，於是大家都去海邊。𠀀𠀁 龦 㐀 鿕鿖 ½ é. 日本語のかな 한국어",
        "  两个 空格\n\n换行\t制表\u3000全角  空格。 \r\n好 ! 吗 ? ...……——《书名》【注】",
        "iPhone-12、www.example.com、a_b、1.5a%、x-1.5%y、C++、c#、AT&T、B超、T恤、卡拉OK、3.14.15、a..b、a.-b、-1、100%、v2.0-rc1_x86.64%%",
        "李小福是创新办主任也是云计算方面的专家；什么是八一双鹿，长春市长春药店，乒乓球拍卖完了。",
    ],
    "xx": [
        "Don't go to the U.S. in 2019-20, a co-op; l'eau d'été, 5km/h :) and/or Mr. x. y.",
        "Das ist z.B. ein Straßenname, d.h. 3-4 Wörter-Ketten. Größe: 5cm! «¿Qué?» a_b",
    ],
}


def classes():
    sets = [char_classes.ALPHA, char_classes.ALPHA_LOWER, char_classes.ALPHA_UPPER, char_classes.ICONS]
    patterns = [re.compile(f"[{s}]") for s in sets]
    runs, last = [], None
    for point in range(0x110000):
        surrogate = 0xD800 <= point < 0xE000
        bits = sum((bool(p.match(chr(point))) and not surrogate) << i for i, p in enumerate(patterns))
        if bits != last:
            runs.append(point << 4 | bits)
            last = bits
    print("//! spaCy's character classes, by runs of code points. Written by `tests/golden/words.py`.\n")
    names = ["ALPHA", "LOWER", "UPPER", "ICON"]
    for i, name in enumerate(names):
        print(f"pub(super) const {name}: u32 = {1 << i};")
    print(f"\n/// Each run's first code point, four bits up, and its classes below.\npub(super) static RUNS: [u32; {len(runs)}] = [")
    print(", ".join(f"0x{run:06x}" for run in runs))
    print("];")


def tokenizer(language):
    config = {"nlp": {"tokenizer": {"segmenter": "jieba"}}} if language == "zh" else {}
    pipeline = spacy.blank(language, config=config)
    pipeline.add_pipe("sentencizer")
    return pipeline


def main():
    for language, sentences in SENTENCES.items():
        pipeline = tokenizer(language)
        texts = list(sentences)
        exceptions = sorted(e for e in getattr(pipeline.tokenizer, "rules", ()) if e.strip())
        for form in ("%s", "(%s,", "x'%s's") if exceptions else ():
            texts.append(" ".join(form % e for e in exceptions))
        for text in texts:
            doc = pipeline(text)
            # Lengths of the tokens; two tokens have one space between them or nothing, which the text tells.
            lengths = " ".join(str(len(token.text)) for token in doc)
            ends = " ".join(str(sentence.end) for sentence in doc.sents)
            row = {"language": language, "text": text, "lengths": lengths, "sentences": ends}
            print(json.dumps(row, ensure_ascii=False))


classes() if sys.argv[1:] == ["classes"] else main()
