//! Chunks that are cut by a list rather than by rule: contractions, abbreviations, emoticons.
//!
//! The lists are those of spaCy 3.8 (`lang/tokenizer_exceptions.py`, `lang/en/tokenizer_exceptions.py`, MIT), written as families:
//! each stem takes each ending, in lower case and with a capital; `|` marks a cut.

use rustc_hash::FxHashMap;

/// Stems and the endings they take.
const CONTRACTIONS: &[(&str, &str)] = &[
    ("i", "|'m |m |'m|a |m|a"),
    ("i you he she it we they", "|'ll |ll |'ll|'ve |ll|ve |'d |d |'d|'ve |d|ve"),
    ("i you we they", "|'ve |ve"),
    ("you we they", "|'re |re"),
    ("he she it", "|'s |s"),
    ("who what when where why how there that this these those", "|'ll |ll |'ll|'ve |ll|ve |'d |d |'d|'ve |d|ve"),
    ("who what when where why how there that this", "|'s |s"),
    ("who what when where why how there these those", "|'re |re |'ve |ve"),
    ("ca could do does did had may might must need ought sha should wo would", "|n't |nt |n't|'ve |nt|ve"),
    ("could might must should would", "|'ve |ve"),
    ("ai are is was were have has dare", "|n't |nt"),
    ("doin goin nothin nuthin ol somethin", "' "),
];

/// What the families make, and is left whole because it is a word of its own.
const WORDS_OF_THEIR_OWN: &str = "ill its hell shell shed were well whore";

/// English chunks, cut at the marks.
const ENGLISH: &str = "em 'em ll 'll nuff 'nuff y'|all y|all how|'d|'y How|'d|'y not|'ve not|ve Not|'ve Not|ve can|not Can|not gon|na \
    Gon|na got|ta Got|ta let|'s Let|'s c'm|on C'm|on 'S 's ‘S ‘s and/or w/o 're 'Cause 'cause 'cos 'Cos 'coz 'Coz 'cuz 'Cuz \
    'bout ma'am Ma'am o'clock O'clock lovin' Lovin' lovin Lovin havin' Havin' havin Havin Mt. Ak. Ala. Apr. Ariz. Ark. Aug. \
    Calif. Colo. Conn. Dec. Del. Feb. Fla. Ga. Ia. Id. Ill. Ind. Jan. Jul. Jun. Kan. Kans. Ky. La. Mar. Mass. Mich. Minn. \
    Miss. N.C. N.D. N.H. N.J. N.M. N.Y. Neb. Nebr. Nev. Nov. Oct. Okla. Ore. Pa. S.C. Sep. Sept. Tenn. Va. Wash. Wis. 'd \
    a.m. Adm. Bros. co. Co. Corp. D.C. Dr. e.g. E.g. E.G. Gen. Gov. i.e. I.e. I.E. Inc. Jr. Ltd. Md. Messrs. Mo. Mont. \
    Mr. Mrs. Ms. p.m. Ph.D. Prof. Rep. Rev. Sen. St. vs. v.s.";

/// Chunks of every language, left whole but for the degrees.
const ANY: &str = r#"\t \n — ' \") <space> '' C++ ä. ö. ü. °|c|. °|f|. °|k|. °|C|. °|F|. °|K|.
    :) :-) :)) :-)) :))) :-))) (: (-: =) (= :] :-] [: [-: [= =] :o) (o: :} :-} 8) 8-) (-8 ;) ;-) (; (-; :( :-( :(( :-(( :((( :-(((
    ): )-: =( >:( :') :'-) :'( :'-( :/ :-/ =/ =| :| :-| ]= =[ :1 :P :-P :p :-p :O :-O :o :-o :0 :-0 :() >:o :* :-* :3 :-3 =3 :> :->
    :X :-X :x :-x :D :-D ;D ;-D =D xD XD xDD XDD 8D 8-D ^_^ ^__^ ^___^ >.< >.> <.< ._. ;_; -_- -__- v.v V.V v_v V_V o_o o_O O_o O_O
    0_o o_0 0_0 o.O O.o O.O o.o 0.0 o.0 0.o @_@ <3 <33 <333 </3 (^_^) (-_-) (._.) (>_<) (*_*) (¬_¬) ಠ_ಠ ಠ︵ಠ (ಠ_ಠ) ¯\(ツ)/¯
    (╯°□°）╯︵┻━┻ ><(((*>"#;

/// The bars of two emoticons are part of them.
const WITH_A_BAR: [&str; 3] = ["=|", ":|", ":-|"];

/// A chunk and the lengths in bytes of its pieces.
pub(super) type Exceptions = FxHashMap<String, Vec<usize>>;

/// The list of a language: the common one, and for English its own, each apostrophe also as `’`.
pub(super) fn exceptions(english: bool) -> Exceptions {
    let mut list = Exceptions::default();
    ANY.split_ascii_whitespace().for_each(|marked| add(&mut list, marked));
    ('a'..='z').for_each(|letter| add(&mut list, &format!("{letter}.")));
    if !english {
        return list;
    }
    let mut own = Exceptions::default();
    for (stems, endings) in CONTRACTIONS {
        for stem in stems.split(' ') {
            for stem in [stem.to_owned(), capital(stem)] {
                endings.split(' ').for_each(|ending| add(&mut own, &format!("{stem}{ending}")));
            }
        }
    }
    for hour in 1..=12 {
        ["a.m.", "am", "p.m.", "pm"].iter().for_each(|half| add(&mut own, &format!("{hour}|{half}")));
    }
    for word in WORDS_OF_THEIR_OWN.split(' ') {
        own.remove(word);
        own.remove(&capital(word));
    }
    ENGLISH.split_ascii_whitespace().for_each(|marked| add(&mut own, marked));
    list.extend(own);
    let curly: Vec<String> = list.iter().filter(|(k, _)| k.contains('\'')).map(|(k, cuts)| marked(k, cuts)).collect();
    curly.iter().for_each(|marked| add(&mut list, &marked.replace('\'', "’")));
    list
}

fn add(list: &mut Exceptions, marked: &str) {
    let pieces: Vec<&str> = if WITH_A_BAR.contains(&marked) { vec![marked] } else { marked.split('|').collect() };
    list.insert(pieces.concat(), pieces.iter().map(|piece| piece.len()).collect());
}

fn marked(chunk: &str, lengths: &[usize]) -> String {
    let mut at = 0;
    let cut = |length: &usize| {
        at += length;
        &chunk[at - length..at]
    };
    lengths.iter().map(cut).collect::<Vec<_>>().join("|")
}

fn capital(word: &str) -> String {
    word[..1].to_ascii_uppercase() + &word[1..]
}
