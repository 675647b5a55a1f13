//! What is to be done, whoever schedules it.

/// The exit code of a task whose step builds on one that is not through: the same task, started later, may succeed.
/// (`EX_TEMPFAIL` of BSD's `sysexits.h`.)
pub const NOT_YET: u8 = 75;

/// A command, cut into steps of tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// What the scheduler calls it.
    pub name: String,
    /// The program and its arguments; `--task I/N --step S` goes behind them.
    pub command: Vec<String>,
    /// N, the tasks that the work is cut into.
    pub tasks: usize,
    /// What is left to do, in order: a step begins when all tasks of the one before are through.
    pub steps: Vec<Step>,
}

/// A step of the work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// S, counted from 1.
    pub number: usize,
    /// The tasks that are left, in ascending order.
    pub tasks: Vec<usize>,
}

/// A word as a POSIX shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./:,@%".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// Words as a POSIX shell takes them.
pub(crate) fn line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_gets_back_the_words_it_was_given() {
        let words = ["plain", "two words", "it's", "", "$HOME `x` \"y\" \\", "数据/*.gz", "a\nb", "~", "#"];
        let script = format!("printf '%s|' {}", line(words));
        let out = std::process::Command::new("sh").arg("-c").arg(script).output().unwrap();
        assert_eq!(String::from_utf8(out.stdout).unwrap(), words.map(|word| word.to_owned() + "|").concat());
    }
}
