//! Stop strings: text goes through until one appears, and nothing that might begin one is shown too early.

/// Watches one answer's text.
#[derive(Debug, Clone)]
pub struct StopFilter {
    stops: Vec<String>,
    /// Seen but not shown: the beginning of a stop string, perhaps.
    held: String,
    hit: bool,
}

impl StopFilter {
    /// Watches for these strings; empty ones are never seen.
    pub fn new(stops: &[String]) -> Self {
        StopFilter {
            stops: stops.iter().filter(|stop| !stop.is_empty()).cloned().collect(),
            held: String::new(),
            hit: false,
        }
    }

    /// Adds text and returns what may be shown now. After a stop string nothing more is.
    pub fn push(&mut self, text: &str) -> String {
        if self.hit {
            return String::new();
        }
        self.held.push_str(text);
        let first = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min();
        if let Some(at) = first {
            self.hit = true;
            self.held.truncate(at);
            return std::mem::take(&mut self.held);
        }
        let shown = self.held.len() - self.longest_beginning();
        let rest = self.held.split_off(shown);
        std::mem::replace(&mut self.held, rest)
    }

    /// What was held back, once it is certain that nothing follows.
    pub fn finish(&mut self) -> String {
        if self.hit { String::new() } else { std::mem::take(&mut self.held) }
    }

    /// Whether a stop string has come.
    pub fn hit(&self) -> bool {
        self.hit
    }

    /// Bytes at the end of the text that begin some stop string.
    fn longest_beginning(&self) -> usize {
        let longest = self.stops.iter().map(|stop| stop.len() - 1).max().unwrap_or(0).min(self.held.len());
        let begins = |n: &usize| {
            let tail = &self.held.as_bytes()[self.held.len() - n..];
            self.stops.iter().any(|stop| stop.len() > *n && stop.as_bytes().starts_with(tail))
        };
        (1..=longest).rev().find(begins).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_of_a_stop_string_leaks() {
        let mut filter = StopFilter::new(&["END".into(), "\n\n".into()]);
        assert_eq!(filter.push("one E"), "one ");
        assert_eq!(filter.push("Nx"), "ENx");
        assert_eq!(filter.push("\n"), "");
        assert_eq!(filter.push("two\n"), "\ntwo");
        assert_eq!(filter.push("\nthree"), "");
        assert!(filter.hit() && filter.finish().is_empty() && filter.push("four").is_empty());
    }

    #[test]
    fn what_was_held_comes_at_the_end() {
        let mut filter = StopFilter::new(&["好的".into()]);
        assert_eq!(filter.push("你好"), "你");
        assert_eq!(filter.finish(), "好");
    }

    proptest! {
        /// However the text is cut, what is shown is what stands before the first stop string.
        #[test]
        fn cutting_changes_nothing(text in "[ab好]{0,30}", stop in "[ab好]{1,4}", cuts in proptest::collection::vec(0usize..30, 0..6)) {
            let chars: Vec<char> = text.chars().collect();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(chars.len())).chain([0, chars.len()]).collect();
            cuts.sort_unstable();
            let mut filter = StopFilter::new(std::slice::from_ref(&stop));
            let mut shown = String::new();
            for pair in cuts.windows(2) {
                shown += &filter.push(&chars[pair[0]..pair[1]].iter().collect::<String>());
            }
            shown += &filter.finish();
            let want = text.split(stop.as_str()).next().unwrap_or_default();
            prop_assert_eq!(shown, want);
        }
    }
}
