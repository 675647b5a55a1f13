//! The main text of a page, with its title among the metadata; other documents pass as they are.

use super::{Asked, Bound, Column, Page, Rule, RuleError, options};
use crate::extract::{self, Format};
use serde::Deserialize;
use std::ops::ControlFlow;

/// What a page's text is written as.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Extract {
    #[serde(default)]
    format: Format,
}

pub(super) fn build(table: toml::Table) -> Result<Box<dyn Rule>, RuleError> {
    Ok(Box::new(options::<Extract>(table)?))
}

impl Rule for Extract {
    fn columns(&self) -> Vec<Column> {
        vec![Column::new("characters", "characters of the main text of a page", Bound::at_least(1.0))]
    }

    fn measure(&self, page: &Page, ask: &mut Asked) -> ControlFlow<()> {
        if !extract::is_page(page.document()) {
            return ControlFlow::Continue(());
        }
        let found = extract::extract(page.text(), self.format);
        ask.number(0, found.text.chars().count() as f64)?;
        ask.text(found.text);
        ask.edited("main text");
        ask.metadata("content_type", None);
        if let Some(title) = found.title.filter(|_| !page.document().metadata.contains_key("title")) {
            ask.metadata("title", Some(title.into()));
        }
        ControlFlow::Continue(())
    }
}
