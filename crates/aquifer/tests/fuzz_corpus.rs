//! Replays the committed corpora through every reader of outside bytes: none may panic, and what is called sound is read.

#[path = "../../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "in its own crate it is public")]
mod readers;

use aquifer_tensor::random::{Sequence, Stream};
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

/// Damaged copies of the seeds that each reader is given.
const DAMAGED: usize = 150;

/// What else a number could be.
const NUMBERS: &[&[u8]] = &[b"18446744073709551615", b"-1", b"null", b"1e999"];

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The seeds of a reader with their names, in the order of names.
fn seeds(reader: &str) -> Vec<(String, Vec<u8>)> {
    let folder = fuzz_folder().join("corpus").join(reader);
    let entries =
        std::fs::read_dir(folder).expect("each reader has a corpus").map(|entry| entry.expect("it can be listed"));
    let read = |path: &Path| std::fs::read(path).expect("a corpus file can be read");
    let mut seeds: Vec<_> = entries.map(|e| (e.file_name().to_string_lossy().into_owned(), read(&e.path()))).collect();
    seeds.sort();
    assert!(seeds.len() > 3, "the corpus of {reader} is too small");
    seeds
}

#[test]
fn no_reader_panics_on_its_corpus() {
    for (name, read) in readers::READERS {
        for (seed, data) in seeds(name) {
            let Ok(accepted) = catch_unwind(|| read(&data)) else { panic!("{name} panicked on {seed}") };
            // The fuzzer starts from these: refused at the door, they would never reach what lies behind it.
            assert!(accepted || !seed.starts_with("sound-"), "{name} refuses {seed}");
        }
    }
}

#[test]
fn no_reader_panics_on_damaged_seeds() {
    for (name, read) in readers::READERS {
        let (seeds, stream) = (seeds(name), Stream::new(3, "damaged seeds", name));
        for copy in 0..DAMAGED {
            let (seed, data) = &seeds[copy % seeds.len()];
            let data = damaged(data, &mut stream.sequence(copy as u64));
            let outcome = catch_unwind(|| read(&data));
            assert!(outcome.is_ok(), "{name} panicked on copy {copy}, of {seed}: {:?}", String::from_utf8_lossy(&data));
        }
    }
}

#[test]
fn every_reader_has_a_target() {
    let fuzz = fuzz_folder();
    let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).expect("the fuzz crate has a manifest");
    for (name, _) in readers::READERS {
        let target = std::fs::read_to_string(fuzz.join(format!("fuzz_targets/{name}.rs"))).expect("a target's file");
        assert!(target.contains(&format!("aquifer_fuzz::{name}(")), "{name}: {target}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "fuzz/Cargo.toml does not list {name}");
    }
}

/// Up to four small injuries: bytes flipped, replaced, removed, doubled, or the end cut off.
fn damaged(data: &[u8], chance: &mut Sequence) -> Vec<u8> {
    let mut data = data.to_vec();
    for _ in 0..=chance.below(4) {
        let at = chance.below(data.len().max(1) as u64) as usize;
        let end = (at + 1 + chance.below(8) as usize).min(data.len());
        match chance.below(6) {
            _ if data.is_empty() => data.push(chance.below(256) as u8),
            0 => data[at] ^= 1 << chance.below(8),
            1 => data[at] = *chance.pick(b"\0\xff\"{}[]0-9.e,:\\\n"),
            2 => drop(data.drain(at..end)),
            3 => data.extend_from_within(at..end),
            4 => data.truncate(at),
            _ => drop(data.splice(at..end, chance.pick(NUMBERS).iter().copied())),
        }
    }
    data
}
