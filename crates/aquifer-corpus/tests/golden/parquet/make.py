"""Writes the Parquet files beside it, and what they hold as `rows.json`.

Made with Python 3.11.7 and pyarrow 26.0.1: python make.py
"""

import json
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).parent

ROWS = [
    {
        "id": f"doc-{i}",
        "text": None if i % 7 == 3 else f"第{i}行. Row {i} tells of {['rain', 'snow', 'wind'][i % 3]}.\n" * (1 + i % 4),
        "year": 1900 + i,
        "score": i / 4,
        "kept": i % 2 == 0,
        "kind": ["essay", "story", None][i % 3],
        "source": {"url": f"https://example.org/{i}", "tags": ["a", "b"][: i % 3]},
    }
    for i in range(40)
]

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.large_string()),
        ("year", pa.int16()),
        ("score", pa.float64()),
        ("kept", pa.bool_()),
        ("kind", pa.dictionary(pa.int32(), pa.string())),
        ("source", pa.struct([("url", pa.string()), ("tags", pa.list_(pa.string()))])),
    ]
)

TALKS = [
    {"messages": [{"role": "user", "content": f"How is it at {i}?"}, {"role": "assistant", "content": "Well."}]}
    for i in range(5)
]

table = pa.Table.from_pylist(ROWS, schema=SCHEMA)
for name, options in {
    "snappy_dictionary": {"compression": "snappy", "use_dictionary": True},
    "zstd_plain": {"compression": "zstd", "use_dictionary": False, "data_page_version": "2.0"},
    "gzip_plain": {"compression": "gzip", "use_dictionary": False, "store_schema": False},
    "snappy_strings": {"compression": "snappy", "use_dictionary": ["kind"], "store_schema": False},
}.items():
    # Two row groups.
    pq.write_table(table, HERE / f"{name}.parquet", row_group_size=25, **options)
pq.write_table(pa.Table.from_pylist(TALKS), HERE / "dialogues.parquet")
pq.write_table(table.select(["id", "year"]), HERE / "no_text.parquet")
(HERE / "rows.json").write_text(json.dumps(ROWS, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
