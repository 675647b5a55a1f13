"""Makes the tables, books and papers that the readers are tested on, by the programs that people write them with.

    pip install lz4==4.4.5 reportlab==5.1.0 fpdf2==2.8.9
    python tests/golden/readers/make.py

The texts are this file's own. `rows.json` and the `.txt` files hold what should come out.
"""

import csv
import gzip
import io
import json
import zipfile
from datetime import datetime, timezone
from pathlib import Path

import fpdf
import lz4.frame
from reportlab.lib.pagesizes import A5
from reportlab.pdfgen import canvas

HERE = Path(__file__).parent

ROWS = [
    ("a1", "It rained, and rained.", "en", "0.5"),
    ("a2", 'She said "rain", twice.\nThen it stopped.', "en", ""),
    ("a3", "下雨了，一直下。", "zh", "1"),
    ("a4", "tabs\tand 'quotes' and\r\nline ends", "en", "2"),
]


def tables():
    columns = ["id", "text", "lang", "score"]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(ROWS)
    table = text.getvalue().encode()
    (HERE / "rows.csv").write_bytes(table)
    (HERE / "rows.csv.lz4").write_bytes(lz4.frame.compress(table))
    (HERE / "rows.csv.gz").write_bytes(gzip.compress(table, mtime=0))
    flat = lambda value: value.replace("\t", " ").replace("\n", " ").replace("\r", " ")
    lines = ["\t".join(columns)] + ["\t".join(flat(value) for value in row) for row in ROWS]
    (HERE / "rows.tsv").write_bytes(("\n".join(lines) + "\n").encode())
    rows = [{"id": i, "text": t, "metadata": {"lang": lang, "score": score}} for i, t, lang, score in ROWS]
    (HERE / "rows.json").write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n")
    frames = [lz4.frame.compress(part.encode()) for part in ["first frame, ", "second frame, ", "third frame"]]
    (HERE / "frames.txt.lz4").write_bytes(b"".join(frames))


PAGE = """<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml"><head><title>Not read</title><style>p { color: red }</style></head>
<body>{}</body></html>
"""

CHAPTERS = {
    "one.xhtml": (
        "<h1>One</h1>\n<p>It <em>rained</em>\n   all day &amp; all night&#8212;so&nbsp;they say.</p><p>Second.<br/>New line.</p>",
        "One\n\nIt rained all day & all night—so\u00a0they say.\n\nSecond.\nNew line.",
    ),
    "part two/two.xhtml": (
        "<div><p>第二章。</p><ul><li>first</li><li>second</li></ul></div><script>alert('no')</script>"
        "<table><tr><td>a</td> <td>b</td></tr></table>",
        "第二章。\n\nfirst\nsecond\n\na b",
    ),
}

CONTAINER = """<?xml version="1.0"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles><rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>
"""

PACKAGE = """<?xml version="1.0"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:title>Rain &amp; Other Weather</dc:title><dc:creator>A. Writer</dc:creator><dc:language>en</dc:language></metadata>
<manifest><item id="second" href="part%20two/two.xhtml" media-type="application/xhtml+xml"/>
<item id="lost" href="lost.xhtml" media-type="application/xhtml+xml"/>
<item id="first" href="one.xhtml#top" media-type="application/xhtml+xml"/></manifest>
<spine><itemref idref="first"/><itemref idref="lost"/><itemref idref="second"/></spine></package>
"""


def book():
    with zipfile.ZipFile(HERE / "book.epub", "w", zipfile.ZIP_DEFLATED) as out:
        put = lambda name, text, **how: out.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), text, **how)
        put("mimetype", "application/epub+zip", compress_type=zipfile.ZIP_STORED)
        put("META-INF/container.xml", CONTAINER, compress_type=zipfile.ZIP_DEFLATED)
        put("OEBPS/book.opf", PACKAGE, compress_type=zipfile.ZIP_DEFLATED)
        for name, (markup, _) in CHAPTERS.items():
            put(f"OEBPS/{name}", PAGE.replace("{}", markup), compress_type=zipfile.ZIP_DEFLATED)
    (HERE / "book.txt").write_text("\n\n".join(text for _, text in CHAPTERS.values()) + "\n")


def papers():
    # Drawn word by word, line by line, with a heading and two pages.
    page = canvas.Canvas(str(HERE / "reportlab.pdf"), pagesize=A5, invariant=1)
    page.setFont("Helvetica-Bold", 16)
    page.drawString(40, 500, "On Rain")
    page.setFont("Times-Roman", 11)
    text = page.beginText(40, 460)
    for line in ["It rained for a day and a night,", "and the river rose."]:
        text.textLine(line)
    page.drawText(text)
    x = 40
    for word in ["Every", "word", "is", "drawn", "alone."]:
        page.drawString(x, 400, word)
        x += page.stringWidth(word + " ", "Times-Roman", 11)
    page.showPage()
    page.setFont("Times-Roman", 11)
    page.drawString(40, 500, "The second page.")
    page.save()
    (HERE / "reportlab.txt").write_text(
        "On Rain\n\nIt rained for a day and a night,\nand the river rose.\n\nEvery word is drawn alone.\n\nThe second page.\n"
    )
    paper = fpdf.FPDF(format=(148, 210))
    paper.set_creation_date(datetime(2026, 1, 1, tzinfo=timezone.utc))
    paper.add_page()
    paper.set_font("Times", size=12)
    long = "A paragraph that is long enough to be broken into lines by the one who draws it, so that it has two."
    lines = paper.multi_cell(0, 6, long, dry_run=True, output="LINES")
    paper.multi_cell(0, 6, long)
    paper.ln(12)
    paper.multi_cell(0, 6, "Another one.")
    paper.output(str(HERE / "fpdf2.pdf"))
    (HERE / "fpdf2.txt").write_text("\n".join(lines) + "\n\nAnother one.\n")


if __name__ == "__main__":
    tables()
    book()
    papers()
