//! Where sentences end.

use super::Token;

/// Marks that end a sentence, in many scripts; spaCy's `sentencizer`.
const MARKS: &str = "!.?։؟۔܀܁܂߹।॥၊။።፧፨᙮᜵᜶᠃᠉᥄᥅᪨᪩᪪᪫᭚᭛᭞᭟᰻᰼᱾᱿‼‽⁇⁈⁉⸮⸼꓿꘎꘏꛳꛷꡶꡷꣎꣏꤯꧈꧉꩝꩞꩟꫰꫱꯫﹒﹖﹗！．？\
    𐩖𐩗𑁇𑁈𑂾𑂿𑃀𑃁𑅁𑅂𑅃𑇅𑇆𑇍𑇞𑇟𑈸𑈹𑈻𑈼𑊩𑑋𑑌𑗂𑗃𑗉𑗊𑗋𑗌𑗍𑗎𑗏𑗐𑗑𑗒𑗓𑗔𑗕𑗖𑗗𑙁𑙂𑜼𑜽𑜾𑩂𑩃𑪛𑪜𑱁𑱂𖩮𖩯𖫵𖬷𖬸𖭄𛲟𝪈｡。";

/// Whether the text is one such mark.
pub(super) fn is_mark(text: &str) -> bool {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) if c.is_ascii() => matches!(c, '!' | '.' | '?'),
        (Some('一'..='\u{9fff}'), None) => false,
        (Some(c), None) => MARKS.contains(c),
        _ => false,
    }
}

/// The index one past the last token of each sentence: a sentence goes on through the punctuation behind its mark.
pub fn sentences(tokens: &[Token]) -> Vec<usize> {
    let (mut ends, mut over) = (Vec::new(), false);
    for (i, token) in tokens.iter().enumerate() {
        if token.ends_sentence() {
            over = true;
        } else if over && !token.is_punctuation() {
            ends.push(i);
            over = false;
        }
    }
    if !tokens.is_empty() {
        ends.push(tokens.len());
    }
    ends
}
