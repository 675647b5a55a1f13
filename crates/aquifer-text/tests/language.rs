//! The language model that is built in, on sentences it has not seen.

#![allow(clippy::unwrap_used)]

use aquifer_text::language::{codes, languages, letters};

const SENTENCES: &[(&str, &str)] = &[
    ("en", "Sign up for our newsletter and get 20% off your first order of running shoes!"),
    ("en", "How I fixed a slow laptop in ten minutes"),
    ("de", "Die Bahn fährt heute wegen des Sturms leider nicht nach Hamburg."),
    ("fr", "Nous avons mangé une excellente tarte aux pommes hier soir."),
    ("es", "Mañana vamos a la playa con los niños y el perro."),
    ("it", "Il gatto dorme sul divano mentre fuori piove ancora."),
    ("pt", "Não sei se amanhã vai chover, mas levo o guarda-chuva."),
    ("nl", "Wij fietsen elke dag naar school, ook als het regent."),
    ("pl", "Wczoraj wieczorem oglądaliśmy bardzo ciekawy film o górach."),
    ("ru", "Вчера мы ходили в кино и смотрели новый фильм про космос."),
    ("uk", "Сьогодні ввечері ми йдемо до театру разом із друзями."),
    ("el", "Αύριο θα πάμε στη θάλασσα αν έχει καλό καιρό."),
    ("tr", "Yarın sabah erkenden pazara gidip taze sebze alacağız."),
    ("zh", "我们昨天在公园里散步，看到了很多漂亮的花。"),
    ("zh", "這家餐廳的牛肉麵非常好吃，下次還要再來。"),
    ("ja", "明日は友達と映画を見に行くつもりです。"),
    ("ko", "오늘 저녁에는 가족과 함께 김치찌개를 먹었어요."),
    ("ar", "ذهبنا أمس إلى السوق واشترينا الكثير من الفواكه الطازجة."),
    ("hi", "कल हम सब मिलकर बाज़ार गए और ताज़े फल खरीदे।"),
    ("th", "เมื่อวานนี้เราไปเดินเล่นที่สวนสาธารณะกับเพื่อน"),
    ("vi", "Hôm qua chúng tôi đi chợ mua rất nhiều rau tươi."),
];

#[test]
fn everyday_sentences() {
    let mut scratch = Default::default();
    let wrong: Vec<_> = SENTENCES
        .iter()
        .map(|&(code, text)| (code, languages(text, 1, &mut scratch)[0], text))
        .filter(|(code, found, _)| found.code != *code)
        .collect();
    // A line so short may go to a neighbour.
    assert!(wrong.len() <= 4, "{wrong:?}");
}

#[test]
fn what_has_no_letters_has_no_language() {
    let mut scratch = Default::default();
    for text in ["", " \n", "123 456", "… — !!", "'", "👍🏽 👍"] {
        assert!(languages(text, 1, &mut scratch).is_empty(), "{text:?}: {:?}", letters(text));
    }
    let all = languages("What is the capital?", usize::MAX, &mut scratch);
    assert!(all.len() <= codes().len() && all.is_sorted_by(|a, b| a.probability >= b.probability));
}

#[test]
fn only_letters_are_shown_to_the_model() {
    assert_eq!(letters("  Don’t PANIC, 42 — it's\u{301} 水。火\t(क्ष)！"), "don't panic it's\u{301} 水 火 क्ष");
}
