//! Numbers for people, in at most a hundred columns.

pub(super) use aquifer_record::figures::{duration, extents, rate};

/// `87 %`.
pub(super) fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// Half the width of an interval as a share of its middle: `±2 %`.
pub(super) fn plus_minus(median: f64, low: f64, high: f64) -> String {
    let half = 50.0 * (high - low) / median;
    if half < 9.95 { format!("±{half:.1}%") } else { format!("±{half:.0}%") }
}

/// Columns of fixed width: the first ones flush left, numbers flush right. A cell that is too wide for the first
/// column gets a line of its own.
pub(super) struct Columns(pub(super) &'static [(&'static str, i32)]);

impl Columns {
    /// The heading.
    pub(super) fn head(&self) -> String {
        self.row(&self.0.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>())
    }

    /// One line, without the spaces at its end.
    pub(super) fn row(&self, cells: &[String]) -> String {
        let mut line = String::new();
        for (i, (cell, (_, width))) in cells.iter().zip(self.0).enumerate() {
            let room = width.unsigned_abs() as usize;
            if i > 0 {
                line.push(' ');
            }
            if i == 0 && cell.chars().count() > room {
                line += &format!("{cell}\n{:room$}", "");
            } else if *width < 0 {
                line += &format!("{cell:<room$}");
            } else {
                line += &format!("{cell:>room$}");
            }
        }
        line.trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_for_people() {
        assert_eq!((percent(0.874), plus_minus(2.0, 1.9, 2.1)), ("87 %".into(), "±5.0%".into()));
        assert_eq!(plus_minus(1.0, 0.5, 1.5), "±50%");
    }

    #[test]
    fn columns_line_up_and_long_names_stand_alone() {
        let columns = Columns(&[("name", -6), ("time", 5)]);
        assert_eq!(columns.head(), "name    time");
        assert_eq!(columns.row(&["add".into(), "1 s".into()]), "add      1 s");
        assert_eq!(columns.row(&["much longer".into(), "1 s".into()]), "much longer\n         1 s");
    }
}
