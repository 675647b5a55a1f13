//! Which part of a page is its text.

use super::Format;
use super::parse::{Attribute, Page};
use super::tags::Tag;
use super::text::{Amount, amounts};
use super::words::{each_word, is_clutter, is_suspect};

/// What to show: one or several subtrees, and what inside them is left out.
pub(super) struct Selection {
    pub(super) roots: Vec<usize>,
    pub(super) dropped: Vec<bool>,
}

/// In plain text a caption without its picture is left out; Markdown keeps it.
pub(super) fn select(page: &Page, format: Format) -> Selection {
    let mut dropped = vec![false; page.nodes.len()];
    drop_what_shows_nothing(page, &mut dropped);
    let all = amounts(page, &dropped);
    drop_clutter(page, &all, format, &mut dropped);
    let kept = amounts(page, &dropped);
    let gains = gains(page, &kept, &dropped);
    let root = main_element(page, &kept, &gains, &dropped);
    drop_link_lists(page, &kept, &gains, root, &mut dropped);
    drop_empty_headings(page, root, &mut dropped);
    let roots = with_its_lead(page, &kept, with_its_parts(page, &gains, &dropped, root));
    Selection { roots: roots.into_iter().filter(|&root| !dropped[root]).collect(), dropped }
}

fn mark(page: &Page, node: usize, dropped: &mut [bool]) -> usize {
    let end = page.nodes[node].end as usize;
    dropped[node..end].fill(true);
    end
}

fn drop_what_shows_nothing(page: &Page, dropped: &mut [bool]) {
    let mut i = 0;
    while i < page.nodes.len() {
        let hidden = |i| {
            page.attribute(i, Attribute::Hidden).is_some_and(|value| value != "until-found")
                || page.attribute(i, Attribute::Style).is_some_and(|style| {
                    let style = style.as_bytes();
                    let has = |what: &[u8]| style.windows(what.len()).any(|part| part.eq_ignore_ascii_case(what));
                    has(b"display:none") || has(b"display: none") || has(b"visibility:hidden")
                })
        };
        let node = &page.nodes[i];
        let inside = || page.nodes[i..node.end as usize].iter();
        let math = node.tag == Tag::Script
            && page.attribute(i, Attribute::Type).is_some_and(|kind| kind.trim_start().starts_with("math/tex"));
        // Where a formula is a picture, its source stands beside it, hidden.
        let hidden = || hidden(i) && !inside().any(|node| node.tag == Tag::Math);
        if node.tag != Tag::Text
            && ((node.tag.is_no_text() && !math) || hidden() || is_drawn(page, i) || asks_for_scripts(page, i))
        {
            i = mark(page, i, dropped);
        } else {
            i += 1;
        }
    }
}

/// What stands beside its own source: a formula as it is drawn, the numbers of a program's lines.
fn is_drawn(page: &Page, i: usize) -> bool {
    let Some(names) = page.attribute(i, Attribute::Class) else { return false };
    names.split_ascii_whitespace().any(|name| match name {
        "katex-html" | "MathJax" | "MathJax_Preview" | "MathJax_Display" => true,
        "linenos" | "lineno" | "rouge-gutter" | "hljs-ln-numbers" | "blob-num" | "line-numbers-rows" => true,
        "gutter" => page.nodes[i].tag == Tag::Td,
        _ => false,
    })
}

/// What is shown to readers without scripts, if it only says that they should have them.
fn asks_for_scripts(page: &Page, i: usize) -> bool {
    const LONGEST: usize = 300;
    let node = &page.nodes[i];
    if node.tag != Tag::Noscript {
        return false;
    }
    let texts = || page.nodes[i..node.end as usize].iter().filter(|node| node.tag == Tag::Text).map(|node| node.text);
    let names_them = |text: &str| text.as_bytes().windows(6).any(|part| part.eq_ignore_ascii_case(b"script"));
    texts().map(str::len).sum::<usize>() <= LONGEST && texts().any(names_them)
}

/// What names and roles say is no text, unless it is most of the page.
fn drop_clutter(page: &Page, all: &[Amount], format: Format, dropped: &mut [bool]) {
    let whole = all[0].text.max(1) as f32;
    let mut i = 1;
    while i < page.nodes.len() {
        let (tag, amount) = (page.nodes[i].tag, &all[i]);
        if dropped[i] || tag == Tag::Text || matches!(tag, Tag::Body | Tag::Html | Tag::Main | Tag::Article) {
            i += 1;
            continue;
        }
        let share = amount.text as f32 / whole;
        let (mut clutter, mut suspect) =
            (matches!(tag, Tag::Aside | Tag::Footer), tag == Tag::Header || tag == Tag::Form);
        clutter |= tag == Tag::Figcaption && format == Format::Text;
        for which in [Attribute::Class, Attribute::Id] {
            if let Some(names) = page.attribute(i, which) {
                each_word(names, |word| {
                    clutter |= is_clutter(word);
                    suspect |= is_suspect(word);
                });
            }
        }
        if let Some(role) = page.attribute(i, Attribute::Role) {
            clutter |= matches!(
                role,
                "navigation" | "complementary" | "contentinfo" | "banner" | "search" | "menu" | "dialog"
            );
        }
        let goes = (clutter && share < 0.4 && amount.prose as f32 <= 0.5 * all[0].prose as f32)
            || (suspect
                && share < 0.2
                && (amount.link_density() > 0.4 || amount.text < 60)
                && amount.paragraphs == 0
                && tag.heading().is_none());
        i = if goes { mark(page, i, dropped) } else { i + 1 };
    }
}

/// What each element adds to a text, with all below it: sentences count for it, links and scraps against it. The element that
/// adds most is the one that reaches over all of the text and over little else (a greatest subsequence, as in Pasternack and
/// Roth, "Extracting article text from the web with maximum subsequence segmentation", 2009; of a tree, without a model).
fn gains(page: &Page, kept: &[Amount], dropped: &[bool]) -> Vec<f32> {
    /// Characters of a block that make it prose; in a paragraph half as many do.
    const PROSE: f32 = 100.0;
    /// What a block that is none takes away, beside the characters of its links.
    const SCRAP: f32 = 40.0;
    /// Of that, in a list or a table: short items are part of many texts.
    const ITEM: f32 = 0.3;
    let holds_blocks = |i: usize| page.nodes[i].tag.is_block() || page.nodes[i].tag == Tag::Td;
    let mut gains = vec![0.0_f32; page.nodes.len()];
    for (i, node) in page.nodes.iter().enumerate().rev().filter(|&(i, _)| !dropped[i]) {
        let (mut text, mut links, mut stops) = (0, 0, 0);
        if holds_blocks(i) {
            // Only what hangs from it directly.
            for child in page.children(i).filter(|&child| !dropped[child] && !holds_blocks(child)) {
                text += kept[child].text;
                links += kept[child].links;
                stops += kept[child].stops;
            }
        }
        if text > 0 {
            let own = (text - links) as f32;
            let paragraph = matches!(node.tag, Tag::P | Tag::Pre | Tag::Blockquote);
            let sentences = own >= PROSE && stops > 0 && links < text.div_ceil(2);
            gains[i] += match node.tag {
                _ if sentences || paragraph && own >= PROSE / 2.0 => own,
                Tag::Pre => 0.0,
                tag if tag.heading().is_some() => 0.0,
                Tag::Li | Tag::Td => -ITEM * (SCRAP + links as f32),
                _ => -(SCRAP + links as f32),
            };
        }
        if i > 0 {
            gains[node.parent as usize] += gains[i];
        }
    }
    gains
}

/// The element that holds the text: a marked one if it adds enough, else the one that adds most, else the one whose paragraphs
/// weigh most.
fn main_element(page: &Page, kept: &[Amount], gains: &[f32], dropped: &[bool]) -> usize {
    /// Of the worth of the whole page, and of the greatest gain on it.
    const ENOUGH: (f32, f32) = (0.25, 0.45);
    let elements = || (1..page.nodes.len()).filter(|&i| !dropped[i] && page.nodes[i].tag != Tag::Text);
    let holds = |&i: &usize| {
        let tag = page.nodes[i].tag;
        matches!(tag, Tag::Body | Tag::Main | Tag::Article | Tag::Section | Tag::Div | Tag::Td | Tag::Form | Tag::Other)
    };
    // Of equals the innermost, which is the last.
    let densest = elements().filter(holds).fold(0, |best, i| if gains[i] >= gains[best] { i } else { best });
    let (least_worth, least_gain) = (ENOUGH.0 * worth(&kept[0]), ENOUGH.1 * gains[densest]);
    let mut best: Option<(u32, f32, usize)> = None;
    for i in elements() {
        let Some(tier) = tier(page, i) else { continue };
        let worth = worth(&kept[i]);
        if kept[i].text < 80 || worth < least_worth || gains[i] < least_gain {
            continue;
        }
        if best.is_none_or(|(best_tier, best_worth, _)| {
            tier < best_tier || (tier == best_tier && worth > best_worth * 1.05)
        }) {
            best = Some((tier, worth, i));
        }
    }
    match best {
        Some((_, _, root)) => root,
        None if gains[densest] > 0.0 => densest,
        None => heaviest(page, kept, dropped),
    }
}

/// The text and what stands beside it and adds nearly as much: some pages have their text in several boxes.
fn with_its_parts(page: &Page, gains: &[f32], dropped: &[bool], root: usize) -> Vec<usize> {
    let enough = (0.3 * gains[root]).max(200.0);
    let beside = page.children(page.nodes[root].parent as usize);
    match root {
        0 => vec![root],
        _ => beside.filter(|&i| i == root || !dropped[i] && gains[i] > enough).collect(),
    }
}

/// The text and its lead, which often stands before the element that is marked as the text, in a box of its own.
fn with_its_lead(page: &Page, kept: &[Amount], mut roots: Vec<usize>) -> Vec<usize> {
    let root = roots[0];
    let mut below = root;
    for _ in 0..4 {
        let above = page.nodes[below].parent as usize;
        if matches!(page.nodes[above].tag, Tag::Body | Tag::Html) || below == 0 {
            break;
        }
        let is_lead = |&child: &usize| {
            let amount = &kept[child];
            let sized = (60..1500).contains(&amount.text) && amount.text < kept[root].text / 2;
            sized && amount.stops > 0 && amount.link_density() < 0.2
        };
        let leads: Vec<usize> = page.children(above).take_while(|&child| child < below).filter(is_lead).collect();
        roots.splice(0..0, leads);
        below = above;
    }
    roots
}

/// Text that is not links, paragraphs for more.
fn worth(amount: &Amount) -> f32 {
    (amount.text - amount.links) as f32 + amount.prose as f32
}

/// How surely the element's own marks say that it is the main one: 0 most surely.
fn tier(page: &Page, i: usize) -> Option<u32> {
    if page.attribute(i, Attribute::ItemProp) == Some("articleBody") {
        return Some(0);
    }
    let tag = page.nodes[i].tag;
    if !matches!(tag, Tag::Div | Tag::Section | Tag::Article | Tag::Main | Tag::Td | Tag::Other) {
        return None;
    }
    let mut tier = None::<u32>;
    let mut lower = |value: u32| tier = Some(tier.map_or(value, |tier| tier.min(value)));
    for which in [Attribute::Class, Attribute::Id] {
        let Some(names) = page.attribute(i, which) else { continue };
        for name in names.split_ascii_whitespace() {
            let (mut article, mut body, mut main) = (false, false, false);
            each_word(name, |word| {
                article |= matches!(
                    word,
                    b"article"
                        | b"artikel"
                        | b"entry"
                        | b"post"
                        | b"story"
                        | b"blog"
                        | b"news"
                        | b"single"
                        | b"page"
                        | b"text"
                        | b"main"
                );
                body |= matches!(
                    word,
                    b"body"
                        | b"content"
                        | b"inhalt"
                        | b"text"
                        | b"contents"
                        | b"copy"
                        | b"articlebody"
                        | b"postcontent"
                        | b"entrycontent"
                        | b"storybody"
                        | b"postbody"
                        | b"bodytext"
                );
                main |= matches!(
                    word,
                    b"main" | b"content" | b"article" | b"inhalt" | b"post" | b"entry" | b"hentry" | b"story"
                );
            });
            if article && body {
                lower(1);
            } else if body || main {
                lower(3);
            }
        }
    }
    match tag {
        Tag::Article => lower(2),
        Tag::Main => lower(4),
        _ => {}
    }
    if matches!(page.attribute(i, Attribute::Role), Some("main" | "article")) {
        lower(4);
    }
    tier
}

/// Every paragraph gives its weight to its parent, and half of it to the parent above (as Readability does).
fn heaviest(page: &Page, kept: &[Amount], dropped: &[bool]) -> usize {
    let mut weights = vec![0.0_f32; page.nodes.len()];
    for (i, node) in page.nodes.iter().enumerate().skip(1) {
        let amount = &kept[i];
        let paragraph =
            matches!(node.tag, Tag::P | Tag::Pre | Tag::Blockquote | Tag::Td | Tag::Div | Tag::Li | Tag::Dd);
        if dropped[i] || !paragraph || amount.text < 25 {
            continue;
        }
        // Only what hangs from it directly.
        let own: u32 = page
            .children(i)
            .filter(|&child| !page.nodes[child].tag.is_block())
            .map(|child| kept[child].text - kept[child].links)
            .sum();
        if own < 25 {
            continue;
        }
        let weight = 1.0 + amount.stops as f32 + (own as f32 / 100.0).min(3.0) + own as f32 / 400.0;
        let target = if matches!(node.tag, Tag::Div | Tag::Td) { i } else { node.parent as usize };
        weights[target] += weight;
        if target > 0 {
            weights[page.nodes[target].parent as usize] += weight / 2.0;
        }
    }
    let weighed = weights.iter().enumerate().map(|(i, weight)| (i, weight * (1.0 - kept[i].link_density())));
    let best = weighed.fold((0, 0.0), |best, next| if next.1 > best.1 { next } else { best });
    if best.1 == 0.0 { 0 } else { best.0 }
}

/// Lists and boxes of links below the main element; before its first sentences and behind its last ones also boxes that have
/// links and take away more than they add.
fn drop_link_lists(page: &Page, kept: &[Amount], gains: &[f32], root: usize, dropped: &mut [bool]) {
    let (mut i, end) = (root + 1, page.nodes[root].end as usize);
    let whole = kept[root].text.max(1) as f32;
    let is_prose = |&i: &usize| gains[i] > 0.0 && page.children(i).all(|child| gains[child] <= 0.0);
    let first = (i..end).find(is_prose).unwrap_or(end);
    let last = (i..end).rev().find(is_prose).unwrap_or(0);
    while i < end {
        let (tag, amount) = (page.nodes[i].tag, &kept[i]);
        let density = amount.link_density();
        let boxed = matches!(
            tag,
            Tag::Div
                | Tag::Ul
                | Tag::Ol
                | Tag::Section
                | Tag::Table
                | Tag::Dl
                | Tag::P
                | Tag::Header
                | Tag::Form
                | Tag::Details
        );
        let share = amount.text as f32 / whole;
        let limit = match tag {
            Tag::P => 0.9,
            Tag::Ul | Tag::Ol => 0.66,
            _ => 0.5,
        };
        let outside = tag != Tag::P && gains[i] < 0.0 && (i > last || page.nodes[i].end as usize <= first);
        let goes = boxed
            && !dropped[i]
            && amount.anchors > 0
            && (density > limit || outside)
            && share < 0.5
            && (tag != Tag::P || amount.text < 200);
        i = if goes { mark(page, i, dropped) } else { i + 1 };
    }
}

/// Headings of what was dropped: nothing follows before the next of the same rank, or the end.
fn drop_empty_headings(page: &Page, root: usize, dropped: &mut [bool]) {
    // From the end: the highest rank that stands next, with no text between.
    let mut next = Some(0);
    let mut i = page.nodes[root].end as usize;
    let mut inside = vec![0_u8; page.nodes.len()];
    for h in root..page.nodes[root].end as usize {
        if let Some(level) = page.nodes[h].tag.heading() {
            inside[h..page.nodes[h].end as usize].fill(level as u8);
        }
    }
    while i > root + 1 {
        i -= 1;
        if dropped[i] {
            continue;
        }
        let node = &page.nodes[i];
        if let Some(level) = node.tag.heading() {
            if level > 1 && next.is_some_and(|next| next <= level) {
                mark(page, i, dropped);
            } else {
                next = Some(level);
            }
        } else if node.tag == Tag::Text && inside[i] == 0 && node.text.chars().any(char::is_alphanumeric) {
            next = None;
        }
    }
}
