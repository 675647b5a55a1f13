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
            prop_assert_eq!(&shards.doc_id(i), id);
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

/// A mask on every third document only, so that one may come late.
fn mask_of(i: usize, tokens: &[u32]) -> Option<Vec<bool>> {
    (i % 3 == 2).then(|| tokens.iter().map(|token| token % 2 == 0).collect())
}

#[test]
fn a_mask_that_comes_late_is_a_mask_of_all() {
    let docs: Vec<(String, Vec<u32>)> = (0..9).map(|i| (format!("d{i}"), (0..5 + 7 * i).collect())).collect();
    let written = |late: bool| {
        let dir = tempfile::tempdir().unwrap();
        let meta = ShardMeta { vocab_size: 100, tokenizer_sha256: "feed".to_owned() };
        let mut writer = ShardWriter::create(dir.path(), meta).unwrap().part_tokens(9);
        for (i, (id, tokens)) in docs.iter().enumerate() {
            let mask = mask_of(i, tokens).or((!late).then(|| vec![true; tokens.len()]));
            writer.push(id, 1, tokens, mask.as_deref()).unwrap();
        }
        writer.finish().unwrap();
        let shards = TokenShards::open(dir.path()).unwrap();
        (shards.sha256().to_owned(), (0..shards.len()).map(|i| shards.doc_mask(i).unwrap()).collect::<Vec<_>>())
    };
    assert_eq!(written(true), written(false));
}

fn foreign(format: ShardFormat, vocab_size: usize, docs: &[(String, Vec<u32>)], masked: bool) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let meta = ShardMeta { vocab_size, tokenizer_sha256: "feed".to_owned() };
    let mut writer = format.writer(dir.path(), meta, "some/tokenizer.json").unwrap();
    for (i, (id, tokens)) in docs.iter().enumerate() {
        writer.push(id, 1, tokens, mask_of(i, tokens).filter(|_| masked).as_deref()).unwrap();
    }
    assert!(ShardFormat::at(dir.path()).is_none(), "there is nothing to read before the end");
    writer.finish().unwrap();
    assert_eq!(ShardFormat::at(dir.path()), Some(format));
    dir
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn foreign_layouts_give_back_what_they_were_given(
        docs in prop::collection::vec(("[a-z]{0,9}", prop::collection::vec(0_u32..60_000, 0..63)), 0..17),
        wide in any::<bool>(), masked in any::<bool>(), datatrove in any::<bool>(),
    ) {
        let format = if datatrove { ShardFormat::Datatrove } else { ShardFormat::Megatron };
        let dir = foreign(format, if wide { 70_000 } else { 60_000 }, &docs, masked && datatrove);
        let shards = TokenShards::open(dir.path()).unwrap();
        prop_assert_eq!((shards.len(), shards.format()), (docs.len(), format));
        prop_assert_eq!(shards.tokens(), docs.iter().map(|d| d.1.len() as u64).sum::<u64>());
        for (i, (_, tokens)) in docs.iter().enumerate() {
            prop_assert_eq!(&shards.doc(i).to_vec(), tokens);
            let end = format!("#{}", i + 1);
            prop_assert!(shards.doc_id(i).ends_with(&end));
            if let Some(mask) = shards.doc_mask(i) {
                prop_assert_eq!(mask, mask_of(i, tokens).unwrap_or(vec![true; tokens.len()]));
            }
        }
        if !docs.is_empty() {
            prop_assert_eq!(shards.doc_mask(0).is_some(), masked && datatrove && docs.len() > 2);
        }
        let largest = docs.iter().flat_map(|d| &d.1).max().copied().unwrap_or(0);
        prop_assert_eq!(shards.meta().vocab_size, largest as usize + 1);
    }
}

#[test]
fn foreign_files_are_found_by_their_names() {
    for format in [ShardFormat::Datatrove, ShardFormat::Megatron] {
        let dir = foreign(format, 1000, &some_docs(), false);
        let whole = TokenShards::open(dir.path()).unwrap();
        for file in ["00000_unshuffled.ds", "00000_tokens.bin", "00000_tokens.idx", "00000_tokens"] {
            let path = dir.path().join(file);
            if file.contains("tokens") == (format == ShardFormat::Megatron) {
                assert_eq!(TokenShards::open(&path).unwrap().sha256(), whole.sha256());
            } else {
                assert!(ShardFormat::at(&path).is_none());
            }
        }
    }
}

#[test]
fn foreign_files_that_are_cut_or_contradict_themselves_are_named() {
    for format in [ShardFormat::Datatrove, ShardFormat::Megatron] {
        let dir = foreign(format, 1000, &some_docs(), format == ShardFormat::Datatrove);
        let files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(files.len() >= 2);
        for path in files.iter().filter(|path| path.extension().unwrap() != "metadata") {
            let good = std::fs::read(path).unwrap();
            for at in 0..good.len() {
                let mut bad = good.clone();
                bad[at] ^= 0x80;
                std::fs::write(path, &bad).unwrap();
                // What cannot be told from other tokens is read as such; nothing else may happen.
                if let Ok(shards) = TokenShards::open(dir.path()) {
                    (0..shards.len()).for_each(|i| drop((shards.doc(i).to_vec(), shards.doc_mask(i))));
                }
                std::fs::write(path, &good[..at]).unwrap();
                let told = TokenShards::open_unhashed(dir.path()).err().map(|error| error.to_string());
                assert!(told.is_some_and(|told| told.contains("00000_")), "{path:?} cut at {at}");
            }
            std::fs::write(path, &good).unwrap();
        }
        TokenShards::open(dir.path()).unwrap();
    }
}

#[test]
fn megatron_keeps_no_mask() {
    let dir = tempfile::tempdir().unwrap();
    let meta = ShardMeta { vocab_size: 10, tokenizer_sha256: String::new() };
    let mut writer = ShardFormat::Megatron.writer(dir.path(), meta, "").unwrap();
    writer.push("a", 1, &[1, 2], Some(&[true, true])).unwrap();
    let told = writer.push("b", 1, &[1, 2], Some(&[true, false])).unwrap_err().to_string();
    assert!(told.contains("`b`") && told.contains("--loss-on all"), "{told}");
}
