use super::*;
use crate::dedup::spill::Spill;
use crate::dedup::{Clusters, Keep, Method, Standing};
use aquifer_corpus::Document;
use aquifer_text::shingles::white_space_words;
use proptest::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Every file under `root`, by its path there, as the fixture has it.
fn digests(root: &Path) -> BTreeMap<String, String> {
    let (mut folders, mut found) = (vec![root.to_path_buf()], BTreeMap::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            found.insert(name, aquifer_record::sha256_hex(&std::fs::read(&path).unwrap())[..16].to_owned());
        }
    }
    found
}

fn clusters(minhash: &MinHash, texts: &[&str], memory: usize) -> Clusters {
    let documents: Vec<Document> = texts.iter().map(|text| Document::new("", *text)).collect();
    Method::MinHash(minhash.clone()).clusters(&documents, Spill::to_temporary(memory)).unwrap()
}

fn golden() -> (Vec<Vec<String>>, Vec<(MinHashOptions, BTreeMap<String, String>)>) {
    let golden: Value = serde_json::from_str(include_str!("../../../tests/golden/dedup/minhash.json")).unwrap();
    let ranks = serde_json::from_value(golden["ranks"].clone()).unwrap();
    let cases = golden["cases"].as_array().unwrap().iter();
    let get = |case: &Value, key: &str| case[key].clone();
    let cases = cases.map(|case| {
        let options = serde_json::from_value(get(case, "options")).unwrap();
        (options, serde_json::from_value(get(case, "files")).unwrap())
    });
    (ranks, cases.collect())
}

#[test]
fn every_file_is_datatroves() {
    let (ranks, cases) = golden();
    for (options, expected) in cases {
        let minhash = MinHash::of_words(&options, white_space_words());
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let signed = |name: &str, ranks: &[(u32, &Vec<String>)]| {
            let files = SignatureFiles::at(at(name));
            for (rank, texts) in ranks {
                let spill = Spill::to_temporary(0);
                let n = files.write(*rank, &minhash, texts.iter().map(String::as_str), &spill).unwrap();
                assert_eq!(n, texts.len());
            }
            files
        };
        let paired = |sigs: &SignatureFiles, out: &str, workers: usize, index: Option<Index>| {
            for bucket in 0..options.buckets {
                for worker in 0..workers {
                    let options = PairOptions { bucket, worker, workers, index: index.clone() };
                    find_pairs(sigs, &minhash, &at(out), &options).unwrap();
                }
            }
        };
        let clustered = |pairs: &str, out: &str, ignore_index: bool| {
            let options = ClusterOptions { save_ids: true, save_sizes: true, ignore_index };
            cluster(&at(pairs), &at(out), &options).unwrap()
        };

        let sigs = signed("sigs", &[(0, &ranks[0]), (1, &ranks[1]), (2, &ranks[2])]);
        paired(&sigs, "dups", 1, None);
        paired(&sigs, "cut", 3, None);
        let counted = clustered("dups", "out", false);
        let removed = (0..3).map(|rank| read_removed(&at("out"), rank).unwrap().len() as u64).sum::<u64>();
        assert_eq!((counted.removed, counted.duplicates), (removed, removed + counted.clusters));
        assert!(removed > 5);

        let old = signed("old", &[(0, &ranks[0]), (1, &ranks[1])]);
        let new = signed("new", &[(2, &ranks[2])]);
        for bucket in 0..options.buckets {
            build_index(&old, &minhash, bucket, &at("index"), "old").unwrap();
        }
        for (only, name) in [(true, "True"), (false, "False")] {
            let index = Index { folder: at("index"), only, create: Some("new".to_owned()) };
            paired(&new, &format!("only_{name}"), 1, Some(index));
            for (ignore, ignored) in [(true, "True"), (false, "False")] {
                clustered(&format!("only_{name}"), &format!("out_{name}_{ignored}"), ignore);
            }
        }
        let found = digests(root.path());
        let differ: Vec<_> = found.iter().filter(|(name, hash)| expected.get(*name) != Some(hash)).collect();
        assert!(differ.is_empty(), "{options:?}: {differ:?}");
        assert_eq!(found.len(), expected.len());
    }
}

#[test]
fn clusters_are_what_the_files_say() {
    let (ranks, cases) = golden();
    let texts: Vec<&str> = ranks.iter().flatten().map(String::as_str).collect();
    for (options, _) in cases {
        let minhash = MinHash::of_words(&options, white_space_words());
        let run = |memory| clusters(&minhash, &texts, memory);
        let clusters = run(0);
        assert_eq!(clusters, run(1 << 24));
        let folder = tempfile::tempdir().unwrap();
        let sigs = SignatureFiles::at(folder.path().join("sigs"));
        sigs.write(0, &minhash, texts.iter().copied(), &Spill::to_temporary(1 << 20)).unwrap();
        let mut pairs = Vec::new();
        for bucket in 0..options.buckets {
            find_pairs(&sigs, &minhash, &folder.path().join("dups"), &PairOptions::bucket(bucket)).unwrap();
            let bytes = std::fs::read(folder.path().join(format!("dups/{bucket:05}_00.dups"))).unwrap();
            let number = |b: &[u8]| u32::from_le_bytes(b.try_into().unwrap());
            pairs.extend(bytes.chunks_exact(16).map(|p| (number(&p[4..8]), number(&p[12..]))));
        }
        cluster(&folder.path().join("dups"), folder.path(), &ClusterOptions::default()).unwrap();
        let roots = datatrove_roots(&clusters, pairs.into_iter());
        let kept =
            Keep::Datatrove.kept(&clusters, &vec![true; texts.len()], Standing { roots: &roots, ..Default::default() });
        let removed: Vec<u32> = (0..texts.len() as u32).filter(|&i| !kept[i as usize]).collect();
        assert_eq!(removed, read_removed(folder.path(), 0).unwrap());
        let earliest = Keep::Earliest.kept(&clusters, &vec![true; texts.len()], Standing::default());
        assert_eq!(earliest.iter().filter(|kept| !**kept).count(), removed.len());
    }
}

#[test]
fn bands_are_datasketchs() {
    // datasketch 2.0.0 `_optimal_param(threshold, num_perm, 0.5, 0.5)`, scipy's integration.
    let expected = [
        (0.87, 256, (11, 23)),
        (0.7, 256, (25, 10)),
        (0.8, 128, (9, 13)),
        (0.5, 64, (14, 4)),
        (0.9, 100, (4, 23)),
        (0.3, 37, (12, 2)),
        (0.95, 256, (5, 51)),
        (0.5, 1, (1, 1)),
    ];
    for (threshold, permutations, bands) in expected {
        assert_eq!(optimal_bands(threshold, permutations), bands, "{threshold} {permutations}");
    }
}

#[test]
fn files_that_cannot_be_signatures_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let minhash = MinHash::of_words(&MinHashOptions::default(), white_space_words());
    let sigs = SignatureFiles::at(folder.path());
    let pairs = |bytes: &[u8]| {
        aquifer_record::write_atomic_bytes(&folder.path().join("bucket_000/00000.minhash.sig"), bytes).unwrap();
        find_pairs(&sigs, &minhash, folder.path(), &PairOptions::bucket(0)).map_err(|error| error.to_string())
    };
    assert_eq!(pairs(&[]), Ok(0));
    assert!(pairs(&[0; 67]).unwrap_err().contains("no multiple of 68"));
    let mut disordered = vec![0; 136];
    disordered[..68].fill(1);
    assert!(pairs(&disordered).unwrap_err().contains("ascending order"));
    let few = PairOptions { workers: 5, ..PairOptions::bucket(0) };
    assert!(find_pairs(&sigs, &minhash, folder.path(), &few).unwrap_err().to_string().contains("2 records, too few"));
    std::fs::write(folder.path().join("bucket_000/notes.txt"), "x").unwrap();
    assert!(pairs(&[]).unwrap_err().contains("should be named like"));
    assert!(find_pairs(&sigs, &minhash, folder.path(), &PairOptions::bucket(1)).is_err());
    std::fs::write(folder.path().join("00000_00.dups"), [0; 15]).unwrap();
    assert!(
        cluster(folder.path(), folder.path(), &ClusterOptions::default())
            .unwrap_err()
            .to_string()
            .contains("cut short")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn threads_and_bounds_change_nothing(picks in prop::collection::vec((0_u8..4, 0_usize..12), 0..30), memory in 0_usize..20_000) {
        let texts: Vec<String> =
            picks.iter().map(|(kind, n)| format!("{} {}", "same old words again and again ".repeat(usize::from(*kind)), "x ".repeat(*n))).collect();
        let minhash = MinHash::of_words(&MinHashOptions::default(), white_space_words());
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let run = |threads, memory| aquifer_tensor::threads::with(threads, || clusters(&minhash, &texts, memory));
        let one = run(1, 1 << 20);
        prop_assert_eq!(&one, &run(3, memory));
        prop_assert!(one.of.iter().enumerate().all(|(i, &of)| of as usize <= i && one.of[of as usize] == of));
    }
}

#[test]
fn tokenised_bands_are_what_flagdatas_formula_gives() {
    let golden: Value = serde_json::from_str(include_str!("../../../tests/golden/dedup/flagdata.json")).unwrap();
    let texts: Vec<String> = serde_json::from_value(golden["texts"].clone()).unwrap();
    let bands: Vec<Vec<String>> = serde_json::from_value(golden["bands"].clone()).unwrap();
    let tokenizer = aquifer_text::Tokenizer::from_json(golden["tokenizer"].clone(), serde_json::Map::new()).unwrap();
    let tokens = move |text: &str| tokenizer.encode(text).unwrap();
    let minhash = MinHash::of_tokens(&TokenOptions::default(), std::sync::Arc::new(tokens));
    for (text, expected) in texts.iter().zip(&bands) {
        let mut found = Vec::new();
        minhash.keys(text, |key| found.push(aquifer_record::sha256_hex(&key[2..])[..16].to_owned()));
        assert_eq!(&found, expected, "{text}");
    }
    let of: Vec<u32> = serde_json::from_value(golden["of"].clone()).unwrap();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    assert_eq!(clusters(&minhash, &texts, 0).of, of);
    assert!(of.iter().zip(0..).filter(|&(&of, i)| of != i).count() >= 3);
}
