//! Trains the language model of `aquifer_text::language`, and asks how well it does.
//!
//! `language train DATA OUT.ftz` learns from `DATA/lm_text`; `language test DATA` scores the model that is built in, and
//! `whatlang`, on the articles that training left out, cut to 50 and to 200 characters.
//!
//! Articles are the blocks of `udhr_languages.jsonl.zst` between blank lines; every fifth is left out, in all languages.

use aquifer_corpus::{ReadOptions, read_documents};
use aquifer_record::{Silent, Stop};
use aquifer_tensor::random::Stream;
use aquifer_text::fasttext::{Example, FastText, QuantiseOptions, TrainOptions};
use aquifer_text::language::{codes, languages, letters};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["train", data, out] => train(Path::new(data), Path::new(out)),
        ["test", data] => test(Path::new(data)),
        _ => Err("usage: language train DATA OUT.ftz, or language test DATA".into()),
    }
}

/// Codes of the declaration that ISO 639-1 has shorter ones for; several variants of a language become one.
const SHORT: &str = "abk ab afr af aka ak als sq amh am arb ar arn arn ayr ay azj az bam bm bel be ben bn bis bi bod bo bos bs bre br \
    bul bg cat ca ces cs cha ch chv cv cmn zh cos co cym cy dan da deu de div dv dzo dz ell el eng en epo eo est et eus eu ewe ee \
    fao fo fij fj fin fi fra fr fri fy fuf ff gla gd gle ga glg gl gug gn guj gu hat ht hau ha heb he hil hil hin hi hrv hr hun hu \
    hye hy ibo ig ido io iii ii ina ia ind id isl is ita it jav jv jpn ja kal kl kan kn kat ka kaz kk khk mn khm km kin rw kir ky \
    knc kr kng kg kor ko lad lad lao lo lat la lav lv lin ln lit lt ltz lb lua lua lug lg mah mh mal ml mar mr mkd mk mlt mt mly ms \
    mri mi mya my nav nv nbl nr nds nds nep ne nld nl nno nn nob no ndo ng nya ny oss os pan pa pes fa plt mg pol pl por pt prs fa \
    quz qu roh rm ron ro run rn rus ru sag sg san sa slk sk slv sl sme se smo sm sna sn som so sot st spa es src sc srp sr ssw ss \
    sun su swe sv swh sw tah ty tam ta tat tt tgk tg tgl tl tha th tir ti ton to tsn tn tso ts tuk tk tur tr twi tw uig ug ukr uk \
    urd ur uzn uz ven ve vie vi wln wa wol wo xho xh ydd yi yor yo zul zu";

fn short(code: &str) -> &str {
    let base = code.split('_').next().unwrap_or(code);
    let mut words = SHORT.split_whitespace();
    while let (Some(long), Some(short)) = (words.next(), words.next()) {
        if long == base {
            return short;
        }
    }
    base
}

/// (language, article, its text) of the whole declaration, but for texts whose language has no code.
fn articles(data: &Path) -> Result<Vec<(String, usize, String)>, Box<dyn Error>> {
    let mut out = Vec::new();
    for row in read_documents(&data.join("lm_text/udhr_languages.jsonl.zst"), &ReadOptions::default())? {
        // One text of the file is empty.
        let Ok(document) = row else { continue };
        let code = document.metadata["lang"].as_str().unwrap_or_default();
        if code.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let lines = document.text.lines().map(str::trim);
        let blocks = lines.collect::<Vec<_>>();
        let blocks = blocks.split(|line| line.is_empty()).filter(|block| !block.is_empty());
        out.extend(blocks.enumerate().map(|(i, block)| (short(code).to_owned(), i, block.join(" "))));
    }
    Ok(out)
}

fn held_out(article: usize) -> bool {
    article % 5 == 2
}

/// Novels, so that a page is not taken for what only sounds least like a declaration: (file, language, characters).
const NOVELS: &[(&str, &str, usize)] = &[
    ("botchan_en.txt", "en", 100_000),
    ("tinyshakespeare.txt", "en", 50_000),
    ("ja_nekodearu.txt.gz", "ja", 60_000),
    ("zh_novel_sanguo.txt.gz", "zh", 15_000),
    ("zh_novel_shuihu.txt.gz", "zh", 15_000),
    ("zh_novel_xiyouji.txt.gz", "zh", 15_000),
];

/// Languages of many pages. Their texts count four times, so that a short line is rather taken for one of them than for a
/// neighbour with few readers.
const WIDE: &str = "af am ar az be bg bn ca cs cy da de el en eo es et fa fi fr gu he hi hr hu hy id it ja jv ka km kn ko lt lv \
    mk ml mr my ne nl no pa pl pt ro ru sk sl sr sv ta th tl tr uk ur uz vi yi zh zu";

fn train(data: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let mut texts: Vec<(String, String)> = Vec::new();
    for (language, article, text) in articles(data)? {
        if !held_out(article) {
            texts.push((language, letters(&text)));
        }
    }
    for &(file, language, n) in NOVELS {
        let parts = read_documents(&data.join("lm_text").join(file), &ReadOptions::default())?;
        let text: String = parts.flatten().map(|part| part.text).collect();
        texts.push((language.to_owned(), letters(&text.chars().take(n).collect::<String>())));
    }
    // Each text some times over, cut anew into pieces of 15 to 180 characters.
    let mut pieces: Vec<(&str, String)> = Vec::new();
    let wide: BTreeSet<&str> = WIDE.split_whitespace().collect();
    for copy in 0..12 {
        let mut draws = Stream::new(7, "language", "cuts").sequence(copy);
        for (language, text) in texts.iter().filter(|(language, _)| copy < 3 || wide.contains(language.as_str())) {
            let mut chars = text.chars().peekable();
            while chars.peek().is_some() {
                let n = 15 + draws.below(166) as usize;
                pieces.push((language, chars.by_ref().take(n).collect()));
            }
        }
    }
    let examples: Vec<Example> =
        pieces.iter().map(|(language, text)| Example { labels: vec![language], text }).collect();
    let options = TrainOptions {
        dim: 16,
        epochs: 12,
        learning_rate: 0.5,
        char_ngrams: (1, 4),
        buckets: 1 << 19,
        min_count: 1_000_000,
        ..TrainOptions::default()
    };
    let mut model = FastText::train(&examples, &options, &Silent, &Stop::new())?;
    println!("{} languages, {} pieces", model.labels().len(), examples.len());
    model.prune(44_000);
    model.fit(&examples, 8, 0.3, 1, &Silent, &Stop::new())?;
    let bytes = model.quantise(&QuantiseOptions::default())?;
    std::fs::write(out, &bytes)?;
    println!("{} bytes", bytes.len());
    Ok(())
}

/// whatlang's codes (ISO 639-3, macrolanguages where it means one) as ours.
fn of_whatlang(code: &str) -> &str {
    match code {
        "ara" => "ar",
        "aze" => "az",
        "uzb" => "uz",
        "yid" => "yi",
        "lav" => "lv",
        "est" => "et",
        "ori" => "or",
        other => short(other),
    }
}

fn test(data: &Path) -> Result<(), Box<dyn Error>> {
    let ours: BTreeSet<&str> = codes().iter().map(String::as_str).collect();
    let shared: BTreeSet<&str> =
        whatlang::Lang::all().iter().map(|lang| of_whatlang(lang.code())).filter(|code| ours.contains(code)).collect();
    let articles: Vec<_> = articles(data)?.into_iter().filter(|&(_, article, _)| held_out(article)).collect();
    println!("{} languages known here, {} of them to whatlang: {shared:?}", ours.len(), shared.len());
    for length in [50, 200] {
        let mut scores = BTreeMap::<&str, [u32; 4]>::new();
        let mut all = [0, 0];
        let mut scratch = Default::default();
        for (language, _, text) in &articles {
            let chars: Vec<char> = text.chars().collect();
            for cut in chars.chunks(length).filter(|cut| cut.len() == length) {
                let cut: String = cut.iter().collect();
                let guesses = languages(&cut, usize::MAX, &mut scratch);
                let best = guesses.first().map_or("", |guess| guess.code);
                all[0] += 1;
                all[1] += u32::from(best == language);
                if let Some(&language) = shared.get(language.as_str()) {
                    let among = guesses.iter().find(|guess| shared.contains(guess.code)).map_or("", |guess| guess.code);
                    let theirs = whatlang::detect(&cut).map_or("", |info| of_whatlang(info.lang().code()));
                    let score = scores.entry(language).or_default();
                    let right = [true, best == language, among == language, theirs == language];
                    score.iter_mut().zip(right).for_each(|(n, right)| *n += u32::from(right));
                }
            }
        }
        let sum = |i: usize| scores.values().map(|score| score[i]).sum::<u32>() as f64;
        let mean =
            |i: usize| scores.values().map(|s| f64::from(s[i]) / f64::from(s[0])).sum::<f64>() / scores.len() as f64;
        println!(
            "{length} characters: all {} languages {:.4} of {}",
            ours.len(),
            f64::from(all[1]) / f64::from(all[0]),
            all[0]
        );
        for (who, i) in [("ours", 1), ("ours, told the shared ones", 2), ("whatlang", 3)] {
            println!("  {who}: {:.4} of {} pieces, {:.4} over languages", sum(i) / sum(0), sum(0), mean(i));
        }
        for (language, [n, ours, _, theirs]) in scores.iter().filter(|(_, s)| s[1] < s[3] || s[1] * 10 < s[0] * 9) {
            println!("    {language}: {ours} and {theirs} of {n}");
        }
    }
    Ok(())
}
