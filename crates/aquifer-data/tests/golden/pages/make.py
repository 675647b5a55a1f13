"""Writes sixty pages and what each says in Markdown: `python make.py` (Python 3.11, standard library).

Both were written by hand, for these pages: the Markdown is what a careful reader would copy out of the page, not what any
program made of it. Pages differ in their surroundings (blog, news, bare, table layout), in their markup and in how their
characters are encoded and declared; those whose server says something stand in a web archive, the others in files.
"""

from pathlib import Path

HERE = Path(__file__).resolve().parent

MENU = '<ul><li><a href="/">Home</a></li><li><a href="/all">All posts</a></li><li><a href="/me">About</a></li></ul>'


def blog(title, body, head=""):
    return f"""<!DOCTYPE html>
<html><head>{head}<title>{title}</title><style>body {{ margin: 0 }}</style></head>
<body><header><nav>{MENU}</nav></header>
<main><article class="post"><div class="entry-content">
{body}
</div></article></main>
<aside class="sidebar"><h3>Recent</h3><ul><li><a href="/1">One thing</a></li><li><a href="/2">Another thing</a></li></ul></aside>
<footer><p>Copyright 2031. <a href="/privacy">Privacy</a></p></footer>
<script>var counter = "<p>not a text</p>";</script>
</body></html>
"""


def news(title, body, head=""):
    return f"""<html><head>{head}<title>{title}</title></head><body>
<div id="cookie-banner"><p>We use cookies to make this site better. <a href="/c">Settings</a></p></div>
<div id="navigation">{MENU}</div>
<div id="content"><div itemprop="articleBody">
{body}
</div>
<div class="share-buttons"><a href="#">Share</a> <a href="#">Print</a></div>
<div class="related"><h4>More stories</h4><ul><li><a href="/a">Stones</a></li><li><a href="/b">Rivers</a></li></ul></div></div>
<div id="comments"><p>anonymous: I was there, too, and saw it all with my own eyes.</p></div>
</body></html>
"""


def bare(title, body, head=""):
    return f"<html><head>{head}<title>{title}</title></head><body>\n{body}\n</body></html>\n"


def boxes(title, body, head=""):
    links = " ".join(f'<a href="/{i}">Section {i}</a>' for i in range(12))
    return f"""<html><head>{head}<title>{title}</title></head><body>
<table width="100%"><tr><td colspan="2">{links}</td></tr>
<tr><td width="150">{links}</td><td>
{body}
</td></tr></table></body></html>
"""


LEAD = "<p>The mill on the upper river was measured every spring, and what follows is what the keepers wrote down.</p>"
LEAD_MD = "The mill on the upper river was measured every spring, and what follows is what the keepers wrote down."
TAIL = "<p>Nobody has checked these figures since, although the wheel still turns on windless days.</p>"
TAIL_MD = "Nobody has checked these figures since, although the wheel still turns on windless days."


def around(html, markdown):
    """A piece between two paragraphs."""
    return f"{LEAD}\n{html}\n{TAIL}", f"{LEAD_MD}\n\n{markdown}\n\n{TAIL_MD}"


# Name, surroundings, body and Markdown of the pages about markup; all are UTF-8 and say so.
MARKUP = [
    # Tables.
    ("table-plain", blog, *around(
        "<table><tr><th>Year</th><th>Height</th></tr><tr><td>2019</td><td>3.4 m</td></tr><tr><td>2020</td><td>3.1 m</td></tr></table>",
        "| Year | Height |\n| --- | --- |\n| 2019 | 3.4 m |\n| 2020 | 3.1 m |")),
    ("table-sections", news, *around(
        "<table><thead><tr><th>Part</th><th>Weight</th></tr></thead><tbody><tr><td>Wheel</td><td>400</td></tr>"
        "<tr><td>Axle</td><td>120</td></tr></tbody><tfoot><tr><td>Sum</td><td>520</td></tr></tfoot></table>",
        "| Part | Weight |\n| --- | --- |\n| Wheel | 400 |\n| Axle | 120 |\n| Sum | 520 |")),
    ("table-marks", blog, *around(
        "<table><tr><th>Sign</th><th>Meaning</th></tr><tr><td><b>a</b></td><td>either <i>this</i> or that</td></tr>"
        "<tr><td>x|y</td><td>a bar</td></tr></table>",
        "| Sign | Meaning |\n| --- | --- |\n| **a** | either *this* or that |\n| x\\|y | a bar |")),
    ("table-gaps", blog, *around(
        "<table><tr><th>Day</th><th>Dawn</th><th>Dusk</th></tr><tr><td>Monday</td><td></td><td>20:10</td></tr>"
        "<tr><td>Tuesday</td><td>05:52</td></tr></table>",
        "| Day | Dawn | Dusk |\n| --- | --- | --- |\n| Monday |  | 20:10 |\n| Tuesday | 05:52 |  |")),
    ("table-code", blog, *around(
        "<table><tr><th>Call</th><th>Result</th></tr><tr><td><code>len(a)</code></td><td>3</td></tr>"
        "<tr><td><code>a[0]</code></td><td>first</td></tr></table>",
        "| Call | Result |\n| --- | --- |\n| `len(a)` | 3 |\n| `a[0]` | first |")),
    ("table-links", news, *around(
        '<table><tr><th>Town</th><th>River</th></tr><tr><td><a href="/s">Selm</a></td><td>Orr</td></tr>'
        '<tr><td><a href="/t">Tarn</a></td><td>Lind</td></tr></table>',
        "| Town | River |\n| --- | --- |\n| Selm | Orr |\n| Tarn | Lind |")),
    ("table-breaks", blog, *around(
        "<table><tr><th>Keeper</th><th>Years</th></tr><tr><td>Anna<br>Holm</td><td>1901<br>to 1907</td></tr></table>",
        "| Keeper | Years |\n| --- | --- |\n| Anna Holm | 1901 to 1907 |")),
    ("table-layout", boxes, f"<h1>A mill by the river</h1>\n{LEAD}\n<p>It has a roof, as a mill should, and a door on the side of the weir.</p>\n{TAIL}",
        f"# A mill by the river\n\n{LEAD_MD}\n\nIt has a roof, as a mill should, and a door on the side of the weir.\n\n{TAIL_MD}"),
    ("table-one-column", blog, *around(
        "<table><tr><td><p>A table of one column is a box, and its text stands like any other.</p></td></tr></table>",
        "A table of one column is a box, and its text stands like any other.")),
    ("table-two", blog, *around(
        "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table><p>And the second:</p>"
        "<table><tr><th>c</th><th>d</th></tr><tr><td>3</td><td>4</td></tr></table>",
        "| a | b |\n| --- | --- |\n| 1 | 2 |\n\nAnd the second:\n\n| c | d |\n| --- | --- |\n| 3 | 4 |")),
    # Code.
    ("code-block", blog, *around(
        "<pre><code>fn main() {\n    println!(\"{}\", 1 &lt; 2);\n}\n</code></pre>",
        "```\nfn main() {\n    println!(\"{}\", 1 < 2);\n}\n```")),
    ("code-language", blog, *around(
        '<pre><code class="language-python">def area(r):\n    return 3 * r ** 2\n</code></pre>',
        "```python\ndef area(r):\n    return 3 * r ** 2\n```")),
    ("code-coloured", blog, *around(
        '<div class="highlight"><pre><span class="k">let</span> <span class="n">x</span> <span class="o">=</span> '
        '<span class="mi">1</span>;\n<span class="k">if</span> x &gt; 0 { y(); }</pre></div>',
        "```\nlet x = 1;\nif x > 0 { y(); }\n```")),
    ("code-inline", news,
        "<p>Call <code>open(path)</code> and then <kbd>Enter</kbd>; the answer is <samp>42 &amp; more</samp>, as it was.</p>\n" + TAIL,
        "Call `open(path)` and then `Enter`; the answer is `42 & more`, as it was.\n\n" + TAIL_MD),
    ("code-in-list", blog, *around(
        "<ol><li>Fetch it:<pre>git pull\ngit log</pre></li><li>Build it.</li></ol>",
        "1. Fetch it:\n\n   ```\n   git pull\n   git log\n   ```\n2. Build it.")),
    ("code-tabs", blog, *around(
        "<pre>all:\n\tcc -o mill mill.c\n\n\nclean:\n\trm mill</pre>",
        "```\nall:\n\tcc -o mill mill.c\n\n\nclean:\n\trm mill\n```")),
    ("code-fences", blog, *around(
        "<pre>```\ninner\n```</pre>",
        "````\n```\ninner\n```\n````")),
    ("code-numbers", blog, *around(
        '<table class="highlighttable"><tr><td class="linenos"><pre>1\n2</pre></td><td class="code"><pre>first()\nsecond()</pre></td></tr></table>',
        "```\nfirst()\nsecond()\n```")),
    ("code-bare-pre", bare, *around(
        "<pre>  /\\_/\\\n ( o.o )\n  &gt; ^ &lt;</pre>",
        "```\n  /\\_/\\\n ( o.o )\n  > ^ <\n```")),
    ("code-quoted", blog, *around(
        "<blockquote><p>He wrote:</p><pre>x = 1\ny = 2</pre></blockquote>",
        "> He wrote:\n>\n> ```\n> x = 1\n> y = 2\n> ```")),
    # Formulas.
    ("maths-annotation", blog,
        "<p>The area is <math><semantics><mrow><mi>π</mi><msup><mi>r</mi><mn>2</mn></msup></mrow>"
        '<annotation encoding="application/x-tex">\\pi r^2</annotation></semantics></math>, as everybody knows.</p>\n' + TAIL,
        "The area is $\\pi r^2$, as everybody knows.\n\n" + TAIL_MD),
    ("maths-katex", blog,
        '<p>The sum <span class="katex"><span class="katex-mathml"><math><semantics><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow>'
        '<annotation encoding="application/x-tex">a+b</annotation></semantics></math></span>'
        '<span class="katex-html" aria-hidden="true"><span class="mord">a</span><span class="mbin">+</span><span class="mord">b</span></span></span> is small.</p>\n' + TAIL,
        "The sum $a+b$ is small.\n\n" + TAIL_MD),
    ("maths-script", blog,
        '<p>Here <script type="math/tex">E = mc^2</script> stands in a line.</p>\n'
        '<p><script type="math/tex; mode=display">\\int_0^1 x\\,dx</script></p>\n' + TAIL,
        "Here $E = mc^2$ stands in a line.\n\n$$\\int_0^1 x\\,dx$$\n\n" + TAIL_MD),
    ("maths-dollars", blog,
        "<p>As it stands in the source: \\(x^2 + y^2\\) and $z_1 &lt; z_2$, which nobody has to touch.</p>\n" + TAIL,
        "As it stands in the source: \\(x^2 + y^2\\) and $z_1 < z_2$, which nobody has to touch.\n\n" + TAIL_MD),
    ("maths-display", blog, *around(
        '<math display="block"><semantics><mrow><mi>f</mi></mrow><annotation encoding="application/x-tex">f(x) = \\frac{1}{x}</annotation></semantics></math>',
        "$$f(x) = \\frac{1}{x}$$")),
    ("maths-heading", blog,
        '<h2>Why <math><semantics><mi>n</mi><annotation encoding="application/x-tex">n^2</annotation></semantics></math> is enough</h2>\n' + LEAD + TAIL,
        f"## Why $n^2$ is enough\n\n{LEAD_MD}\n\n{TAIL_MD}"),
    ("maths-list", blog, *around(
        '<ul><li><script type="math/tex">a</script> is first</li><li><script type="math/tex">b</script> is second</li></ul>',
        "- $a$ is first\n- $b$ is second")),
    ("maths-scripts", news,
        "<p>Water is H<sub>2</sub>O and the light year is 9.46 · 10<sup>15</sup> m, more or less, as they told us at school.</p>\n" + TAIL,
        "Water is H2O and the light year is 9.46 · 1015 m, more or less, as they told us at school.\n\n" + TAIL_MD),
    ("maths-table", blog, *around(
        '<table><tr><th>n</th><th>sum</th></tr><tr><td>1</td><td><script type="math/tex">\\frac{1}{2}</script></td></tr></table>',
        "| n | sum |\n| --- | --- |\n| 1 | $\\frac{1}{2}$ |")),
    ("maths-image", blog,
        '<p>They write <span class="mwe-math-element"><span class="mwe-math-mathml-inline" style="display: none;"><math><semantics><mi>x</mi>'
        '<annotation encoding="application/x-tex">{\\displaystyle x_0}</annotation></semantics></math></span>'
        '<img src="x.svg" class="mwe-math-fallback-image-inline" alt="{\\displaystyle x_0}"></span> for the start.</p>\n' + TAIL,
        "They write ${\\displaystyle x_0}$ for the start.\n\n" + TAIL_MD),
    # Structure.
    ("structure-headings", blog,
        f"<h1>The mill</h1>{LEAD}<h2>The wheel</h2><p>It is of oak, and was made anew after the flood of that winter.</p><h3>Its axle</h3>{TAIL}",
        f"# The mill\n\n{LEAD_MD}\n\n## The wheel\n\nIt is of oak, and was made anew after the flood of that winter.\n\n### Its axle\n\n{TAIL_MD}"),
    ("structure-lists", blog, *around(
        "<ul><li>bread<ul><li>rye</li><li>wheat</li></ul></li><li>salt</li></ul><ol start=\"4\"><li>four</li><li>five</li></ol>",
        "- bread\n  - rye\n  - wheat\n- salt\n\n4. four\n5. five")),
    ("structure-quotes", blog, *around(
        "<blockquote><p>She said:</p><blockquote><p>He knew.</p></blockquote><p>And left.</p></blockquote>",
        "> She said:\n>\n> > He knew.\n>\n> And left.")),
    ("structure-emphasis", news,
        "<p>It was <em>very</em> <strong>cold</strong>, <b><i>truly</i></b>, and <em>nobody</em>, not even she, went <a href=\"/out\">out</a> that day.</p>\n" + TAIL,
        "It was *very* **cold**, ***truly***, and *nobody*, not even she, went out that day.\n\n" + TAIL_MD),
    ("structure-poem", blog, *around(
        "<p>The river ran,<br>the mill stood still,<br>\nand nobody came down the hill.</p>",
        "The river ran,\nthe mill stood still,\nand nobody came down the hill.")),
    ("structure-definitions", blog, *around(
        "<dl><dt>Weir</dt><dd>A low wall in a river.</dd><dt>Race</dt><dd>The water to the wheel.</dd></dl>",
        "Weir\n\nA low wall in a river.\n\nRace\n\nThe water to the wheel.")),
    ("structure-figure", blog, *around(
        '<figure><img src="mill.jpg" alt="A mill"><figcaption>The mill in winter.</figcaption></figure>',
        "The mill in winter.")),
    ("structure-entities", blog,
        "<p>Tea &amp; cake &mdash; 3&nbsp;&euro;, caf&eacute; &#8220;Zum M&uuml;ller&#8221;, x &lt; y &gt; z, &#x4e2d;&#25991;, and an &unknown; one.</p>\n" + TAIL,
        "Tea & cake — 3 €, café “Zum Müller”, x < y > z, 中文, and an &unknown; one.\n\n" + TAIL_MD),
    ("structure-unclosed", bare,
        "<h1>Unclosed<p>The first paragraph was never closed, which the writer did not mind at all.<p>Nor was the second, "
        "and that is <b>bold to the end</b> of the line.<ul><li>one<li>two</ul>",
        "# Unclosed\n\nThe first paragraph was never closed, which the writer did not mind at all.\n\nNor was the second, "
        "and that is **bold to the end** of the line.\n\n- one\n- two"),
    ("structure-hidden", blog,
        LEAD + '<p style="display:none">Nobody sees this line, and nobody should.</p><template><p>Nor this.</p></template>'
        "<noscript><p>Please turn on scripts.</p></noscript><!-- nor this -->" + TAIL,
        f"{LEAD_MD}\n\n{TAIL_MD}"),
    ("structure-ruby", blog,
        "<p>むかし、<ruby>水車<rp>(</rp><rt>すいしゃ</rt><rp>)</rp></ruby>のある村に、一人の老人が住んでいました。毎日、川のそばで本を読んでいました。</p>"
        "<p>ある日、川の水がなくなって、水車は止まりました。老人は何も言わずに、山へ歩いて行きました。</p>",
        "むかし、水車のある村に、一人の老人が住んでいました。毎日、川のそばで本を読んでいました。\n\n"
        "ある日、川の水がなくなって、水車は止まりました。老人は何も言わずに、山へ歩いて行きました。"),
    ("structure-arabic", blog,
        '<div dir="rtl"><p>كانت الطاحونة تقف على ضفة النهر، وكان صاحبها يكتب كل يوم ما يراه من الماء والناس.</p>'
        "<p>وفي الشتاء كان النهر يتجمد، فيجلس قرب النار ويقرأ ما كتبه في الصيف.</p></div>",
        "كانت الطاحونة تقف على ضفة النهر، وكان صاحبها يكتب كل يوم ما يراه من الماء والناس.\n\n"
        "وفي الشتاء كان النهر يتجمد، فيجلس قرب النار ويقرأ ما كتبه في الصيف."),
]

GERMAN = ("<p>Die Mühle stand schon lange am Fluß, und der Müller hörte jeden Morgen als erster die Vögel über dem Wehr.</p>"
          "<p>„Früher“, sagte er, „war das Wasser höher“, und niemand widersprach ihm, denn niemand war so alt wie er.</p>")
GERMAN_MD = ("Die Mühle stand schon lange am Fluß, und der Müller hörte jeden Morgen als erster die Vögel über dem Wehr.\n\n"
             "„Früher“, sagte er, „war das Wasser höher“, und niemand widersprach ihm, denn niemand war so alt wie er.")
FRENCH = ("<p>Le moulin était là depuis toujours, près de la rivière où les élèves venaient pêcher l'été.</p>"
          "<p>On disait qu'à minuit la roue tournait à l'envers ; personne ne l'a jamais vérifié, même pas le maître d'école.</p>")
FRENCH_MD = ("Le moulin était là depuis toujours, près de la rivière où les élèves venaient pêcher l'été.\n\n"
             "On disait qu'à minuit la roue tournait à l'envers ; personne ne l'a jamais vérifié, même pas le maître d'école.")
RUSSIAN = ("<p>Мельница стояла у реки, и старый мельник каждое утро записывал, сколько воды прошло через колесо за ночь.</p>"
           "<p>Зимой река замерзала, и тогда он читал вслух свои старые записи всем, кто приходил погреться.</p>")
RUSSIAN_MD = ("Мельница стояла у реки, и старый мельник каждое утро записывал, сколько воды прошло через колесо за ночь.\n\n"
              "Зимой река замерзала, и тогда он читал вслух свои старые записи всем, кто приходил погреться.")
SIMPLIFIED = ("<h2>水磨坊</h2><p>河边的水磨坊已经有一百多年的历史了，磨坊主人每天早上都把水的高度写在墙上。</p>"
              "<p>到了冬天，河水结了冰，他就坐在火炉旁边，给孩子们讲从前的故事，一直讲到天黑。</p>")
SIMPLIFIED_MD = ("## 水磨坊\n\n河边的水磨坊已经有一百多年的历史了，磨坊主人每天早上都把水的高度写在墙上。\n\n"
                 "到了冬天，河水结了冰，他就坐在火炉旁边，给孩子们讲从前的故事，一直讲到天黑。")
# Characters that only GB 18030 has in four bytes, and one that GB 2312 has not.
RARE = "<p>他姓㐂，名镕，住在村子的东头，每天都到河边来看水磨坊的轮子转，从来没有跟别人说过一句话。</p>"
RARE_MD = "他姓㐂，名镕，住在村子的东头，每天都到河边来看水磨坊的轮子转，从来没有跟别人说过一句话。"
TRADITIONAL = ("<h2>水磨坊</h2><p>河邊的水磨坊已經有一百多年的歷史了，磨坊主人每天早上都把水的高度寫在牆上。</p>"
               "<p>到了冬天，河水結了冰，他就坐在火爐旁邊，給孩子們講從前的故事，一直講到天黑。</p>")
TRADITIONAL_MD = ("## 水磨坊\n\n河邊的水磨坊已經有一百多年的歷史了，磨坊主人每天早上都把水的高度寫在牆上。\n\n"
                  "到了冬天，河水結了冰，他就坐在火爐旁邊，給孩子們講從前的故事，一直講到天黑。")
JAPANESE = ("<h2>水車小屋</h2><p>川のそばの水車小屋は百年も前からそこにあって、主人は毎朝、水の高さを壁に書いていました。</p>"
            "<p>冬になると川は凍り、主人は火のそばに座って、子供たちに昔の話を聞かせるのでした。</p>")
JAPANESE_MD = ("## 水車小屋\n\n川のそばの水車小屋は百年も前からそこにあって、主人は毎朝、水の高さを壁に書いていました。\n\n"
               "冬になると川は凍り、主人は火のそばに座って、子供たちに昔の話を聞かせるのでした。")
KOREAN = ("<p>강가의 물레방아는 백 년도 넘게 그 자리에 있었고, 주인은 아침마다 물의 높이를 벽에 적었습니다.</p>"
          "<p>겨울이 되어 강이 얼면 그는 난로 옆에 앉아 아이들에게 옛날이야기를 들려주었습니다.</p>")
KOREAN_MD = ("강가의 물레방아는 백 년도 넘게 그 자리에 있었고, 주인은 아침마다 물의 높이를 벽에 적었습니다.\n\n"
             "겨울이 되어 강이 얼면 그는 난로 옆에 앉아 아이들에게 옛날이야기를 들려주었습니다.")

META = '<meta charset="{}">'
EQUIV = '<meta http-equiv="Content-Type" content="text/html; charset={}">'

# Name, surroundings, body, Markdown, how it is encoded, what its head says, what the server says (None: a plain file).
ENCODED = [
    ("charset-gb18030", blog, SIMPLIFIED + RARE, f"{SIMPLIFIED_MD}\n\n{RARE_MD}", "gb18030", META.format("gb18030"), None),
    ("charset-gb2312-is-gbk", news, SIMPLIFIED + RARE.replace("㐂", "喆"), f"{SIMPLIFIED_MD}\n\n{RARE_MD.replace('㐂', '喆')}", "gbk", EQUIV.format("gb2312"), None),
    ("charset-gbk-unsaid", blog, SIMPLIFIED, SIMPLIFIED_MD, "gbk", "", None),
    ("charset-gbk-says-utf8", blog, SIMPLIFIED, SIMPLIFIED_MD, "gbk", META.format("utf-8"), None),
    ("charset-big5", blog, TRADITIONAL, TRADITIONAL_MD, "big5", META.format("big5"), None),
    ("charset-big5-unsaid", news, TRADITIONAL, TRADITIONAL_MD, "big5", "", None),
    ("charset-shift-jis", blog, JAPANESE, JAPANESE_MD, "cp932", EQUIV.format("Shift_JIS"), None),
    ("charset-euc-jp", news, JAPANESE, JAPANESE_MD, "euc_jp", META.format("euc-jp"), None),
    ("charset-iso-2022-jp", blog, JAPANESE, JAPANESE_MD, "iso2022_jp", META.format("iso-2022-jp"), None),
    ("charset-euc-kr", blog, KOREAN, KOREAN_MD, "cp949", META.format("euc-kr"), None),
    ("charset-windows-1251", news, RUSSIAN, RUSSIAN_MD, "cp1251", META.format("windows-1251"), None),
    ("charset-koi8-r-header", blog, RUSSIAN, RUSSIAN_MD, "koi8_r", "", "koi8-r"),
    ("charset-latin1-is-1252", blog, GERMAN, GERMAN_MD, "cp1252", META.format("iso-8859-1"), None),
    ("charset-1252-unsaid", news, FRENCH, FRENCH_MD, "cp1252", "", None),
    ("charset-utf8-mark", blog, FRENCH, FRENCH_MD, "utf-8-sig", META.format("iso-8859-1"), None),
    ("charset-utf16-mark", blog, GERMAN, GERMAN_MD, "utf-16", "", None),
    ("charset-utf8-unsaid", news, JAPANESE, JAPANESE_MD, "utf-8", "", None),
    ("charset-utf8-header-latin1", blog, RUSSIAN, RUSSIAN_MD, "utf-8", META.format("utf-8"), "iso-8859-1"),
]

PAGES = [(name, around, body, markdown, "utf-8", META.format("utf-8"), None) for name, around, body, markdown in MARKUP] + ENCODED


def record(name, body, charset):
    """One response of a web archive."""
    http = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset={charset}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    head = (
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <{name}>\r\nWARC-Date: 2031-05-06T07:08:09Z\r\n"
        f"WARC-Target-URI: http://mill.example/{name}\r\nContent-Type: application/http; msgtype=response\r\nContent-Length: {len(http)}\r\n\r\n"
    )
    return head.encode() + http + b"\r\n\r\n"


def main():
    assert len(PAGES) == 60 and len({page[0] for page in PAGES}) == 60, len(PAGES)
    archive = b""
    for name, surroundings, body, markdown, encoding, head, server in PAGES:
        page = surroundings(name.replace("-", " "), body, head).encode(encoding)
        if server:
            archive += record(name, page, server)
        else:
            (HERE / f"{name}.html").write_bytes(page)
        (HERE / f"{name}.md").write_text(markdown + "\n", encoding="utf-8")
    (HERE / "pages.warc").write_bytes(archive)


if __name__ == "__main__":
    main()
