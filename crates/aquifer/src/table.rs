//! Tables for people: columns as wide as what stands in them, none that is empty.

/// Lines of a table; columns named in `right` are set flush right. A column with nothing below its head is left out,
/// if the table has a `head`.
pub(crate) fn table(head: Option<&[&str]>, right: &[usize], rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).chain(head.map(<[_]>::len)).max().unwrap_or(0);
    let cell = |row: &Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
    let kept: Vec<usize> = (0..columns).filter(|&c| rows.iter().any(|row| !cell(row, c).is_empty())).collect();
    let head = head.map(|names| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let lines: Vec<&Vec<String>> = head.iter().chain(rows).collect();
    let widest = |column: usize| lines.iter().map(|row| width(&cell(row, column))).max().unwrap_or(0);
    let widths: Vec<usize> = kept.iter().map(|&column| widest(column)).collect();
    let mut out = String::new();
    for row in lines {
        let mut line = String::new();
        for (&column, &wide) in kept.iter().zip(&widths) {
            let text = cell(row, column);
            let room = " ".repeat(wide - width(&text));
            line += &if right.contains(&column) { format!("{room}{text}  ") } else { format!("{text}{room}  ") };
        }
        out += line.trim_end();
        out.push('\n');
    }
    out
}

/// Two columns: what it is, and its value.
pub(crate) fn facts(rows: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> String {
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(name, value)| vec![name.into(), value.into()]).collect();
    table(None, &[], &rows)
}

/// Columns that a text takes in a terminal: two for the wide letters of East Asia.
pub(crate) fn width(text: &str) -> usize {
    let wide = |c: char| {
        matches!(c, '\u{1100}'..='\u{115F}' | '\u{2E80}'..='\u{A4CF}' | '\u{AC00}'..='\u{D7A3}'
            | '\u{F900}'..='\u{FAFF}' | '\u{FE30}'..='\u{FE6F}' | '\u{FF00}'..='\u{FF60}' | '\u{FFE0}'..='\u{FFE6}'
            | '\u{1F300}'..='\u{1FAFF}' | '\u{20000}'..='\u{3FFFD}')
    };
    text.chars().map(|c| 1 + usize::from(wide(c))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_empty_ones_are_left_out() {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        let rows = [row(&["红楼梦", "", "7"]), row(&["a", "", "1,200"])];
        let shown = table(Some(&["run", "nothing", "n"]), &[2], &rows);
        assert_eq!(shown, "run         n\n红楼梦      7\na       1,200\n");
        assert_eq!(facts([("name", "a"), ("longer", "b")]), "name    a\nlonger  b\n");
    }
}
