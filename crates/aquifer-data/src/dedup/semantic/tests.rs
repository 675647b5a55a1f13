use super::vectors::floats;
use super::*;
use crate::dedup::{Clusters, Method, near};
use aquifer_corpus::Document;
use aquifer_tensor::random::{Sequence, Stream};
use aquifer_tensor::threads;

/// Takes a text for the numbers of its vector.
struct Given;

impl Embed for Given {
    fn width(&self) -> usize {
        8
    }

    fn note(&self, text: &str) -> Vec<u8> {
        text.split_whitespace().flat_map(|x| x.parse::<f32>().unwrap().to_le_bytes()).collect()
    }

    fn learn<'a>(&'a self, _n: usize, _notes: &Details) -> Result<Box<ToVector<'a>>, FileError> {
        Ok(Box::new(|note, out| {
            let vector = floats(note);
            out[..vector.len()].copy_from_slice(&vector);
            !vector.is_empty()
        }))
    }
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|x| *x /= length);
    vector
}

/// Vectors in all directions, some of them near earlier ones, some equal to them; every tenth document has none.
fn given(n: usize, choose: &mut Sequence) -> Vec<Vec<f32>> {
    let mut made: Vec<Vec<f32>> = Vec::new();
    for i in 0..n {
        let mut some = |by: f32| -> Vec<f32> { (0..8).map(|_| by * (choose.uniform() - 0.5)).collect() };
        let fresh = unit(some(1.0));
        let shift = some(0.15);
        let before = made.get(choose.below(n as u64) as usize).filter(|v| !v.is_empty()).cloned();
        made.push(match (i % 10, before) {
            (9, _) => Vec::new(),
            (0..3, Some(before)) => unit(before.iter().zip(shift).map(|(x, by)| x + by).collect()),
            (3, Some(before)) => before,
            _ => fresh,
        });
    }
    made
}

fn documents(vectors: &[Vec<f32>]) -> Vec<Document> {
    let text = |vector: &Vec<f32>| vector.iter().map(f32::to_string).collect::<Vec<_>>().join(" ");
    vectors.iter().map(|vector| Document::new("", text(vector))).collect()
}

fn clusters(semantic: &Semantic, documents: &[Document], memory: usize) -> Clusters {
    Method::Semantic(semantic.clone()).clusters(documents, Spill::to_temporary(memory)).unwrap()
}

/// Every pair compared with every other, in f64.
fn brute_force(vectors: &[Vec<f32>], threshold: f64) -> (Clusters, f64) {
    let mut groups = Groups::new(vectors.len());
    let mut nearest_miss = 1.0_f64;
    for b in 0..vectors.len() {
        for a in 0..b {
            if vectors[a].is_empty() || vectors[b].is_empty() {
                continue;
            }
            let cosine: f64 = vectors[a].iter().zip(&vectors[b]).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
            nearest_miss = nearest_miss.min((cosine - threshold).abs());
            if cosine >= threshold {
                groups.join(a as u32, b as u32);
            }
        }
    }
    (groups.clusters(), nearest_miss)
}

#[test]
fn one_cluster_finds_every_pair_whatever_threads_and_memory() {
    let vectors = given(1500, &mut Stream::new(1, "test", "semantic").sequence(0));
    let documents = documents(&vectors);
    let semantic = Semantic { threshold: 0.98, clusters: 1, embed: Arc::new(Given) };
    let (expected, margin) = brute_force(&vectors, 0.98);
    // No pair lies so near the threshold that rounding could decide.
    assert!(margin > 1e-6, "{margin}");
    assert!(expected.sizes.iter().filter(|&&size| size > 1).count() > 200);
    for (n, memory) in [(1, 0), (3, 1 << 24)] {
        assert_eq!(threads::with(n, || clusters(&semantic, &documents, memory)), expected, "{n} threads");
    }
}

#[test]
fn many_clusters_find_nearly_all_and_nothing_else() {
    let vectors = given(3000, &mut Stream::new(2, "test", "semantic").sequence(0));
    let documents = documents(&vectors);
    let run = |n| {
        let semantic = Semantic { threshold: 0.98, clusters: 40, embed: Arc::new(Given) };
        threads::with(n, || clusters(&semantic, &documents, 1 << 12))
    };
    let found = run(1);
    assert_eq!(found, run(3));
    let (expected, _) = brute_force(&vectors, 0.98);
    let copies = |clusters: &Clusters| clusters.of.iter().zip(0..).filter(|&(&of, i)| of != i).count();
    assert!(found.of.iter().zip(&expected.of).all(|(of, all)| expected.of[*of as usize] == *all));
    let share = copies(&found) as f64 / copies(&expected) as f64;
    assert!(share > 0.85, "{share}");
}

/// Texts about things that each have two names and a word that goes with them; and for some of them the same said by the other
/// names, in another order of sentences.
fn paraphrases() -> (Vec<Document>, Vec<(usize, usize)>) {
    let name = |thing: u64, other: u64| {
        let letters = ["ba", "do", "fi", "gu", "ke", "lo", "mi", "nu", "pa", "re"];
        let syllable = |n: u64| letters[(n % 10) as usize];
        format!(
            "{}{}{}{}",
            ["x", "y", "z"][other as usize],
            syllable(thing),
            syllable(thing / 10),
            syllable(thing / 100)
        )
    };
    let write = |sentences: &[Vec<(u64, u64)>], turn: u64| {
        let sentence = |things: &Vec<(u64, u64)>| {
            let words =
                things.iter().map(|&(thing, first)| format!("{} {}", name(thing, (first + turn) % 2), name(thing, 2)));
            words.collect::<Vec<_>>().join(" ") + "."
        };
        sentences.iter().map(sentence).collect::<Vec<_>>().join(" ")
    };
    let stream = Stream::new(5, "test", "paraphrases");
    let (mut documents, mut pairs) = (Vec::new(), Vec::new());
    for i in 0..500 {
        let mut choose = stream.sequence(i);
        let subject = choose.below(20) * 20;
        let things: Vec<u64> = (0..6).map(|_| subject + choose.below(20)).collect();
        let mut thing = || things[choose.below(6) as usize];
        let drawn: Vec<u64> = (0..40).map(|_| thing()).collect();
        let named: Vec<(u64, u64)> = drawn.into_iter().map(|thing| (thing, choose.below(2))).collect();
        let mut sentences: Vec<Vec<(u64, u64)>> = named.chunks(8).map(<[_]>::to_vec).collect();
        documents.push(Document::new(i.to_string(), write(&sentences, 0)));
        if i % 10 == 0 {
            sentences.reverse();
            pairs.push((documents.len() - 1, documents.len()));
            documents.push(Document::new(format!("{i} again"), write(&sentences, 1)));
        }
    }
    (documents, pairs)
}

#[test]
fn the_same_in_other_words_is_found_where_no_run_of_words_is_shared() {
    let (documents, pairs) = paraphrases();
    for &(a, b) in &pairs {
        assert!(near::similarity(&documents[a].text, &documents[b].text) < near::DEFAULT_THRESHOLD);
    }
    // A corpus of four hundred things leaves little room between what is said of some and of others.
    let semantic = Semantic { threshold: 0.99, ..Semantic::of_words(WordAverages::default()) };
    let found = clusters(&semantic, &documents, 0);
    let together = pairs.iter().filter(|&&(a, b)| found.of[a] == found.of[b]).count();
    let copies = found.of.iter().zip(0..).filter(|&(&of, i)| of != i).count();
    assert!(together >= 45, "{together} of {} are found, {copies} in all", pairs.len());
    assert!(copies <= 55, "{copies} copies are found where there are {}", pairs.len());
    assert_eq!(threads::with(3, || clusters(&semantic, &documents, 1 << 24)), found);
    let few = Semantic::of_words(WordAverages::default());
    assert_eq!(clusters(&few, &documents[..1], 0).of, [0]);
    assert!(clusters(&few, &[], 0).is_empty());
}
