use super::*;
use crate::dedup::near::Near;
use crate::dedup::spill::Spill;
use crate::dedup::{Keep, Method, Standing};

fn clean_documents(world: &World) -> Vec<Document> {
    let keep =
        |truth: &Truth| matches!(truth.planted, Planted::Clean | Planted::BrokenEncoding | Planted::BoilerplateLines);
    let both = world.documents.iter().zip(&world.truth).filter(|(_, truth)| keep(truth));
    both.map(|(document, truth)| Document { text: truth.text.clone().unwrap(), ..document.clone() }).collect()
}

#[test]
fn the_held_out_questions_are_fair_in_both_sizes_and_any_seed() {
    for (size, at_least) in [(WorldSize::Standard, 600), (WorldSize::Fast, 100)] {
        for seed in [0, 7] {
            let world = generate(&size.options(seed));
            let check = check(&world, &clean_documents(&world));
            assert!(check.passed, "{size:?}, seed {seed}: {check:?}");
            assert!(check.questions >= at_least && check.trained_questions > 500, "{check:?}");
            assert!(check.worst_option_ratio == 1.0 && check.fewest_mentions == 8, "{check:?}");
        }
    }
}

#[test]
fn a_leak_a_rare_fact_and_a_frequent_option_are_noticed() {
    let world = generate(&WorldSize::Fast.options(1));
    let clean = clean_documents(&world);
    let with = |text: String| {
        let mut training = clean.clone();
        training.push(Document::new("leak", text));
        check(&world, &training)
    };
    let fact = world.questions.iter().find(|q| q.operands.is_none()).unwrap();
    let other_wording = fact.wordings.iter().find(|w| **w != fact.question).unwrap();
    assert_eq!(with(format!("Tell me. {other_wording} I do.")).leaked_questions, 1);
    let (a, b) = world.questions.iter().find_map(|q| q.operands).unwrap();
    assert_eq!(with(arithmetic::state(b, a, a + b, 1)).leaked_pairs, 1);
    assert_eq!(with(format!("Does {} dance?", world.names[0])).unknown_wordings, 1);
    let mut lopsided = world.clone();
    lopsided.questions.retain(|q| q.options[q.answer] == "goat");
    let goats = vec![Document::new("goats", "goat ".repeat(500))];
    assert_eq!(check(&lopsided, &[clean.clone(), goats].concat()).unigram_accuracy, 1.0);
    let fewer: Vec<_> =
        clean.iter().filter(|d| !fact.statements.iter().any(|s| d.text.contains(s.as_str()))).cloned().collect();
    assert!(!check(&world, &fewer).passed);
}

#[test]
fn equal_seeds_give_equal_worlds_and_others_do_not() {
    let a = generate(&WorldSize::Fast.options(3));
    let b = generate(&WorldSize::Fast.options(3));
    assert_eq!((&a.documents, &a.truth, &a.questions), (&b.documents, &b.truth, &b.questions));
    assert_ne!(a.documents, generate(&WorldSize::Fast.options(4)).documents);
}

#[test]
fn every_defect_is_planted_and_ids_are_unique_and_say_nothing() {
    let world = generate(&WorldSize::Standard.options(0));
    let mut kinds = BTreeMap::new();
    for truth in &world.truth {
        *kinds.entry(truth.planted).or_insert(0) += 1;
    }
    eprintln!("{kinds:?}; {} questions", world.questions.len());
    assert_eq!(kinds.len(), 7, "{kinds:?}");
    assert!(kinds.values().all(|&n| n >= 40), "{kinds:?}");
    let ids: HashSet<_> = world.documents.iter().map(|d| &d.id).collect();
    assert_eq!(ids.len(), world.documents.len());
    assert!(world.documents.iter().all(|d| d.id.starts_with("world-")));
    assert!(world.documents.iter().all(|d| !d.text.trim().is_empty()));
}

#[test]
fn every_value_is_held_equally_often() {
    let facts = Facts::new(&WorldOptions::default());
    for (a, attribute) in ATTRIBUTES.iter().enumerate() {
        for held_out in [false, true] {
            let mut count = vec![0; attribute.values.len()];
            for fact in facts.facts.iter().filter(|fact| fact.attribute == a && fact.held_out == held_out) {
                count[fact.value] += 1;
            }
            assert!(count.iter().all(|&n| n == count[0] && n > 0), "{}: {count:?}", attribute.name);
        }
    }
}

#[test]
fn planted_duplicates_are_removed_and_clean_documents_stay() {
    for seed in 0..3 {
        let world = generate(&WorldSize::Standard.options(seed));
        let clusters = Method::Near(Near::default()).clusters(&world.documents, Spill::to_temporary(1 << 20)).unwrap();
        let kept = Keep::Earliest.kept(&clusters, &vec![true; clusters.len()], Standing::default());
        let kept: Vec<Document> =
            world.documents.iter().zip(kept).filter(|(_, kept)| *kept).map(|(d, _)| d.clone()).collect();
        let scores = score(&world, &kept);
        let of = |planted| scores.iter().find(|s| s.planted == planted).unwrap();
        let share = |planted| of(planted).caught as f64 / of(planted).count as f64;
        assert!(share(Planted::ExactDuplicate) >= 0.95, "{scores:?}");
        assert!(share(Planted::NearDuplicate) >= 0.9, "{scores:?}");
        assert!(share(Planted::Clean) <= 0.01, "{scores:?}");
        eprintln!("seed {seed}: {scores:?}");
    }
}
