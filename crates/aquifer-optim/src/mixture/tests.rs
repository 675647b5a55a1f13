use super::*;
use crate::{InMemory, Order, Packer};
use proptest::prelude::*;

/// `documents` of lengths that vary, whose tokens say which source they are of.
fn source(tag: u32, documents: usize) -> Arc<InMemory> {
    let mut source = InMemory::new();
    for doc in 0..documents {
        let tokens = (0..2 + (doc * 7 + tag as usize) % 19).map(|at| tag * 1000 + at as u32).collect();
        source.push(format!("{tag}/{doc}"), tokens, None);
    }
    Arc::new(source)
}

fn mixture(weights: &[f64]) -> Mixture {
    let one = |(at, &weight): (usize, &f64)| Source {
        name: format!("s{at}"),
        tokens: source(at as u32, 5 + 9 * at) as Arc<dyn TokenSource>,
        weight,
    };
    Mixture::new(weights.iter().enumerate().map(one).collect()).unwrap()
}

/// The counts of every prefix stay within one of their part, every source's turns are numbered without a gap, and any
/// turn may be asked for first.
fn check_balance(weights: &[f64], turns: u64) {
    let order = Interleave::new(weights).unwrap();
    let period: u64 = order.shares().iter().sum();
    let mut counts = vec![0; weights.len()];
    for i in 0..turns {
        let Turn { source, nth } = order.at(i);
        assert_eq!(nth, counts[source], "{weights:?} at {i}");
        counts[source] += 1;
        for (count, share) in counts.iter().zip(order.shares()) {
            let ahead = (count * period).abs_diff(share * (i + 1));
            assert!(ahead < period, "{weights:?} after {} turns: {counts:?} of {:?}", i + 1, order.shares());
        }
    }
    assert_eq!(
        order.at(7 * period + 3 % period).nth,
        7 * order.shares()[order.at(3 % period).source] + order.at(3 % period).nth
    );
}

proptest! {
    #[test]
    fn no_prefix_is_a_turn_ahead_or_behind(weights in prop::collection::vec(1_u32..60, 1..12)) {
        let weights: Vec<f64> = weights.into_iter().map(f64::from).collect();
        check_balance(&weights, 900);
    }
}

proptest! {
    // A period is a million turns long.
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn rounded_weights_are_in_balance_too(weights in prop::collection::vec(1e-3..1.0, 1..9)) {
        check_balance(&weights, 2000);
        let order = Interleave::new(&weights).unwrap();
        let (period, total) = (order.shares().iter().sum::<u64>() as f64, weights.iter().sum::<f64>());
        for (share, weight) in order.shares().iter().zip(&weights) {
            prop_assert!((*share as f64 / period - weight / total).abs() <= 1.01e-6);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Every epoch of every source teaches each of its documents once, however its grains lie between the others'.
    #[test]
    fn every_epoch_of_every_source_is_whole(weights in prop::collection::vec(1_u32..9, 1..5), grain_len in 3_usize..24, seed: u64) {
        let mixture = mixture(&weights.into_iter().map(f64::from).collect::<Vec<_>>());
        let mut mixer = Mixer::new(&mixture, grain_len, seed).unwrap();
        let mut used = Vec::new();
        let mut taught = vec![Vec::new(); mixture.sources.len()];
        for grain in 0..300 {
            let before = used.clone();
            let batch = mixer.batch(grain, 1, 0, &mut used);
            let at = mixer.turn(grain).source;
            let new: Vec<u32> = batch.targets.iter().copied().filter(|target| *target != crate::IGNORE).collect();
            prop_assert!(!new.is_empty() && new.iter().all(|target| *target as usize / 1000 == at));
            taught[at].extend(new);
            for (now, then) in used.iter().zip(&before).enumerate().filter(|(other, _)| *other != at).map(|(_, both)| both) {
                prop_assert_eq!(now, then);
            }
        }
        for (at, (_, source)) in mixture.sources.iter().enumerate() {
            prop_assert_eq!(used[at].tokens, taught[at].len() as u64);
            let rows = |doc| source.tokens_in(doc) as u64 - 1;
            let in_epoch: u64 = (0..source.documents()).map(rows).sum();
            let whole = used[at].epochs as u64;
            prop_assert!(used[at].documents > whole * source.documents() as u64 || used[at].epochs == whole as f64);
            prop_assert!(used[at].documents <= (whole + 1) * source.documents() as u64);
            prop_assert!(used[at].tokens >= whole * in_epoch && used[at].tokens <= (whole + 1) * in_epoch);
            // A whole number of epochs is each document that often: tokens count up from a document's second.
            let mut first: Vec<u32> = taught[at][..(whole * in_epoch) as usize].to_vec();
            let mut expected: Vec<u32> = (0..source.documents())
                .flat_map(|doc| (1..source.tokens_in(doc) as u32).map(|token| at as u32 * 1000 + token))
                .flat_map(|token| std::iter::repeat_n(token, whole as usize))
                .collect();
            first.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(first, expected);
        }
    }
}

#[test]
fn decimal_weights_are_exact_and_others_are_rounded() {
    let shares = |weights: &[f64]| Interleave::new(weights).unwrap().shares().to_vec();
    assert_eq!(shares(&[0.7, 0.2, 0.1]), [7, 2, 1]);
    assert_eq!(shares(&[300.0, 100.0]), [3, 1]);
    assert_eq!(shares(&[0.4]), [1]);
    assert_eq!(shares(&[1.0, 2.0_f64.sqrt()]), [207_107, 292_893]);
    assert_eq!(shares(&[3e6, 1e6]), [3, 1]);
}

#[test]
fn weights_that_mean_nothing_are_refused() {
    let told = |weights: &[f64]| Interleave::new(weights).unwrap_err().to_string();
    assert!(told(&[]).contains("at least one"));
    for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(told(&[1.0, weight]).contains("source 2"), "{weight}");
    }
    assert!(told(&[1e-9, 1.0]).contains("less than a millionth"));
}

#[test]
fn temperature_flattens_sizes() {
    assert_eq!(weights_by_size(&[30, 10], 1.0), [30.0, 10.0]);
    let ratio = |temperature| {
        let weights = weights_by_size(&[10_000, 100], temperature);
        weights[0] / weights[1]
    };
    assert!((ratio(2.0) - 10.0).abs() < 1e-9 && (ratio(1e9) - 1.0).abs() < 1e-6 && (ratio(0.5) - 1e4).abs() < 1e-6);
}

#[test]
fn one_source_is_read_as_it_is_alone() {
    let mut alone = Packer::new(source(0, 30), 16, Order::Shuffled(7)).unwrap();
    let mut mixer = Mixer::new(&source(0, 30).into(), 16, 7).unwrap();
    for grain in [0, 3, 50, 1] {
        assert_eq!(mixer.batch(grain, 4, 0, &mut Vec::new()), alone.batch(grain, 4, 0));
        assert_eq!(mixer.ids(grain, 4), alone.ids(grain, 4));
    }
}

#[test]
fn sources_of_one_size_are_not_read_side_by_side() {
    let sources = [0, 1].map(|tag| Source { name: String::new(), tokens: source(tag, 40), weight: 1.0 });
    let mut mixer = Mixer::new(&Mixture::new(sources.into()).unwrap(), 64, 1).unwrap();
    let numbers =
        |ids: Vec<String>| ids.into_iter().map(|id| id.split_once('/').unwrap().1.to_owned()).collect::<Vec<_>>();
    let same = (0..8).filter(|pair| numbers(mixer.ids(2 * pair, 1)) == numbers(mixer.ids(2 * pair + 1, 1))).count();
    assert_eq!(same, 0);
}

#[test]
fn any_grain_of_a_mixture_can_be_asked_for_first() {
    let mixture = mixture(&[0.5, 0.3, 0.2]);
    let mut walked = Mixer::new(&mixture, 16, 5).unwrap();
    let forward: Vec<_> =
        (0..200).map(|grain| (walked.batch(grain, 1, 0, &mut Vec::new()), walked.ids(grain, 1))).collect();
    for grain in [199, 0, 57, 58, 130] {
        let mut fresh = Mixer::new(&mixture, 16, 5).unwrap();
        assert_eq!((fresh.batch(grain, 1, 0, &mut Vec::new()), fresh.ids(grain, 1)), forward[grain as usize]);
    }
}
