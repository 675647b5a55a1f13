//! Carries a recipe out in a run folder, from its text to a model people can load.

use crate::forecast::{Calibration, check_memory, forecast, memory_parts, score_forecast, total};
use crate::prepare::{Places, Prepared, prepare, within};
use crate::resolve::{decoder_config, precision, resolve, train_config};
use crate::{Export, Recipe, RunError};
use aquifer_model::{Decoder, DecoderConfig};
use aquifer_optim::{HeldOutLoss, Mixture, Outcome, TokenSource, TrainConfig, TrainState, Trainer, Watch};
use aquifer_record::forecast::{Estimate, Whole};
use aquifer_record::manifest::Status;
use aquifer_record::metrics::MetricWriter;
use aquifer_record::{FileError, Forecast, Manifest, MetricLine, Progress, RunFolder, Stop, figures, sha256_hex};
use aquifer_tensor::{isa, memory, threads};
use aquifer_text::Tokenizer;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// The recipe inside a run folder.
pub const RECIPE_FILE: &str = "recipe.toml";

/// One recipe to be carried out, and where.
pub struct Job<'a> {
    /// What to do.
    pub recipe: &'a Recipe,
    /// Why it is as it is, by key; written into the run's recipe.
    pub reasons: &'a [(String, String)],
    /// Where its data is looked for.
    pub places: &'a Places,
    /// Where everything goes. Its manifest, if there is one, is completed.
    pub run: &'a RunFolder,
    /// Whether to go on from the run's newest good checkpoint.
    pub resume: bool,
    /// Bytes it may use.
    pub memory_limit: u64,
    /// What it is a part of, if more is done than this.
    pub around: Option<Around>,
    /// The processor, for the manifest.
    pub cpu: &'a str,
    /// The command line, for the manifest.
    pub command: &'a [String],
}

/// The work around a training, as the person sees it who waits for all of it.
#[derive(Clone, Copy, Debug)]
pub struct Around {
    /// Seconds asked for, in all.
    pub asked: Option<f64>,
    /// When it began.
    pub begun: Instant,
    /// Seconds expected after the training.
    pub after: f64,
    /// Bytes of documents that were held at once before.
    pub document_bytes: u64,
}

/// What a job ended with.
pub struct Trained {
    /// Whether it finished, and with which held-out loss.
    pub outcome: Outcome,
    /// The manifest as written.
    pub manifest: Manifest,
    /// The forecast with its score.
    pub forecast: Forecast,
    /// The model folder; written when the run finished.
    pub model: PathBuf,
}

/// Carries out a job: prepares tokenizer and shards, writes the resolved recipe and the forecast, trains, writes the
/// model and the manifest.
///
/// # Errors
/// Everything that can go wrong, in words for the person; the manifest then says `failed` and why.
pub fn run_recipe(
    job: &Job<'_>,
    watch: &mut dyn Watch,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Trained, RunError> {
    let recipe = resolve(job.recipe)?;
    let _held = job.run.hold()?;
    let mut manifest = manifest(job, &recipe)?;
    job.run.write("manifest.json", &manifest)?;
    let result = carry_out(job, recipe, &mut manifest, watch, progress, stop);
    if let Err(error) = &result {
        let stopped = matches!(error, RunError::Stopped) || stop.requested();
        manifest.status = if stopped { Status::Stopped } else { Status::Failed };
        manifest.error = Some(error.to_string());
        // The error itself is what matters; a disk that is full may refuse this too.
        let _ = job.run.write("manifest.json", &manifest);
    }
    result
}

/// What a job would be and need, had it been begun.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Told {
    /// The recipe with every choice made.
    pub recipe: Recipe,
    /// The shape of the model.
    pub model: DecoderConfig,
    /// Its parameters.
    pub parameters: u64,
    /// Tokens of the training documents.
    pub train_tokens: u64,
    /// Tokens held out.
    pub heldout_tokens: u64,
    /// Memory and time.
    pub forecast: Forecast,
}

/// Does everything up to the first step and throws its traces away. The run folder gets tokenizer and shards.
///
/// # Errors
/// As [`run_recipe`].
pub fn forecast_recipe(job: &Job<'_>, progress: &dyn Progress, stop: &Stop) -> Result<Told, RunError> {
    let ready = Ready::new(job, resolve(job.recipe)?, progress, stop)?;
    let forecast = ready.forecast(job, progress)?;
    let heldout_tokens = ready.heldout.as_deref().map_or(0, TokenSource::tokens);
    let (train_tokens, parameters) = (ready.train.tokens(), ready.model.param_count() as u64);
    Ok(Told { recipe: ready.recipe, model: ready.model, parameters, train_tokens, heldout_tokens, forecast })
}

/// A job whose data and shapes are known.
struct Ready {
    recipe: Recipe,
    tokenizer: Tokenizer,
    train: Mixture,
    heldout: Option<Arc<dyn TokenSource>>,
    begin_from: Option<PathBuf>,
    model: DecoderConfig,
    config: TrainConfig,
    hashes: Vec<(&'static str, String)>,
    memory: Vec<(String, u64)>,
    document_bytes: u64,
}

impl Ready {
    fn new(job: &Job<'_>, mut recipe: Recipe, progress: &dyn Progress, stop: &Stop) -> Result<Self, RunError> {
        recipe.check_data()?;
        let prepared = prepare(&recipe, job.places, job.run, job.memory_limit, progress, stop)?;
        let Prepared { tokenizer, train, heldout, hashes: of_data, tokenizer_folder, document_bytes } = prepared;
        // What the run's own copy says of its vocabulary is what was used.
        if let Some(folder) = tokenizer_folder.as_ref().or(recipe.init_from.as_ref()) {
            recipe.tokenizer = folder.to_string_lossy().into_owned();
        }
        recipe.vocab_size = tokenizer.vocab_size();
        name_paths(&mut recipe, job);
        if recipe.mixture.temperature.is_some() {
            recipe.mixture.temperature = None;
            recipe.mixture.weights = Some(train.shares().iter().map(|share| *share as f64).collect());
        }
        if heldout.is_none() {
            progress.note(&format!("  {NONE_HELD_OUT}"));
        }
        let begin_from = recipe.init_from.clone();
        let config = train_config(&recipe);
        let model = match &begin_from {
            Some(folder) => DecoderConfig::read(&folder.join("config.json"))?,
            None => decoder_config(&recipe, &tokenizer),
        };
        if model.vocab_size < tokenizer.vocab_size() {
            let folder = begin_from.unwrap_or_default();
            let (model, tokenizer) = (model.vocab_size, tokenizer.vocab_size());
            return Err(RunError::Vocabulary { folder, model, tokenizer });
        }
        let mut hashes = vec![("recipe", recipe.sha256()), ("tokenizer", tokenizer.sha256())];
        hashes.extend(of_data);
        let plan = |micro_batch| {
            let config = TrainConfig { micro_batch, ..config.clone() };
            memory_parts(&model, precision(&recipe), &config, train.clone(), heldout.clone())
        };
        let memory = plan(config.micro_batch)?;
        check_memory(&memory, job.memory_limit, &config, |micro| Ok(total(&plan(micro)?)))?;
        Ok(Ready { recipe, tokenizer, train, heldout, begin_from, model, config, hashes, memory, document_bytes })
    }

    /// Names what is computed: recipe, tokenizer and data.
    fn name(&self) -> String {
        let hashes: Vec<&str> = self.hashes.iter().map(|(_, hash)| hash.as_str()).collect();
        sha256_hex(hashes.join(" ").as_bytes())
    }

    fn forecast(&self, job: &Job<'_>, progress: &dyn Progress) -> Result<Forecast, RunError> {
        progress.note("measuring the speed of a few steps");
        let precision = precision(&self.recipe);
        let calibration = Calibration::measure(&self.model, precision, &self.config, self.train.clone())?;
        let looked_at = self.config.looked_at(self.heldout.as_deref().map_or(0, TokenSource::tokens));
        let mut told = forecast(&calibration, self.memory.clone(), job.memory_limit, &self.config, looked_at);
        told.document_bytes = self.document_bytes.max(job.around.map_or(0, |around| around.document_bytes));
        told.whole = job.around.map(|Around { asked, begun, after, .. }| {
            let before = begun.elapsed().as_secs_f64();
            let Estimate { expected, low, high } = told.seconds;
            let with = |training: f64, part: f64| before + training + part * after;
            // What comes after is told from less than the training is.
            let seconds = Estimate { expected: with(expected, 1.0), low: with(low, 0.5), high: with(high, 2.0) };
            Whole { asked, before, after, seconds, took: None }
        });
        Ok(told)
    }
}

fn carry_out(
    job: &Job<'_>,
    recipe: Recipe,
    manifest: &mut Manifest,
    watch: &mut dyn Watch,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Trained, RunError> {
    let run = job.run;
    let ready = Ready::new(job, recipe, progress, stop)?;
    manifest.hashes.extend(ready.hashes.iter().map(|(what, hash)| ((*what).to_owned(), hash.clone())));
    manifest.parameters = ready.model.param_count() as u64;
    if ready.heldout.is_none() && !manifest.choices.iter().any(|(key, _)| key == "heldout") {
        manifest.choices.push(("heldout".to_owned(), NONE_HELD_OUT.to_owned()));
    }
    let mut told = if job.resume && run.join("forecast.json").exists() {
        run.forecast()?
    } else {
        let told = ready.forecast(job, progress)?;
        let text = ready.recipe.to_toml(job.reasons);
        aquifer_record::files::write_atomic_bytes(&run.join(RECIPE_FILE), text.as_bytes())?;
        run.write("forecast.json", &told)?;
        told
    };
    progress.note(&in_words(&told));
    run.write("manifest.json", manifest)?;
    let name = ready.name();
    let Ready { recipe, tokenizer, train, heldout, begin_from, model: model_config, config, .. } = ready;

    memory::set_limit(job.memory_limit as usize);
    let mut counted = Counted::begin();
    let decoder = match &begin_from {
        Some(folder) => Decoder::load(folder, precision(&recipe))?,
        None => Decoder::init(model_config, recipe.seed, precision(&recipe))?,
    };
    let mut trainer = Trainer::new(decoder, config, train, heldout, Some(run.join("checkpoints")), &name)?;
    let resumed = job.resume && trainer.resume(progress)?;
    let at = trainer.state().step;
    if resumed {
        progress.note(&format!("going on after step {at}"));
    }
    let metrics = run.join("metrics.jsonl");
    let writer = MetricWriter::open(&metrics, Some(at))?;
    let recorder = &mut Recorder { writer, path: metrics, inner: watch, counted: &mut counted };
    let outcome = trainer.run(recorder, progress, stop)?;
    let peak = counted.peak();
    // So that a second model, the best one, fits where training did.
    trainer.rest();
    let model = run.model();
    if let Outcome::Finished(last) = outcome {
        finish(job, &recipe, &trainer, last, manifest, progress)?;
        tokenizer.save(&model)?;
        manifest.status = Status::Finished;
    } else {
        manifest.status = Status::Stopped;
    }
    let TrainState { seconds, look_seconds, sources, .. } = trainer.state();
    manifest.mixture = sources.clone();
    score_forecast(&mut told, seconds + look_seconds, peak as u64);
    run.write("forecast.json", &told)?;
    run.write("manifest.json", manifest)?;
    drop(trainer);
    memory::trim();
    Ok(Trained { outcome, manifest: manifest.clone(), forecast: told, model })
}

/// Writes the model, of the last step or the best, and the headline results.
fn finish(
    job: &Job<'_>,
    recipe: &Recipe,
    trainer: &Trainer,
    last: Option<HeldOutLoss>,
    manifest: &mut Manifest,
    progress: &dyn Progress,
) -> Result<(), RunError> {
    let best = match recipe.run.export {
        Export::Best => trainer.best_decoder()?.filter(|(best, _)| best.step != trainer.state().step),
        Export::Last => None,
    };
    let decoder = best.as_ref().map_or_else(|| trainer.decoder(), |(_, decoder)| decoder);
    decoder.save(&job.run.model())?;
    manifest.hashes.insert("weights".to_owned(), decoder.weights_sha256());
    let state = trainer.state();
    let mut results = vec![("train_seconds", state.seconds), ("tokens", state.tokens as f64)];
    if let Some(loss) = state.recent_losses.last() {
        results.push(("train_loss", *loss));
    }
    if let Some(found) = last {
        results.push(("heldout_loss", best.as_ref().map_or(found.mean(), |(best, _)| best.loss)));
        let scale = best.as_ref().map_or(1.0, |(best, _)| best.loss / found.mean());
        results.extend(found.bits_per_byte().map(|bits| ("heldout_bits_per_byte", bits * scale)));
    }
    if let Some((best, _)) = &best {
        progress.note(&format!("the best weights were those of step {} ({:.4} nats a token)", best.step, best.loss));
    }
    manifest.results.extend(results.into_iter().map(|(name, value)| (name.to_owned(), value)));
    Ok(())
}

fn manifest(job: &Job<'_>, recipe: &Recipe) -> Result<Manifest, RunError> {
    let mut manifest = match job.run.join("manifest.json").exists() {
        true => job.run.manifest()?,
        false => Manifest { created: aquifer_record::run::now(), ..Manifest::default() },
    };
    manifest.name = job.run.name();
    manifest.version = env!("CARGO_PKG_VERSION").to_owned();
    if manifest.command.is_empty() {
        manifest.command = job.command.to_vec();
    }
    manifest.status = Status::Running;
    manifest.error = None;
    manifest.seed = recipe.seed;
    manifest.precision = recipe.precision.clone();
    manifest.isa = isa::active().name().to_owned();
    manifest.cpu = job.cpu.to_owned();
    manifest.threads = threads::count();
    manifest.choices = job.reasons.to_vec();
    Ok(manifest)
}

/// Relative paths of the recipe as they are found from anywhere, so that the run's own copy can be done again.
/// What lies in the run's folder keeps its relative name: the folder may move.
fn name_paths(recipe: &mut Recipe, job: &Job<'_>) {
    let places = job.places;
    let inside = |name: &str| job.run.join(name).exists();
    let found = |name: &str| match inside(name) {
        true => None,
        false => crate::data::find_data(name, &places.recipe_folder, &places.data_folders).ok(),
    };
    let full = |path: PathBuf| path.canonicalize().unwrap_or(path).to_string_lossy().into_owned();
    if let Some(path) = found(&recipe.data) {
        recipe.data = full(path);
    }
    for source in recipe.mixture.sources.iter_mut().flatten() {
        if let Some(path) = found(source) {
            *source = full(path);
        }
    }
    if let Some(path) = recipe.heldout.as_deref().and_then(found) {
        recipe.heldout = Some(full(path));
    }
    if let Some(folder) = &recipe.init_from {
        recipe.init_from = Some(full(within(places, folder)).into());
    }
    if !["bpe", "char"].contains(&recipe.tokenizer.as_str()) {
        recipe.tokenizer = full(within(places, recipe.tokenizer.as_ref()));
    }
}

/// What is said of a run that cannot know how well it does on text it has not seen.
const NONE_HELD_OUT: &str = "no text is held out, so there will be no held-out loss: `heldout` names some, `val_fraction` takes a part of `data`";

fn in_words(forecast: &Forecast) -> String {
    let Forecast { seconds, memory_bytes, steps, tokens, document_bytes, whole, .. } = forecast;
    let documents = match *document_bytes {
        0 => String::new(),
        bytes => format!(" (and before, {} of documents)", figures::bytes(bytes)),
    };
    let all = whole.map_or_else(String::new, |Whole { asked, before, after, seconds, .. }| {
        let asked = asked.map(|s| format!(" of the {} asked for", figures::seconds(s))).unwrap_or_default();
        let [all, before, after] = [seconds.expected, before, after].map(figures::seconds);
        format!("; in all {all}{asked}: {before} before and {after} after the training")
    });
    format!(
        "forecast: {} steps, {} tokens, {} ({} to {}), {} of tensors{documents}{all}",
        figures::count(*steps),
        figures::short(*tokens),
        figures::seconds(seconds.expected),
        figures::seconds(seconds.low),
        figures::seconds(seconds.high),
        figures::bytes(*memory_bytes)
    )
}

/// Keeps the lines and hands samples on.
struct Recorder<'a> {
    writer: MetricWriter,
    path: PathBuf,
    inner: &'a mut dyn Watch,
    counted: &'a mut Counted,
}

impl Watch for Recorder<'_> {
    fn line(&mut self, line: &MetricLine) -> Result<(), FileError> {
        self.writer.write(line).map_err(FileError::at("write", &self.path))?;
        self.inner.line(line)
    }

    fn sample(&mut self, step: u64, decoder: &Arc<Decoder>) {
        self.counted.pause();
        self.inner.sample(step, decoder);
        memory::reset_peak();
    }
}

/// The most bytes that training has held, as it was planned: without what was there before and what samples take.
struct Counted {
    before: usize,
    peak: usize,
}

impl Counted {
    fn begin() -> Self {
        memory::reset_peak();
        let before = memory::live_bytes();
        Counted { before, peak: before }
    }

    /// Ends a stretch of training.
    fn pause(&mut self) {
        self.peak = self.peak.max(memory::peak_bytes());
    }

    fn peak(&mut self) -> usize {
        self.pause();
        self.peak - self.before
    }
}

/// The recipe of a run, to be done again: it reads the run's own shards and tokenizer where there are any, so that it
/// works without the text they were made from.
///
/// # Errors
/// If the run has no recipe, or one that cannot be read.
pub fn recipe_of(run: &RunFolder) -> Result<Recipe, RunError> {
    let mut recipe = Recipe::load(&run.join(RECIPE_FILE), &[])?;
    let shards = run.join("shards");
    if shards.join("train/shards.json").exists() {
        recipe.data = shards.to_string_lossy().into_owned();
        recipe.heldout = None;
        if !shards.join("heldout/shards.json").exists() {
            // Nothing was held out then either.
            recipe.val_fraction = 0.0;
        }
        recipe.tokenizer = run.join("tokenizer").to_string_lossy().into_owned();
    }
    Ok(recipe)
}
