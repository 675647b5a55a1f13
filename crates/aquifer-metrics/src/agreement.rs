//! How far two raters agree about the same items.

/// Cohen's kappa: agreement beyond what two raters who name each class as often as these would reach by chance; 1 is
/// perfect, 0 is chance. Classes are compared by equality. Nothing without items, or where both always name one class.
///
/// Cohen, "A coefficient of agreement for nominal scales", 1960.
pub fn kappa<T: Ord + Copy>(pairs: &[(T, T)]) -> Option<f64> {
    weighted(pairs, |a, b| f64::from(u8::from(a != b)))
}

/// Kappa with quadratic weights, for scores: a rating two steps off counts four times one that is one step off.
///
/// Cohen, "Weighted kappa", 1968.
pub fn kappa_on_a_scale(pairs: &[(i64, i64)]) -> Option<f64> {
    weighted(pairs, |a, b| {
        let steps = (a - b) as f64;
        steps * steps
    })
}

/// 1 − (observed disagreement / disagreement expected by chance).
fn weighted<T: Ord + Copy>(pairs: &[(T, T)], weight: impl Fn(T, T) -> f64) -> Option<f64> {
    let mut classes: Vec<T> = pairs.iter().flat_map(|&(a, b)| [a, b]).collect();
    classes.sort_unstable();
    classes.dedup();
    let place = |class: &T| classes.binary_search(class).expect("every class was listed");
    let (mut first, mut second) = (vec![0_u64; classes.len()], vec![0_u64; classes.len()]);
    for (a, b) in pairs {
        first[place(a)] += 1;
        second[place(b)] += 1;
    }
    let observed: f64 = pairs.iter().map(|&(a, b)| weight(a, b)).sum();
    let mut expected = 0.0;
    for (i, &a) in classes.iter().enumerate() {
        for (j, &b) in classes.iter().enumerate() {
            expected += (first[i] * second[j]) as f64 * weight(a, b);
        }
    }
    let n = pairs.len() as f64;
    (expected > 0.0).then(|| 1.0 - observed * n / expected)
}

/// Spearman's rank correlation: from −1 (opposite orders) to 1 (the same order); equal values share the mean of their
/// ranks. Nothing where one of the lists has fewer than two different values.
pub fn rank_correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    let first = ranks(pairs.iter().map(|pair| pair.0).collect());
    let second = ranks(pairs.iter().map(|pair| pair.1).collect());
    let middle = (pairs.len() as f64 + 1.0) / 2.0;
    let sum = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| (x - middle) * (y - middle)).sum::<f64>();
    let spread = sum(&first, &first) * sum(&second, &second);
    (spread > 0.0).then(|| sum(&first, &second) / spread.sqrt())
}

/// Ranks from 1.
fn ranks(values: Vec<f64>) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    for ties in order.chunk_by(|&a, &b| values[a] == values[b]) {
        // A run of ties is found by where its first member stands.
        let start = order.partition_point(|&at| values[at].total_cmp(&values[ties[0]]).is_lt());
        let rank = start as f64 + (ties.len() as f64 + 1.0) / 2.0;
        ties.iter().for_each(|&at| ranks[at] = rank);
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scikit-learn 1.9.1 `cohen_kappa_score` and SciPy 1.17.1 `spearmanr` on the same lists.
    #[test]
    fn known_values() {
        let a = [0, 1, 2, 2, 3, 5, 4, 4, 1, 0, 3, 3];
        let b = [0, 2, 2, 1, 3, 5, 5, 4, 1, 1, 3, 2];
        let pairs: Vec<(i64, i64)> = a.into_iter().zip(b).collect();
        let close = |x: Option<f64>, y: f64| assert!((x.unwrap() - y).abs() < 1e-12, "{x:?} {y}");
        close(kappa(&pairs), 0.5);
        close(kappa_on_a_scale(&pairs), 0.913_294_797_687_861_3);
        let wide: Vec<(f64, f64)> = pairs.iter().map(|&(a, b)| (a as f64, b as f64)).collect();
        close(rank_correlation(&wide), 0.922_388_682_191_137_3);
    }

    #[test]
    fn edges() {
        assert_eq!(kappa(&[("a", "a"), ("b", "b")]), Some(1.0));
        assert_eq!(kappa(&[("a", "a"), ("a", "a")]), None);
        assert_eq!(kappa::<u8>(&[]), None);
        assert_eq!(rank_correlation(&[(1.0, 9.0), (2.0, 8.0), (3.0, 7.0)]), Some(-1.0));
        assert_eq!(rank_correlation(&[(1.0, 1.0), (1.0, 2.0)]), None);
        let tied = rank_correlation(&[(-0.0, 1.0), (0.0, 2.0), (1.0, 3.0)]).unwrap();
        assert!((tied - 0.75_f64.sqrt()).abs() < 1e-12);
    }
}
