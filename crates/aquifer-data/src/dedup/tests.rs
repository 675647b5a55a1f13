use super::*;
use aquifer_tensor::threads;
use proptest::prelude::*;

fn documents(texts: &[&str]) -> Vec<Document> {
    texts.iter().enumerate().map(|(i, text)| Document::new(format!("d{i}"), *text)).collect()
}

fn ids(documents: &[Document]) -> Vec<&str> {
    documents.iter().map(|d| d.id.as_str()).collect()
}

const PROSE: &str = "The ferry left the island at nine and nobody on board had seen the lighthouse keeper for more than \
                     a week, which the captain found strange because the lamp had burned every single night";
const CHINESE: &str = "渡船九点离开了小岛，船上没有人在过去一周里见过灯塔的看守人，船长觉得很奇怪，因为每天夜里灯都亮着，风浪再大也没有熄过";

#[test]
fn the_earliest_copy_stays() {
    let near = format!("{PROSE} long.");
    let chinese = CHINESE.replace("很奇怪", "奇怪");
    let docs = documents(&["other", PROSE, "Other\n", &near, CHINESE, &chinese, "nothing like it"]);
    let result = deduplicate(docs, &DedupOptions::default(), &Stop::new());
    assert_eq!(ids(&result.kept), ["d0", "d1", "d4", "d6"]);
    assert_eq!((result.exact[0].0.id.as_str(), result.exact[0].0.of.as_str()), ("d2", "d0"));
    assert_eq!(
        result.near.iter().map(|(d, _)| (d.id.as_str(), d.of.as_str())).collect::<Vec<_>>(),
        [("d3", "d1"), ("d5", "d4")]
    );
    assert!(result.near.iter().all(|(d, _)| d.similarity >= 0.7));
}

#[test]
fn options_switch_each_kind_off() {
    let near = format!("{PROSE} long.");
    let docs = documents(&[PROSE, PROSE, &near]);
    let only = |exact, near| deduplicate(docs.clone(), &DedupOptions { exact, near }, &Stop::new()).kept.len();
    assert_eq!([only(false, None), only(true, None), only(true, Some(0.7)), only(false, Some(0.7))], [3, 2, 1, 1]);
}

#[test]
fn similarity_is_of_sets() {
    assert_eq!(near::similarity(PROSE, &PROSE.to_uppercase()), 1.0);
    assert_eq!(near::similarity(PROSE, CHINESE), 0.0);
    assert_eq!(near::similarity("", "…"), 1.0);
    assert_eq!(near::similarity("", "word"), 0.0);
    // Of five-word runs: 6 words have 2, the longer has 3, all shared.
    assert!((near::similarity("a b c d e f", "a b c d e f g") - 2.0 / 3.0).abs() < 1e-12);
}

proptest! {
    #[test]
    fn threads_change_nothing(picks in prop::collection::vec(0_usize..6, 0..40)) {
        let variants = [PROSE.to_owned(), format!("{PROSE} x"), format!("y {PROSE}"), CHINESE.to_owned(), format!("{CHINESE}好"), "z".to_owned()];
        let docs: Vec<_> = picks.iter().enumerate().map(|(i, &p)| Document::new(i.to_string(), variants[p].clone())).collect();
        let run = |n| threads::with(n, || near::first_copies(&docs, 0.7));
        let one = run(1);
        prop_assert_eq!(&one, &run(3));
        prop_assert!(one.iter().enumerate().all(|(i, &first)| first <= i && one[first] == first));
    }
}
