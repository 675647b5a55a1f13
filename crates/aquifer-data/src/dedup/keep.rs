//! Which member of a cluster stays, decided among those that survived everything else.

use super::Clusters;
use serde::{Deserialize, Serialize};

/// Which member stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// The earliest in global order.
    #[default]
    Earliest,
    /// The longest text in bytes; of equally long ones the earliest.
    Longest,
    /// The highest score; of equal ones the earliest. A document without a score (NaN) is the worst.
    Best,
    /// The member that datatrove's union order leaves as root, the earliest where that one did not survive.
    Datatrove,
}

/// What a choice may look at, a value for every document; empty lists are those no policy in use asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standing<'a> {
    /// Bytes of text, for [`Keep::Longest`].
    pub lengths: &'a [u64],
    /// For [`Keep::Best`].
    pub scores: &'a [f64],
    /// Roots as [`minhash::datatrove_roots`](super::minhash::datatrove_roots) gives them, for [`Keep::Datatrove`].
    pub roots: &'a [u32],
}

impl Keep {
    /// Whether each document stays: of every cluster one of its surviving members, and none that did not survive.
    ///
    /// # Panics
    /// If the list this policy asks for has not a value for every document.
    pub fn kept(self, clusters: &Clusters, survives: &[bool], standing: Standing) -> Vec<bool> {
        let n = clusters.len();
        let given = match self {
            Keep::Earliest => n,
            Keep::Longest => standing.lengths.len(),
            Keep::Best => standing.scores.len(),
            Keep::Datatrove => standing.roots.len(),
        };
        assert!(survives.len() == n && given == n, "{self:?} wants a value for each of {n} documents, got {given}");
        let better = |i: usize, than: usize| match self {
            Keep::Earliest => false,
            Keep::Longest => standing.lengths[i] > standing.lengths[than],
            Keep::Best => {
                let worth = |i: usize| if standing.scores[i].is_nan() { f64::NEG_INFINITY } else { standing.scores[i] };
                worth(i) > worth(than)
            }
            Keep::Datatrove => standing.roots[i] as usize == i,
        };
        let mut chosen: Vec<Option<usize>> = vec![None; n];
        for i in (0..n).filter(|&i| survives[i]) {
            let chosen = &mut chosen[clusters.of[i] as usize];
            if chosen.is_none_or(|than| better(i, than)) {
                *chosen = Some(i);
            }
        }
        (0..n).map(|i| survives[i] && chosen[clusters.of[i] as usize] == Some(i)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_surviving_member_stays() {
        let clusters = Clusters { of: vec![0, 0, 2, 0, 4, 2], sizes: vec![3, 3, 2, 3, 1, 2] };
        let standing = Standing {
            lengths: &[5, 9, 1, 9, 1, 2],
            scores: &[f64::NAN, 0.5, 1.0, 0.7, f64::NAN, 1.0],
            roots: &[1, 1, 5, 1, 4, 5],
        };
        let stay = |keep: Keep, survives: [u8; 6]| {
            let kept = keep.kept(&clusters, &survives.map(|s| s == 1), standing);
            (0..6).filter(|&i| kept[i]).collect::<Vec<_>>()
        };
        let all = [1; 6];
        assert_eq!(stay(Keep::Earliest, all), [0, 2, 4]);
        assert_eq!(stay(Keep::Longest, all), [1, 4, 5]);
        assert_eq!(stay(Keep::Best, all), [2, 3, 4]);
        assert_eq!(stay(Keep::Datatrove, all), [1, 4, 5]);
        let some = [1, 0, 1, 1, 0, 0];
        assert_eq!(stay(Keep::Earliest, some), [0, 2]);
        assert_eq!(stay(Keep::Longest, some), [2, 3]);
        assert_eq!(stay(Keep::Best, some), [2, 3]);
        assert_eq!(stay(Keep::Datatrove, some), [0, 2]);
    }
}
