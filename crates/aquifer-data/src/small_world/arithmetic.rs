//! Addition of two-digit numbers in words, without carrying: a small model can learn its two small tables (tens and
//! units) and so answer for pairs of numbers it has never seen together.

use super::WorldOptions;
use super::facts::ENGLISH;
use aquifer_tensor::random::Stream;

pub(super) struct Arithmetic {
    /// For each sum, the ordered pairs that may be told; every sum is told equally often.
    pub(super) trained: Vec<(u32, Vec<(u32, u32)>)>,
    /// Pairs never told, in either order.
    pub(super) held_out: Vec<(u32, u32)>,
}

impl Arithmetic {
    /// Operands are 21 to 58, sums 65 to 99, so no sum is also met as an operand.
    pub(super) fn new(options: &WorldOptions) -> Arithmetic {
        let (mut trained, mut held_out) = (Vec::new(), Vec::new());
        for sum in (6..=9).flat_map(|tens| (5..=9).map(move |units| tens * 10 + units)) {
            let mut pairs: Vec<(u32, u32)> = (21..=58)
                .filter_map(|a| Some((a, u32::checked_sub(sum, a)?)))
                .filter(|&(a, b)| a <= b && (21..=58).contains(&b) && plain(a) && plain(b) && a % 10 + b % 10 < 10)
                .collect();
            Stream::new(options.seed, "small world sums", "pairs").sequence(u64::from(sum)).shuffle(&mut pairs);
            // A pair of equal numbers has only one order; the first held-out pair should have two.
            pairs.sort_by_key(|&(a, b)| a == b);
            let both = |&(a, b): &(u32, u32)| if a == b { vec![(a, b)] } else { vec![(a, b), (b, a)] };
            held_out.extend(pairs[..1].iter().flat_map(both));
            trained.push((sum, pairs[1..].iter().flat_map(both).collect()));
        }
        Arithmetic { trained, held_out }
    }
}

/// A digit in both places.
fn plain(n: u32) -> bool {
    !n.is_multiple_of(10)
}

pub(super) fn in_words(n: u32, language: usize) -> String {
    const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    const UNITS: [&str; 10] = ["", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    const DIGITS: [&str; 10] = ["", "一", "二", "三", "四", "五", "六", "七", "八", "九"];
    let (tens, units) = ((n / 10) as usize, (n % 10) as usize);
    if language == ENGLISH {
        format!("{}-{}", TENS[tens], UNITS[units])
    } else {
        format!("{}十{}", DIGITS[tens], DIGITS[units])
    }
}

/// The statement, also the answer; `sum` may be a wrong one, for an option.
pub(super) fn state(a: u32, b: u32, sum: u32, language: usize) -> String {
    let (a, b, sum) = (in_words(a, language), in_words(b, language), in_words(sum, language));
    if language == ENGLISH { format!("The sum of {a} and {b} is {sum}.") } else { format!("{a}加{b}等于{sum}。") }
}

pub(super) fn ask(a: u32, b: u32, language: usize, wording: usize) -> String {
    let (a, b) = (in_words(a, language), in_words(b, language));
    match (language == ENGLISH, wording % 2) {
        (true, 0) => format!("What is {a} plus {b}?"),
        (true, _) => format!("How much is {a} and {b}?"),
        (false, 0) => format!("{a}加{b}等于多少？"),
        (false, _) => format!("{a}加{b}是多少？"),
    }
}

/// Every pair of operands named in `text`, in any of the wordings above or a near relative of them.
pub(super) fn pairs_in(text: &str) -> Vec<(u32, u32)> {
    let mut numbers: Vec<(usize, usize, u32)> = Vec::new();
    for language in 0..2 {
        for n in (21..=99).filter(|&n| plain(n)) {
            let word = in_words(n, language);
            numbers.extend(text.to_lowercase().match_indices(&word).map(|(at, _)| (at, at + word.len(), n)));
        }
    }
    numbers.sort_unstable();
    let lower = text.to_lowercase();
    let between = |from: usize, to: usize| lower.get(from..to).unwrap_or_default();
    let joined = |words: &str| matches!(words.trim(), "plus" | "and" | "加" | "+" | "加上" | "与" | "和");
    numbers.windows(2).filter(|w| joined(between(w[0].1, w[1].0))).map(|w| (w[0].2, w[1].2)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_right_and_pairs_are_kept_apart() {
        let arithmetic = Arithmetic::new(&WorldOptions::default());
        assert_eq!(arithmetic.trained.len(), 20);
        assert_eq!(arithmetic.held_out.len(), 40);
        for (sum, pairs) in &arithmetic.trained {
            assert!(pairs.len() >= 6 && pairs.iter().all(|(a, b)| a + b == *sum), "{sum}: {pairs:?}");
            assert!(pairs.iter().all(|pair| !arithmetic.held_out.contains(pair)));
        }
        assert_eq!(state(23, 45, 68, 0), "The sum of twenty-three and forty-five is sixty-eight.");
        assert_eq!(state(23, 45, 68, 1), "二十三加四十五等于六十八。");
        assert_eq!(pairs_in("What is twenty-three plus forty-five? 二十三加四十五等于六十八。"), [(23, 45), (23, 45)]);
    }
}
