//! Replays the committed corpora through every reader of outside bytes: none may panic, and what is called sound is read.

#[path = "../../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "in its own crate it is public")]
mod readers;

#[test]
fn no_reader_panics_on_its_corpus() {
    let corpora = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, read) in readers::READERS {
        let inputs: Vec<_> = std::fs::read_dir(corpora.join(name)).expect("each reader has a corpus").collect();
        assert!(!inputs.is_empty(), "the corpus of {name} is empty");
        for input in inputs {
            let path = input.expect("the folder can be listed").path();
            let data = std::fs::read(&path).expect("a corpus file can be read");
            let outcome = std::panic::catch_unwind(|| read(&data));
            let Ok(accepted) = outcome else { panic!("{name} panicked on {}", path.display()) };
            // The fuzzer starts from these: refused at the door, they would never reach what lies behind it.
            let sound = path.file_name().is_some_and(|file| file.to_string_lossy().starts_with("sound-"));
            assert!(accepted || !sound, "{name} refuses {}", path.display());
        }
    }
}

#[test]
fn every_reader_has_a_target() {
    let fuzz = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).expect("the fuzz crate has a manifest");
    for (name, _) in readers::READERS {
        let target = std::fs::read_to_string(fuzz.join(format!("fuzz_targets/{name}.rs"))).expect("a target's file");
        assert!(target.contains(&format!("aquifer_fuzz::{name}(")), "{name}: {target}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "fuzz/Cargo.toml does not list {name}");
    }
}
