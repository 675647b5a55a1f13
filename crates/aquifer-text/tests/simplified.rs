//! Conversion to simplified Chinese against OpenCC's, by `src/simplified/make.py`.

#![allow(clippy::unwrap_used)]

use aquifer_text::simplified::simplified;
use std::borrow::Cow;

#[test]
fn texts_become_what_opencc_makes_of_them() {
    let cases: Vec<[String; 2]> = serde_json::from_str(include_str!("golden/simplified/goldens.json")).unwrap();
    assert!(cases.len() > 150);
    for [text, want] in cases {
        let got = simplified(&text);
        assert_eq!(got, want, "{text}");
        assert_eq!(matches!(got, Cow::Borrowed(_)), text == want);
    }
}
