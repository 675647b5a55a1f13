//! Lines of nothing but symbols taken out, as datatrove's `SymbolLinesFormatter` does: edits. Tables leave such lines behind in
//! extracted text.

use super::characters::{is_symbol, lines, strip};
use super::{Asked, Bound, Column, Page, Rule, RuleError, options, turns};
use std::borrow::Cow;
use std::ops::ControlFlow;

#[derive(serde::Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct SymbolLines {
    /// The symbols; all punctuation, unless some are named.
    symbols: Option<String>,
    /// What stands in the place of such lines, one after the other counted once; nothing, unless it is named.
    replacement: String,
}

pub(super) fn build(table: toml::Table) -> Result<Box<dyn Rule>, RuleError> {
    Ok(Box::new(options::<SymbolLines>(table)?))
}

impl SymbolLines {
    fn is_only_symbols(&self, line: &str) -> bool {
        let symbol = |c: char| c == ' ' || self.symbols.as_ref().map_or_else(|| is_symbol(c), |list| list.contains(c));
        !strip(line).is_empty() && line.chars().all(symbol)
    }

    /// The text without such lines, and how many there were. Line ends of other kinds become plain ones, also where no line goes.
    fn edit<'a>(&self, text: &'a str) -> (Cow<'a, str>, usize) {
        let (mut kept, mut out, mut inside) = (Vec::new(), 0, false);
        for line in lines(text) {
            let symbols = self.is_only_symbols(line);
            match symbols {
                false => kept.push(line),
                true if !inside && !self.replacement.is_empty() => kept.push(&self.replacement),
                true => {}
            }
            out += usize::from(symbols);
            inside = symbols;
        }
        let now = kept.join("\n");
        (if now == text { text.into() } else { now.into() }, out)
    }
}

impl Rule for SymbolLines {
    fn columns(&self) -> Vec<Column> {
        vec![Column::new("lines", "lines taken out", Bound::anything())]
    }

    fn measure(&self, page: &Page, ask: &mut Asked) -> ControlFlow<()> {
        let mut out = 0;
        let now = turns::edit(page.document(), ask, |text| {
            let (now, lines) = self.edit(text);
            out += lines;
            now
        });
        if let Cow::Owned(now) = now {
            ask.text(now);
            ask.edited("lines of symbols");
        }
        ask.number(0, out as f64)
    }
}
