use super::near::Near;
use super::spill::Spill;
use super::*;
use aquifer_corpus::Document;
use aquifer_tensor::threads;
use proptest::prelude::*;

fn documents(texts: &[&str]) -> Vec<Document> {
    texts.iter().enumerate().map(|(i, text)| Document::new(format!("d{i}"), *text)).collect()
}

const PROSE: &str = "The ferry left the island at nine and nobody on board had seen the lighthouse keeper for more than \
                     a week, which the captain found strange because the lamp had burned every single night";
const CHINESE: &str = "渡船九点离开了小岛，船上没有人在过去一周里见过灯塔的看守人，船长觉得很奇怪，因为每天夜里灯都亮着，风浪再大也没有熄过";

fn clusters(method: Method, documents: &[Document]) -> Vec<u32> {
    method.clusters(documents, Spill::to_temporary(1 << 10)).unwrap().of
}

fn alike(threshold: f64) -> Method {
    Method::Near(Near { threshold })
}

#[test]
fn copies_belong_to_the_earliest() {
    let longer = format!("{PROSE} long.");
    let chinese = CHINESE.replace("很奇怪", "奇怪");
    let docs = documents(&["other", PROSE, "Other\n", &longer, CHINESE, &chinese, "nothing like it", "", "…"]);
    assert_eq!(clusters(Method::Exact, &docs), [0, 1, 0, 3, 4, 5, 6, 7, 8]);
    // Texts without a word are like nothing else.
    assert_eq!(clusters(alike(0.7), &docs), [0, 1, 0, 1, 4, 4, 6, 7, 8]);
    assert_eq!(clusters(alike(0.99), &docs), [0, 1, 0, 3, 4, 5, 6, 7, 8]);
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
        let run = |n| threads::with(n, || clusters(alike(0.7), &docs));
        let one = run(1);
        prop_assert_eq!(&one, &run(3));
        // Every pair compared with every other one gives the same.
        let mut groups = super::clusters::Groups::new(docs.len());
        for b in 0..docs.len() {
            for a in (0..b).filter(|&a| near::similarity(&docs[a].text, &docs[b].text) >= 0.7) {
                groups.join(a as u32, b as u32);
            }
        }
        prop_assert_eq!(one, groups.clusters().of);
    }
}
