//! Sets of characters that rules count by, and Python's idea of lines and of white space, which their sources were written in.

use aquifer_text::words::characters::is_space;
use rustc_hash::FxHashSet;
use std::ops::Range;
use std::sync::LazyLock;

/// Marks that end a sentence, over all scripts: FineWeb's and datatrove's list.
const TERMINAL: &str = "!.?։؝؞؟۔܀܁܂߹࠷࠹࠽࠾।॥၊။።፧፨᙮᜵᜶។៕៖៙៚᠃᠉᥄᥅᪨᪩᪪᪫᭚᭛᭞᭟᭽᭾᰻᰼᱾᱿‼‽⁇⁈⁉⸮⸼⹓⹔。꓿꘎꘏꛳꛷꡶꡷꣎꣏꤯꧈꧉꩝꩞꩟꫰꫱꯫﹒﹖﹗！．？｡\
    𐩖𐩗𐽕𐽖𐽗𐽘𐽙𐾆𐾇𐾈𐾉𑁇𑁈𑂾𑂿𑃀𑃁𑅁𑅂𑅃𑇅𑇆𑇍𑇞𑇟𑈸𑈹𑈻𑈼𑊩𑑋𑑌𑗂𑗃𑗉𑗊𑗋𑗌𑗍𑗎𑗏𑗐𑗑𑗒𑗓𑗔𑗕𑗖𑗗𑙁𑙂𑜼𑜽𑜾𑥄𑥆𑩂𑩃𑪛𑪜𑱁𑱂𑻷𑻸𑽃𑽄𖩮𖩯𖫵𖬷𖬸𖭄𖺘𛲟𝪈";
/// What datatrove calls punctuation besides those and control characters; tab and line feed are not among them.
const SYMBOLS: &str = "!/—”:％１〈&(、━\\【#%「」，】；+^]~“《„';’{|∶´[=-`*．（–？！：$～«〉,><》)?）。…@_.\"}►»";

static TERMINAL_SET: LazyLock<FxHashSet<char>> = LazyLock::new(|| TERMINAL.chars().collect());
static SYMBOL_SET: LazyLock<FxHashSet<char>> = LazyLock::new(|| TERMINAL.chars().chain(SYMBOLS.chars()).collect());

/// Whether the character ends sentences in some script.
pub(super) fn is_terminal(c: char) -> bool {
    TERMINAL_SET.contains(&c)
}

/// Whether the character makes no word by itself.
pub(super) fn is_symbol(c: char) -> bool {
    match c {
        '\t' | '\n' => false,
        c if c.is_ascii_alphanumeric() => false,
        c if c.is_control() => true,
        c => SYMBOL_SET.contains(&c),
    }
}

/// Whether most letters are of a script written without spaces.
pub(super) fn spaceless(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic());
    let (all, without) = letters.fold((0_usize, 0_usize), |(all, without), c| {
        let without_spaces = u32::from(c) >= 0x0E00 && !matches!(u32::from(c), 0x1100..=0x2FFF | 0xAC00..=0xD7AF);
        (all + 1, without + usize::from(without_spaces))
    });
    without * 2 > all
}

/// Python's `str.strip()`.
pub(super) fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// Python's `str.splitlines()`: ten kinds of line ends, none after the last line's.
pub(super) fn lines(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let (mut lines, mut start, mut at) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        let width = match bytes[at] {
            b'\r' if bytes.get(at + 1) == Some(&b'\n') => 2,
            b'\n' | 0x0b | 0x0c | b'\r' | 0x1c..=0x1e => 1,
            0xc2 if bytes[at + 1] == 0x85 => 2,
            0xe2 if bytes[at + 1] == 0x80 && matches!(bytes[at + 2], 0xa8 | 0xa9) => 3,
            _ => {
                at += 1;
                continue;
            }
        };
        lines.push(&text[start..at]);
        at += width;
        start = at;
    }
    if start < text.len() {
        lines.push(&text[start..]);
    }
    lines
}

/// Where a piece of the text, which points into it, lies.
pub(super) fn place(text: &str, piece: &str) -> Range<usize> {
    let start = piece.as_ptr() as usize - text.as_ptr() as usize;
    start..start + piece.len()
}

/// Code points in a text, as Python's `len` counts.
pub(super) fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_white_space_are_pythons() {
        let text = "a\r\nb\rc\n\nd\u{b}e\u{c}f\u{1c}g\u{85}h\u{2028}i\u{2029}j\u{1f}k\n";
        assert_eq!(lines(text), ["a", "b", "c", "", "d", "e", "f", "g", "h", "i", "j\u{1f}k"]);
        assert_eq!(lines(""), [""; 0]);
        assert_eq!(lines("\n"), [""]);
        assert_eq!(strip("\u{1f} \u{3000}a\u{200b}\u{1c}"), "a\u{200b}");
    }

    #[test]
    fn symbols_are_datatroves() {
        let symbols = "!—１\u{0}\u{8}\u{b}\u{d}\u{1f}\u{7f}\u{9f}।";
        assert!(symbols.chars().all(is_symbol));
        assert!(!"aé2一\t\n\u{a0}\u{200b}•".chars().any(is_symbol));
        assert!("।.。！".chars().all(is_terminal) && !";…\"".chars().any(is_terminal));
    }
}
