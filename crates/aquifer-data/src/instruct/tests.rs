//! Layouts read, checked, converted; each kind of finding has a row that shows it.

use super::check::{bad_rows, check, counts};
use super::convert::{convert, to_row};
use super::*;
use serde_json::{Value, json};

fn set(rows: Value) -> Set {
    read_text(rows.to_string().as_bytes(), "t.json", None).unwrap()
}

fn kinds(rows: Value) -> Vec<Kind> {
    check(&set(rows)).into_iter().map(|finding| finding.kind).collect()
}

fn talk(turns: &[(&str, &str)]) -> Value {
    json!({"conversations": turns.iter().map(|(from, value)| json!({"from": from, "value": value})).collect::<Vec<_>>()})
}

#[test]
fn every_layout_says_the_same() {
    let call = json!({"name": "add", "arguments": {"a": 1}});
    let rows = [
        json!({"conversations": [{"from": "human", "value": "1+?"}, {"from": "function_call", "value": call.to_string()},
            {"from": "observation", "value": "2"}, {"from": "gpt", "value": "two"}], "system": "Be brief.",
            "tools": json!([{"name": "add"}]).to_string()}),
        json!({"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1+?"},
            {"role": "assistant", "content": null, "tool_calls": [{"type": "function", "function": {"name": "add", "arguments": "{\"a\": 1}"}}]},
            {"role": "tool", "content": [{"type": "text", "value": "2"}]}, {"role": "assistant", "content": "two"}],
            "tools": [{"name": "add"}]}),
    ];
    let [a, b] = rows.map(|row| set(json!([row])).examples.remove(0));
    assert_eq!((&a.turns, &a.tools), (&b.turns, &b.tools));
    assert_eq!(a.turns.len(), 5);
    for to in [Format::ShareGpt, Format::Messages] {
        let (row, lost) = to_row(&a, to).unwrap();
        assert!(lost.is_empty());
        assert_eq!(set(json!([row])).examples[0].turns, a.turns, "{to:?}");
    }
    assert_eq!(to_row(&a, Format::Alpaca).unwrap_err(), "calls of tools, which Alpaca has no place for");
    assert!(to_row(&a, Format::Preference).is_err());
}

#[test]
fn alpaca_has_histories_inputs_and_other_names() {
    let rows = json!([
        {"id": 7, "instruction": "Sum", "input": "1 2", "response": "3", "system": "s", "history": [["a", "b"]], "source": "x"},
        {"id": "s", "instruction": "Name", "instances": [{"input": "", "output": "Ann"}, {"input": "two", "output": "Ann, Bo"}]},
    ]);
    let set = set(rows);
    let roles: Vec<&str> = set.examples[0].turns.iter().map(|turn| turn.role.name()).collect();
    assert_eq!(roles, ["system", "user", "assistant", "user", "assistant"]);
    assert_eq!(set.examples[0].turns[3].content, "Sum\n\n1 2");
    let ids: Vec<&str> = set.examples.iter().map(|example| example.id.as_str()).collect();
    assert_eq!(ids, ["7", "s/0", "s/1"]);
    let (row, lost) = to_row(&set.examples[0], Format::Alpaca).unwrap();
    assert_eq!((lost.len(), &row["history"], &row["source"]), (0, &json!([["a", "b"]]), &json!("x")));
    assert_eq!((&row["instruction"], &row["input"]), (&json!("Sum"), &json!("1 2")));
    assert!(check(&set).is_empty());
}

#[test]
fn preferences_come_in_many_shapes() {
    let turn = |role: &str, text: &str| json!({"role": role, "content": text});
    let shapes = [
        json!({"prompt": "q", "chosen": "good", "rejected": "bad"}),
        json!({"instruction": "q", "chosen": "good", "rejected": "bad"}),
        json!({"prompt": [turn("user", "q")], "chosen": [turn("assistant", "good")], "rejected": [turn("assistant", "bad")]}),
        json!({"prompt": "q", "chosen": [turn("user", "q"), turn("assistant", "good")], "rejected": [turn("user", "q"), turn("assistant", "bad")]}),
        json!({"chosen": [turn("user", "q"), turn("assistant", "good")], "rejected": [turn("user", "q"), turn("assistant", "bad")]}),
        json!({"conversations": [{"from": "human", "value": "q"}], "chosen": {"from": "gpt", "value": "good"}, "rejected": {"from": "gpt", "value": "bad"}}),
        json!({"chosen": "\n\nHuman: q\n\nAssistant: good", "rejected": "\n\nHuman: q\n\nAssistant: bad"}),
    ];
    let want = (
        vec![Turn::new(Role::User, "q")],
        Ending::Pair {
            chosen: vec![Turn::new(Role::Assistant, "good")],
            rejected: vec![Turn::new(Role::Assistant, "bad")],
        },
    );
    for shape in shapes {
        let read = set(json!([shape]));
        assert_eq!((read.examples[0].turns.clone(), read.examples[0].ending.clone()), want, "{shape}");
        assert!(check(&read).is_empty(), "{shape}");
    }
    let same = json!([{"prompt": "q", "chosen": "x", "rejected": "x"}]);
    assert_eq!(kinds(same), [Kind::SamePair]);
    let pair = set(json!([{"prompt": "q", "chosen": "good", "rejected": "bad"}]));
    let (row, lost) = to_row(&pair.examples[0], Format::Alpaca).unwrap();
    assert_eq!((lost, &row["output"]), (vec!["the rejected answer"], &json!("good")));
}

#[test]
fn every_kind_of_error_has_a_row_that_shows_it() {
    let good = [("human", "hi"), ("gpt", "hello")];
    let with = |more: &[(&str, &str)]| talk(&[&good[..], more].concat());
    let call = r#"{"name": "f", "arguments": {}}"#;
    let mut declared = with(&[("human", "go"), ("function_call", call), ("observation", "ok"), ("gpt", "done")]);
    declared["tools"] = json!([{"type": "function", "function": {"name": "g"}}]);
    for (row, kind) in [
        (json!(3), Kind::NotJson),
        (json!({"foo": 1}), Kind::UnknownFormat),
        (json!({"instruction": "a"}), Kind::MissingField),
        (json!({"conversations": "hi"}), Kind::WrongType),
        (talk(&[("narrator", "once"), ("human", "hi"), ("gpt", "x")]), Kind::UnknownRole),
        (talk(&[]), Kind::NoTurns),
        (with(&[("human", " "), ("gpt", "x")]), Kind::EmptyTurn),
        (with(&[("gpt", "again")]), Kind::RoleOrder),
        (with(&[("human", "and?")]), Kind::MissingAnswer),
        (with(&[("human", "go"), ("function_call", "f()"), ("observation", "1"), ("gpt", "x")]), Kind::CallArguments),
        (with(&[("human", "go"), ("function_call", call), ("human", "so?"), ("gpt", "x")]), Kind::CallWithoutResult),
        (with(&[("human", "go"), ("observation", "1"), ("gpt", "x")]), Kind::ResultWithoutCall),
        (declared, Kind::UndeclaredTool),
    ] {
        let rows = json!([talk(&[("human", "first"), ("gpt", "x")]), row]);
        let findings = check(&set(rows));
        assert!(findings.iter().any(|finding| finding.kind == kind && finding.row == 2), "{kind:?}: {findings:?}");
        assert_eq!(bad_rows(&findings).into_iter().collect::<Vec<_>>(), [2]);
    }
}

#[test]
fn warnings_leave_rows_in() {
    let rows = json!([
        talk(&[("human", "What is it?"), ("gpt", "a")]),
        talk(&[("human", "what  is it?"), ("gpt", "b")]),
        talk(&[("human", "what is it?"), ("gpt", "A")]),
        talk(&[("human", "echo"), ("gpt", "Echo")]),
        talk(&[("human", "x<|im_end|>"), ("gpt", "c")]),
        {"instruction": "a", "output": "b"},
    ]);
    let set = set(rows);
    let findings = check(&set);
    assert!(bad_rows(&findings).is_empty());
    let counts: Vec<(Kind, usize)> = counts(&findings).into_iter().collect();
    let want = [Kind::OtherFormat, Kind::DuplicatePrompt, Kind::DuplicateRow, Kind::TemplateMark, Kind::EchoedPrompt];
    assert_eq!(counts, want.map(|kind| (kind, 1)));
    assert_eq!(convert(&set, Format::Alpaca).rows.len(), 6);
}

#[test]
fn files_that_end_early_give_what_they_hold() {
    let rows = json!([talk(&[("human", "1"), ("gpt", "a")]), talk(&[("human", "2"), ("gpt", "b")])]).to_string();
    for cut in 0..rows.len() {
        if let Ok(set) = read_text(&rows.as_bytes()[..cut], "t", None) {
            assert_eq!(check(&set).iter().filter(|finding| finding.kind == Kind::NotJson).count(), 1, "{cut}");
        }
    }
    let lines = "{\"instruction\": \"a\", \"output\": \"b\"}\n\nnot json\n{\"instruction\": \"c\", \"output\": \"d\"}";
    let set = read_text(lines.as_bytes(), "t", None).unwrap();
    assert_eq!((set.examples.len(), set.findings[0].row), (2, 3));
    assert!(matches!(read_text(b"", "t", None), Err(InstructError::Empty(_))));
    assert!(matches!(read_text(b"{\"a\": 1}", "t", None), Err(InstructError::NoFormat { .. })));
}

/// What is known of the published samples: rows, examples, and rows with an error.
#[test]
fn published_sets_are_read_whole() {
    for (name, format, examples) in [
        ("dpo_en_demo.json.gz", Format::Preference, 300),
        ("dpo_zh_demo.json.gz", Format::Preference, 300),
        ("glaive_toolcall_en_demo.json.gz", Format::ShareGpt, 300),
        ("glaive_toolcall_zh_demo.json.gz", Format::ShareGpt, 300),
        ("gpteacher_codegen.json.gz", Format::Alpaca, 4535),
        ("gpteacher_toolformer.json.gz", Format::Alpaca, 2396),
        ("hh_rlhf_harmless_test.jsonl.gz", Format::Preference, 2312),
        ("kto_en_demo.json.gz", Format::Messages, 300),
        ("reason_tool_use_demo.jsonl.gz", Format::Messages, 50),
        ("self_instruct_user_oriented.jsonl", Format::Alpaca, 252),
    ] {
        let Some(path) = crate::test_data(&format!("instruct/{name}")) else { return };
        let set = read(&path, None, 1 << 30).unwrap();
        let findings = check(&set);
        eprintln!("{name}: {:?}", counts(&findings));
        assert_eq!((set.format, set.examples.len()), (Some(format), examples), "{name}");
        assert!(bad_rows(&findings).len() * 20 < set.rows, "{name}: {:?}", counts(&findings));
        for to in Format::ALL {
            let converted = convert(&set, to);
            let left: usize = converted.left_out.values().sum();
            assert!(converted.rows.len() + left >= set.examples.len(), "{name} to {to:?}");
        }
    }
}
