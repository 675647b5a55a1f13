use super::super::tests::{RECIPE, corpus, files, options, pipeline};
use super::super::{Pipeline, Recipe, RunOptions};
use super::*;
use aquifer_record::storage::Stored;
use aquifer_record::{Silent, Stop};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// An object store in memory, which fails at its `fails_at`-th answer.
#[derive(Default)]
struct Memory {
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
    answers: AtomicUsize,
    fails_at: Option<usize>,
}

impl Memory {
    fn answer(&self, address: &str) -> Result<MutexGuard<'_, BTreeMap<String, Vec<u8>>>, FileError> {
        match self.answers.fetch_add(1, Relaxed) {
            n if Some(n) == self.fails_at => Err(FileError::at("reach", address)(std::io::Error::other("cut off"))),
            _ => Ok(self.objects.lock().unwrap()),
        }
    }

    /// The input of a folder, under `s3://in`.
    fn with_input(input: &Path) -> BTreeMap<String, Vec<u8>> {
        let entries = std::fs::read_dir(input).unwrap().map(|entry| entry.unwrap().path());
        let name = |path: &Path| format!("s3://in/{}", path.file_name().unwrap().to_string_lossy());
        entries.map(|path| (name(&path), std::fs::read(&path).unwrap())).collect()
    }

    /// What a run left under `s3://out`, but where its input was.
    fn outcome(&self) -> BTreeMap<String, Vec<u8>> {
        let objects = self.objects.lock().unwrap();
        let below = |(address, bytes): (&String, &Vec<u8>)| {
            Some((address.strip_prefix("s3://out/")?.to_owned(), bytes.clone()))
        };
        objects.iter().filter_map(below).filter(|(name, _)| name != "parts.json" && name != "recipe.toml").collect()
    }
}

impl Storage for Memory {
    fn list(&self, address: &str) -> Result<Vec<Stored>, FileError> {
        let objects = self.answer(address)?;
        let stored = |(key, bytes): (&String, &Vec<u8>)| {
            let name = key.strip_prefix(address)?;
            let name = if name.is_empty() { key.rsplit('/').next()? } else { name.strip_prefix('/')? };
            Some(Stored { address: key.clone(), name: name.to_owned(), bytes: bytes.len() as u64 })
        };
        Ok(objects.iter().filter_map(stored).collect())
    }

    fn fetch(&self, address: &str, to: &Path) -> Result<bool, FileError> {
        let found = self.answer(address)?.get(address).cloned();
        found.map(|bytes| aquifer_record::write_atomic_bytes(to, &bytes)).transpose().map(|found| found.is_some())
    }

    fn put(&self, from: &Path, address: &str) -> Result<(), FileError> {
        let bytes = std::fs::read(from).map_err(FileError::at("read", from))?;
        let mut objects = self.answer(address)?;
        if let Some(marker) = address.strip_prefix("s3://out/done/1-").and_then(|name| name.strip_suffix(".json"))
            && marker != "decided"
        {
            for file in [format!("work/1/{marker}.jsonl.zst"), format!("columns/{marker}-1.arrow")] {
                assert!(objects.contains_key(&format!("s3://out/{file}")), "the marker came before {file}");
            }
        }
        let earlier = objects.insert(address.to_owned(), bytes.clone());
        assert!(earlier.is_none_or(|earlier| earlier == bytes), "two attempts wrote different bytes to {address}");
        Ok(())
    }

    fn put_new(&self, from: &Path, address: &str) -> Result<bool, FileError> {
        if self.answer(address)?.contains_key(address) {
            return Ok(false);
        }
        self.put(from, address).map(|()| true)
    }

    fn remove(&self, address: &str) -> Result<(), FileError> {
        self.answer(address)?.retain(|key, _| !key.starts_with(&format!("{address}/")));
        Ok(())
    }
}

/// One attempt of a process of its own: whether the run is finished.
fn attempt(storage: &Arc<Memory>, options: &RunOptions) -> Result<bool, PipelineError> {
    let scratch = tempfile::tempdir().unwrap();
    let elsewhere = Elsewhere { storage: storage.clone(), scratch: scratch.path().to_path_buf() };
    let recipe = Recipe::parse(RECIPE, "test").unwrap();
    let pipeline = Pipeline::open_elsewhere(recipe, &["s3://in".into()], Path::new("s3://out"), elsewhere)?;
    let outcome = pipeline.run(options, &Silent, &Stop::new())?;
    assert!(outcome.as_ref().is_none_or(|outcome| outcome.documents == Path::new("s3://out/documents")));
    Ok(outcome.is_some())
}

/// What one process makes of the corpus in a folder; and the corpus.
fn whole(dir: &Path) -> (BTreeMap<String, Vec<u8>>, PathBuf) {
    let (input, out) = (corpus(dir), dir.join("whole"));
    pipeline(&input, &out).run(&options(2, "0/1"), &Silent, &Stop::new()).unwrap().unwrap();
    (files(&out), input)
}

#[test]
fn a_run_in_a_store_is_the_run_in_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, input) = whole(dir.path());
    let storage = Arc::new(Memory { objects: Mutex::new(Memory::with_input(&input)), ..Memory::default() });
    let early = RunOptions { step: Some(2), ..options(1, "0/2") };
    assert!(matches!(attempt(&storage, &early), Err(PipelineError::NotYet { step: 2 })));
    for step in 1..=4 {
        // Two attempts at each task, all at once.
        let finished: Vec<bool> = std::thread::scope(|scope| {
            let storage = &storage;
            let task =
                |share| scope.spawn(move || attempt(storage, &RunOptions { step: Some(step), ..options(1, share) }));
            let tasks: Vec<_> = ["0/2", "1/2", "0/2", "1/2"].into_iter().map(task).collect();
            tasks.into_iter().map(|task| task.join().unwrap().unwrap()).collect()
        });
        assert_eq!(finished.contains(&true), step == 4);
    }
    assert_eq!(storage.outcome(), whole);
    assert!(attempt(&storage, &options(1, "1/2")).unwrap(), "a finished run stays one");
    let recipe = Recipe::parse("[[stage]]\nrule = \"noise\"\n", "test").unwrap();
    let elsewhere = Elsewhere { storage: storage.clone(), scratch: dir.path().join("scratch") };
    let other = Pipeline::open_elsewhere(recipe, &["s3://in".into()], Path::new("s3://out"), elsewhere);
    assert!(other.err().unwrap().to_string().contains("another recipe"));
}

#[test]
fn a_run_cut_off_at_any_answer_goes_on_to_the_same_end() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, input) = whole(dir.path());
    let input = Memory::with_input(&input);
    for cut in (0..).step_by(11) {
        let storage = Memory { objects: Mutex::new(input.clone()), fails_at: Some(cut), ..Memory::default() };
        let storage = Arc::new(storage);
        let first = attempt(&storage, &options(1, "0/1"));
        if first.is_ok() && storage.answers.load(Relaxed) <= cut {
            assert!(cut > 30, "{cut} answers are too few for a whole run");
            break;
        }
        assert!(attempt(&storage, &options(2, "0/1")).unwrap(), "cut at {cut}");
        assert_eq!(storage.outcome(), whole, "cut at {cut}");
    }
}

#[test]
fn inputs_may_lie_elsewhere_and_the_run_here() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, input) = whole(dir.path());
    let storage = Arc::new(Memory { objects: Mutex::new(Memory::with_input(&input)), ..Memory::default() });
    let scratch = dir.path().join("scratch");
    let elsewhere = Elsewhere { storage, scratch: scratch.clone() };
    let (recipe, out) = (Recipe::parse(RECIPE, "test").unwrap(), dir.path().join("out"));
    let pipeline = Pipeline::open_elsewhere(recipe, &["s3://in".into()], &out, elsewhere).unwrap();
    pipeline.run(&options(2, "0/1"), &Silent, &Stop::new()).unwrap().unwrap();
    assert_eq!(files(&out), whole);
    assert_eq!(std::fs::read_dir(scratch.join("inputs")).unwrap().count(), 0, "what was read is removed");
}
