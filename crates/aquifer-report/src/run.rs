//! The page about one run.

use crate::html::{escape, page};
use crate::sections;
use aquifer_record::figures::seconds;
use aquifer_record::manifest::Status;
use aquifer_record::{Manifest, RunError, RunFolder};
use std::path::PathBuf;

/// Draws the page about a run from the files in its folder. A file that is not there leaves its section out.
///
/// # Errors
/// If the manifest is missing or damaged.
pub fn run_report(run: &RunFolder) -> Result<String, RunError> {
    let written = run.manifest()?;
    let manifest = Manifest { status: run.status(&written), ..written };
    let (data, forecast, eval, samples) = (run.data().ok(), run.forecast().ok(), run.eval().ok(), run.samples().ok());
    let metrics = run.metrics().unwrap_or_default();
    let recipe = std::fs::read_to_string(run.join("recipe.toml")).unwrap_or_default();

    let mut body = header(&manifest);
    body += &sections::tiles(&manifest, &metrics, eval.as_ref());
    if let Some(data) = &data {
        body += &sections::data::funnel(data);
        body += &sections::data::truth(data);
    }
    body += &sections::training(&metrics);
    if let Some(forecast) = &forecast {
        body += &sections::forecast(forecast, metrics.last());
    }
    if let Some(eval) = &eval {
        body += &sections::evaluation(eval);
    }
    if let Some(samples) = &samples {
        body += &sections::samples(samples);
    }
    body += &sections::choices(&manifest, &recipe);
    body += &sections::manifest(&manifest);
    body += &format!(
        "<footer>Drawn by Aquifer {} from the files in this folder; <code>aquifer runs show {}</code> draws it anew.</footer>\n",
        env!("CARGO_PKG_VERSION"),
        escape(&run.path().display().to_string())
    );
    Ok(page(&format!("{} · Aquifer", manifest.name), &body))
}

/// Writes [`run_report`] to `report.html` in the run folder and returns its path.
///
/// # Errors
/// As [`run_report`], or if the file cannot be written.
pub fn write_run_report(run: &RunFolder) -> Result<PathBuf, RunError> {
    let (page, path) = (run_report(run)?, run.join("report.html"));
    aquifer_record::write_atomic_bytes(&path, page.as_bytes())?;
    Ok(path)
}

fn header(manifest: &Manifest) -> String {
    let state = match manifest.status {
        Status::Finished => "<span class=\"good\">finished</span>".to_owned(),
        Status::Running => "running".to_owned(),
        Status::Interrupted => "<span class=\"bad\">interrupted</span>: it can be gone on with".to_owned(),
        Status::Stopped => "stopped and saved".to_owned(),
        Status::Failed => format!(
            "<span class=\"error\">failed: {}</span>",
            escape(manifest.error.as_deref().unwrap_or("no reason was recorded"))
        ),
    };
    let whole: f64 = manifest.stages.iter().map(|(_, s)| s).sum();
    let took = if whole > 0.0 { format!(" · {} in all", seconds(whole)) } else { String::new() };
    format!(
        "<h1>{}</h1>\n<p class=\"sub\">{state} · begun {} UTC · {} on {} threads, {}{took}</p>\n",
        escape(&manifest.name),
        escape(&manifest.begun()),
        escape(&manifest.cpu),
        manifest.threads,
        escape(&manifest.precision),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_run_still_has_a_page_and_hostile_text_stays_text() {
        let root = tempfile::tempdir().unwrap();
        let run = RunFolder::create(root.path(), "r").unwrap();
        assert!(run_report(&run).is_err());
        let manifest = Manifest {
            name: "<script>".into(),
            status: Status::Failed,
            error: Some("<img>".into()),
            ..Default::default()
        };
        run.write("manifest.json", &manifest).unwrap();
        let shown = std::fs::read_to_string(write_run_report(&run).unwrap()).unwrap();
        assert!(!shown.contains("<script>") && !shown.contains("<img>") && shown.contains("&lt;img&gt;"));
    }
}
