use super::*;
use proptest::prelude::*;
use std::path::Path;

fn write(dir: &Path, vocab_size: usize, docs: &[(String, Vec<u32>)], mask: bool, part_tokens: usize) -> String {
    let meta = ShardMeta { vocab_size, tokenizer_sha256: "feed".to_owned() };
    let mut writer = ShardWriter::create(dir, meta).unwrap().part_tokens(part_tokens);
    for (id, tokens) in docs {
        let bits: Vec<bool> = tokens.iter().map(|t| t % 3 == 0).collect();
        writer.push(id, id.len() as u64, tokens, mask.then_some(&bits)).unwrap();
    }
    writer.finish().unwrap()
}

fn some_docs() -> Vec<(String, Vec<u32>)> {
    (0..7).map(|i| (format!("文件#{i}"), (0..i * 13).collect())).collect()
}

proptest! {
    #[test]
    fn what_goes_in_comes_out(
        docs in prop::collection::vec(("[a-z文#0-9]{0,9}", prop::collection::vec(0_u32..60_000, 0..63)), 0..17),
        wide in any::<bool>(), mask in any::<bool>(), part in 1_usize..200,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let vocab = if wide { 70_000 } else { 60_000 };
        let name = write(dir.path(), vocab, &docs, mask, part);
        let shards = TokenShards::open(dir.path()).unwrap();
        prop_assert_eq!(shards.len(), docs.len());
        prop_assert_eq!(shards.sha256(), name);
        prop_assert_eq!(shards.tokens(), docs.iter().map(|d| d.1.len() as u64).sum::<u64>());
        for (i, (id, tokens)) in docs.iter().enumerate() {
            prop_assert_eq!(shards.doc_id(i), id);
            prop_assert_eq!(shards.doc_bytes(i), id.len() as u64);
            prop_assert_eq!(&shards.doc(i).to_vec(), tokens);
            prop_assert_eq!(&shards.doc(i).iter().collect::<Vec<_>>(), tokens);
            prop_assert_eq!(matches!(shards.doc(i), DocTokens::U32(_)), wide);
            let bits = mask.then(|| tokens.iter().map(|t| t % 3 == 0).collect::<Vec<_>>());
            prop_assert_eq!(shards.doc_mask(i), if docs.is_empty() { None } else { bits });
        }
    }
}

#[test]
fn every_flipped_bit_and_every_missing_byte_is_named() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 1000, &some_docs(), true, 100);
    let mut names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(names.len() >= 3, "several parts and the index");
    for path in names {
        let good = std::fs::read(&path).unwrap();
        for at in (0..good.len()).step_by(7) {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            std::fs::write(&path, &bad).unwrap();
            // White space between the keys of the index carries nothing; everything else must be caught.
            match TokenShards::open(dir.path()) {
                Err(e) => assert!(
                    e.to_string().contains(&*path.file_name().unwrap().to_string_lossy())
                        || e.to_string().contains("part-"),
                    "{e}"
                ),
                Ok(_) => assert!(path.ends_with(INDEX_FILE) && good[at].is_ascii_whitespace(), "byte {at} of {path:?}"),
            }
            std::fs::write(&path, &good[..at]).unwrap();
            assert!(TokenShards::open(dir.path()).is_err(), "{path:?} cut at {at}");
            assert!(TokenShards::open_unhashed(dir.path()).is_err(), "{path:?} cut at {at}");
        }
        std::fs::write(&path, &good).unwrap();
    }
    TokenShards::open(dir.path()).unwrap();
}

#[test]
fn a_missing_part_or_index_is_an_error_that_says_so() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(TokenShards::open(dir.path()), Err(ShardError::Unfinished(_))));
    write(dir.path(), 1000, &some_docs(), false, 100);
    std::fs::remove_file(dir.path().join("part-00001.tokens")).unwrap();
    assert!(TokenShards::open(dir.path()).err().unwrap().to_string().contains("part-00001.tokens"));
}

#[test]
fn wrong_documents_are_refused_with_evidence() {
    let dir = tempfile::tempdir().unwrap();
    let meta = ShardMeta { vocab_size: 10, tokenizer_sha256: String::new() };
    let mut writer = ShardWriter::create(dir.path(), meta).unwrap();
    let error = writer.push("d", 1, &[1, 10], None).unwrap_err().to_string();
    assert!(error.contains("token 10 at position 1"), "{error}");
    assert!(matches!(writer.push("d", 1, &[1, 2], Some(&[true])), Err(ShardError::Mask { .. })));
}
