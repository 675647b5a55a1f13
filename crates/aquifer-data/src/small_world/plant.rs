//! Defects planted among the clean documents, each with its truth written down where the cleaners do not look.

use super::WorldOptions;
use super::lexicon::FILLERS;
use aquifer_corpus::Document;
use aquifer_tensor::random::{Sequence, Stream};
use serde::{Deserialize, Serialize};

/// What is true of a document of the small world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// The document's id.
    pub id: String,
    /// What was done to it.
    pub planted: Planted,
    /// The document it copies, for duplicates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// The text as it was before, where repair should bring it back; and the text of clean documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What can be wrong with a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Planted {
    /// Nothing.
    Clean,
    /// The same text as another document's, but for white space.
    ExactDuplicate,
    /// Another document's text with a word or a sentence changed.
    NearDuplicate,
    /// Noise: no sentence in it.
    Junk,
    /// A page of notices and navigation.
    Boilerplate,
    /// A clean document with lines of notices around it.
    BoilerplateLines,
    /// UTF-8 read as Latin-1 or Windows-1252, once or twice.
    BrokenEncoding,
}

/// Plants defects and puts everything in a random order, copies after what they copy. Ids say nothing.
pub(super) fn plant(clean: Vec<Document>, options: &WorldOptions) -> (Vec<Document>, Vec<Truth>) {
    let mut draw = Stream::new(options.seed, "small world defects", "").sequence(0);
    let n = clean.len();
    let share = |share: f32| (n as f32 * share * options.defects).round() as usize;
    // (place in the order, document, truth); `of` holds an index into this list until ids are given.
    let mut all: Vec<(f32, Document, Planted, Option<usize>, Option<String>)> = Vec::with_capacity(n * 5 / 4);
    for document in clean {
        let text = document.text.clone();
        all.push((draw.uniform(), document, Planted::Clean, None, Some(text)));
    }
    let mut order: Vec<usize> = (0..n).collect();
    draw.shuffle(&mut order);
    let mut next = order.into_iter();
    let plain = |d: &Document| !d.metadata.contains_key("messages");
    let long = |d: &Document| {
        plain(d) && (d.text.split(' ').count() >= 40 || (!d.text.is_ascii() && d.text.chars().count() >= 70))
    };

    for i in next.by_ref().take(share(0.05)) {
        let (place, mut copy) = (all[i].0, all[i].1.clone());
        if plain(&copy) && draw.below(2) == 0 {
            copy.text = format!("{}\n", copy.text.replacen(' ', "  ", 3));
        }
        let place = place + draw.uniform() * (1.0 - place);
        all.push((place, copy, Planted::ExactDuplicate, Some(i), None));
    }
    let near: Vec<usize> = next.by_ref().filter(|&i| long(&all[i].1)).take(share(0.05)).collect();
    for i in near {
        let (place, mut copy) = (all[i].0, all[i].1.clone());
        copy.text = edited(&copy.text, &mut draw);
        let place = place + draw.uniform() * (1.0 - place);
        all.push((place, copy, Planted::NearDuplicate, Some(i), None));
    }
    let broken: Vec<usize> =
        next.by_ref().filter(|&i| plain(&all[i].1) && !all[i].1.text.is_ascii()).take(share(0.04)).collect();
    for i in broken {
        all[i].1.text = broken_encoding(&all[i].1.text, &mut draw);
        all[i].2 = Planted::BrokenEncoding;
    }
    let wrapped: Vec<usize> = next.filter(|&i| plain(&all[i].1)).take(share(0.03)).collect();
    for i in wrapped {
        let (before, after) = (draw.pick(NOTICES), draw.pick(NOTICES));
        all[i].1.text = format!("{before}\n{}\n{after}\n{}", all[i].1.text, draw.pick(NAVIGATION));
        all[i].2 = Planted::BoilerplateLines;
    }
    for _ in 0..share(0.03) {
        all.push((draw.uniform(), Document::new("", junk(&mut draw)), Planted::Junk, None, None));
    }
    for _ in 0..share(0.02) {
        all.push((draw.uniform(), Document::new("", boilerplate(&mut draw)), Planted::Boilerplate, None, None));
    }

    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|&a, &b| all[a].0.total_cmp(&all[b].0).then(a.cmp(&b)));
    let mut ids = vec![String::new(); all.len()];
    for (place, &i) in order.iter().enumerate() {
        ids[i] = format!("world-{place:05}");
    }
    let (mut documents, mut truths) = (Vec::new(), Vec::new());
    for &i in &order {
        let (_, document, planted, of, text) = &mut all[i];
        document.id.clone_from(&ids[i]);
        documents.push(std::mem::take(document));
        truths.push(Truth {
            id: ids[i].clone(),
            planted: *planted,
            of: of.map(|of| ids[of].clone()),
            text: text.take(),
        });
    }
    (documents, truths)
}

/// One small change: a sentence of filler before or after, or a word (a character, in Chinese) lost or doubled.
fn edited(text: &str, draw: &mut Sequence) -> String {
    let english = text.is_ascii() || text.split(' ').count() > 10;
    let filler = *draw.pick(FILLERS[usize::from(!english)]);
    let space = if english { " " } else { "" };
    match draw.below(4) {
        0 => format!("{filler}{space}{text}"),
        1 => format!("{text}{space}{filler}"),
        change => {
            let mut units: Vec<String> = if english {
                text.split(' ').map(str::to_owned).collect()
            } else {
                text.chars().map(String::from).collect()
            };
            let at = 1 + draw.below(units.len() as u64 - 2) as usize;
            if change == 2 {
                drop(units.remove(at))
            } else {
                units.insert(at, units[at].clone())
            }
            units.join(space)
        }
    }
}

fn broken_encoding(text: &str, draw: &mut Sequence) -> String {
    let latin_1 = draw.below(3) == 0;
    let misread = |text: &str| -> String {
        if latin_1 {
            text.bytes().map(char::from).collect()
        } else {
            encoding_rs::WINDOWS_1252.decode_without_bom_handling(text.as_bytes()).0.into_owned()
        }
    };
    let once = misread(text);
    if draw.below(5) == 0 { misread(&once) } else { once }
}

const NOTICES: &[&str] = &[
    "This website uses cookies. Accept all cookies | Cookie settings",
    "By using this site you agree to our Terms of Use and Privacy Policy.",
    "Copyright © 2019 All rights reserved.",
    "Subscribe to our newsletter and never miss an update!",
    "Click here to share this page on social media",
    "JavaScript is disabled in your browser. Please enable JavaScript.",
    "本网站使用 Cookie。点击接受全部 Cookie。",
    "版权所有 © 2019 保留一切权利。未经授权禁止转载。",
    "请登录后发表评论 | 注册账号 | 忘记密码",
];
const NAVIGATION: &[&str] = &[
    "Home | About us | Contact | Sitemap",
    "Home » News » Archive » Page 3",
    "首页 | 关于我们 | 联系我们 | 网站地图",
    "Share on Facebook | Tweet | Print this page",
    "上一篇 | 下一篇 | 返回顶部",
];

fn boilerplate(draw: &mut Sequence) -> String {
    let mut lines = vec![(*draw.pick(NAVIGATION)).to_owned()];
    for _ in 0..3 + draw.below(4) {
        lines.push((*draw.pick(NOTICES)).to_owned());
    }
    lines.push((*draw.pick(NAVIGATION)).to_owned());
    // A number of its own keeps such pages from being mere copies of each other.
    lines.push(format!("Page views: {} | Visitor no. {}", draw.below(100_000), draw.below(1_000_000)));
    lines.join("\n")
}

fn junk(draw: &mut Sequence) -> String {
    let length = 60 + draw.below(120) as usize;
    let noise = |alphabet: &str, draw: &mut Sequence| {
        let letters: Vec<char> = alphabet.chars().collect();
        (0..length).map(|_| *draw.pick(&letters)).collect::<String>()
    };
    match draw.below(6) {
        0 => noise("!@#$%^&*()_+-=[]{}|;:,.<>?/~ ", draw),
        1 => noise("asdfghjklqwertyuiopzxcvbnm", draw),
        2 => noise("0123456789 0123456789\n.,", draw),
        3 => noise("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", draw),
        4 => format!(
            "{}\n",
            ["buy now!!! best price $$$", "click click click click", "嘿嘿嘿嘿嘿嘿"][draw.below(3) as usize]
        )
        .repeat(8 + draw.below(9) as usize),
        _ => noise("□■◆◇★☆▲△▼▽●○◎※→←↑↓ ", draw),
    }
}
