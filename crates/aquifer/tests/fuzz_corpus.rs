//! Replays the committed corpora through every reader of outside bytes: none may panic.

#[path = "../../../fuzz/src/lib.rs"]
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
            assert!(outcome.is_ok(), "{name} panicked on {}", path.display());
        }
    }
}
