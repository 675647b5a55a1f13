//! Which documents are asked about.

use aquifer_corpus::Document;
use aquifer_tensor::random::Stream;
use std::collections::BTreeMap;

/// `n` of the documents (all, if there are fewer), in their order. A document's chance depends on the seed and its id
/// alone: a larger sample holds the smaller one, and other documents beside it change nothing.
///
/// With `stratum`, a field of the metadata, every value of it has as many documents as every other, as far as there are
/// any.
pub fn sample(documents: &[Document], n: usize, seed: u64, stratum: Option<&str>) -> Vec<usize> {
    let key = |at: usize| {
        let block = Stream::new(seed, "label sample", &documents[at].id).block(0, 0);
        (block, at)
    };
    let mut strata: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, document) in documents.iter().enumerate() {
        let value = stratum.and_then(|field| document.metadata.get(field));
        let name =
            value.map_or_else(String::new, |value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        strata.entry(name).or_default().push(at);
    }
    let mut left: Vec<Vec<usize>> = strata.into_values().collect();
    // From the end of each list the first drawn is taken.
    left.iter_mut().for_each(|list| list.sort_by_key(|&at| std::cmp::Reverse(key(at))));
    let mut taken = Vec::new();
    while taken.len() < n && left.iter().any(|list| !list.is_empty()) {
        for list in &mut left {
            if taken.len() < n {
                taken.extend(list.pop());
            }
        }
    }
    taken.sort_unstable();
    taken
}
