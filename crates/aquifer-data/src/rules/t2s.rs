//! Traditional Chinese as simplified: edits, as OpenCC's `t2s` does.

use super::{Asked, Bound, Column, Page, Rule, RuleError, options, turns};
use aquifer_text::simplified::simplified;
use std::borrow::Cow;
use std::ops::ControlFlow;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct T2s {}

pub(super) fn build(table: toml::Table) -> Result<Box<dyn Rule>, RuleError> {
    Ok(Box::new(options::<T2s>(table)?))
}

impl Rule for T2s {
    fn columns(&self) -> Vec<Column> {
        vec![Column::new("converted", "characters of the text that became others", Bound::anything())]
    }

    fn measure(&self, page: &Page, ask: &mut Asked) -> ControlFlow<()> {
        let now = turns::edit(page.document(), ask, simplified);
        // A phrase and what takes its place have equally many characters.
        let converted = page.text().chars().zip(now.chars()).filter(|(before, now)| before != now).count();
        if let Cow::Owned(now) = now {
            ask.text(now);
            ask.edited("simplified characters");
        }
        ask.number(0, converted as f64)
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::{Page, Stage, Value};
    use aquifer_corpus::Document;

    #[test]
    fn characters_that_change_are_counted() {
        let stage = Stage::build(toml::toml! { rule = "t2s" }).unwrap();
        let document = Document::new("d", "臺灣的夏天很熱");
        let answer = stage.ask(&Page::new(&document), false);
        assert_eq!((answer.text.as_deref(), &answer.values[0]), (Some("台湾的夏天很热"), &Some(Value::Number(3.0))));
        let document = Document::new("d", "已经是简体 ok");
        assert_eq!(stage.ask(&Page::new(&document), false).text, None);
    }
}
