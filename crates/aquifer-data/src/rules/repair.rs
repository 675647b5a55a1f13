//! Text whose encoding went wrong, put right, as [`encoding::repair`](crate::encoding::repair) does.

use super::{Asked, Bound, Column, Page, Rule, RuleError, options, turns};
use crate::encoding::{Repairs, repair};
use std::ops::ControlFlow;

/// Misread lines, byte-order marks, control characters, accents that stand apart from their letters.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Repair {}

pub(super) fn build(table: toml::Table) -> Result<Box<dyn Rule>, RuleError> {
    Ok(Box::new(options::<Repair>(table)?))
}

const MISREAD_LINES: usize = 0;
const MARKS: usize = 1;
const CONTROLS: usize = 2;
const CHARACTERS: usize = 3;

impl Rule for Repair {
    fn columns(&self) -> Vec<Column> {
        let count = |name, about| Column::new(name, about, Bound::anything());
        vec![
            count("misread_lines", "lines that were UTF-8 read as another encoding"),
            count("marks", "byte-order marks inside the text"),
            count("controls", "control characters, and line ends of Windows"),
            Column::new("characters", "visible characters that are left", Bound::at_least(1.0)),
        ]
    }

    fn measure(&self, page: &Page, ask: &mut Asked) -> ControlFlow<()> {
        let mut found = Repairs::default();
        let edited = turns::edit(page.document(), ask, |text| {
            let (now, repairs) = repair(text);
            found.misread_lines += repairs.misread_lines;
            found.marks += repairs.marks;
            found.controls += repairs.controls;
            found.composed |= repairs.composed;
            now
        });
        for (happened, what) in [
            (found.misread_lines > 0, "misread encoding"),
            (found.marks > 0, "byte-order mark"),
            (found.controls > 0, "control characters"),
            (found.composed, "composed"),
        ] {
            if happened {
                ask.edited(what);
            }
        }
        ask.number(MISREAD_LINES, found.misread_lines as f64)?;
        ask.number(MARKS, found.marks as f64)?;
        ask.number(CONTROLS, found.controls as f64)?;
        let visible = edited.chars().filter(|c| !c.is_whitespace()).count();
        if let std::borrow::Cow::Owned(now) = edited {
            ask.text(now);
        }
        ask.number(CHARACTERS, visible as f64)
    }
}
