//! Runs and inputs that lie in an object store. The folder of such a run is this process's own: what it needs of the others
//! is brought into it when its turn comes, and what others need of it is stored as soon as it is whole, a part's marker
//! last.

use super::PipelineError;
use super::layout::Layout;
use aquifer_corpus::InputFile;
use aquifer_record::files::FileError;
use aquifer_record::storage::{Storage, is_address};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What addresses such as `s3://bucket/prefix` mean, and a folder for what is brought from there.
#[derive(Clone)]
pub struct Elsewhere {
    /// Where addresses lead.
    pub storage: Arc<dyn Storage>,
    /// An empty folder of this process alone.
    pub scratch: PathBuf,
}

/// Where the files of a run are stored, and which markers were there at the last look.
#[derive(Clone)]
pub(super) struct Home {
    address: String,
    markers: Arc<Mutex<BTreeSet<String>>>,
}

impl Home {
    pub(super) fn at(address: &Path) -> Self {
        let address = address.to_string_lossy().trim_end_matches('/').to_owned();
        Home { address, markers: Arc::default() }
    }

    fn markers(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.markers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Layout {
    /// The address of one of the run's files, and what it leads to; `None` where the run lies in a folder.
    fn address(&self, path: &Path) -> Option<(&dyn Storage, &Home, String)> {
        let (elsewhere, home) = (self.elsewhere.as_ref()?, self.home.as_ref()?);
        let name = path.strip_prefix(&self.root).expect("every path of the run begins with its folder");
        // On every system the parts of an address are separated by the same stroke.
        let parts: Vec<_> = name.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        Some((&*elsewhere.storage, home, format!("{}/{}", home.address, parts.join("/"))))
    }

    /// Where everyone finds a file of the run.
    pub(super) fn seen_at(&self, path: &Path) -> PathBuf {
        self.address(path).map_or_else(|| path.to_path_buf(), |(_, _, address)| address.into())
    }

    /// Looks which markers there are by now.
    pub(super) fn look(&self) -> Result<(), PipelineError> {
        for folder in [self.root.join("done"), self.funnel()] {
            if let Some((storage, home, address)) = self.address(&folder) {
                home.markers().extend(storage.list(&address)?.into_iter().map(|stored| stored.address));
            }
        }
        Ok(())
    }

    /// Whether a marker is there, or was at the last look.
    pub(super) fn is_there(&self, marker: &Path) -> bool {
        match self.address(marker) {
            Some((_, home, address)) => home.markers().contains(&address),
            None => marker.exists(),
        }
    }

    /// Brings one of the run's files here, if it is not yet.
    pub(super) fn bring(&self, path: &Path) -> Result<(), PipelineError> {
        match self.address(path) {
            Some((storage, _, address)) if !path.exists() => match storage.fetch(&address, path)? {
                true => Ok(()),
                false => Err(FileError::at("read", address)(std::io::ErrorKind::NotFound.into()).into()),
            },
            _ => Ok(()),
        }
    }

    /// Stores one of the run's files where everyone finds it.
    pub(super) fn store(&self, path: &Path) -> Result<(), PipelineError> {
        if let Some((storage, home, address)) = self.address(path) {
            storage.put(path, &address)?;
            home.markers().insert(address);
        }
        Ok(())
    }

    /// Stores one of the run's files unless there is one: whether there was, which then lies here in its place.
    pub(super) fn store_new(&self, path: &Path) -> Result<bool, PipelineError> {
        match self.address(path) {
            Some((storage, _, address)) if !storage.put_new(path, &address)? => Ok(storage.fetch(&address, path)?),
            _ => Ok(false),
        }
    }

    /// Removes what is of no use once the run is through.
    pub(super) fn remove_work(&self) -> Result<(), PipelineError> {
        let work = self.work();
        if let Some((storage, _, address)) = self.address(&work) {
            storage.remove(&address)?;
        }
        match std::fs::remove_dir_all(&work) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(FileError::at("remove", &work)(e).into()),
            _ => Ok(()),
        }
    }

    /// An input file as one that can be opened.
    pub(super) fn input(&self, part: usize, file: &InputFile) -> Result<InputFile, PipelineError> {
        let Some((elsewhere, here)) = self.staged(part, file) else { return Ok(file.clone()) };
        let address = file.path.to_string_lossy();
        match elsewhere.storage.fetch(&address, &here)? {
            true => Ok(InputFile::at(here, file.name.clone())),
            false => Err(FileError::at("read", &file.path)(std::io::ErrorKind::NotFound.into()).into()),
        }
    }

    /// Makes room again.
    pub(super) fn done_with_input(&self, part: usize, file: &InputFile) -> Result<(), PipelineError> {
        match self.staged(part, file) {
            Some((_, here)) => Ok(std::fs::remove_file(&here).map_err(FileError::at("remove", &here))?),
            None => Ok(()),
        }
    }

    fn staged(&self, part: usize, file: &InputFile) -> Option<(&Elsewhere, PathBuf)> {
        let elsewhere = self.elsewhere.as_ref().filter(|_| is_address(&file.path))?;
        Some((elsewhere, elsewhere.scratch.join(format!("inputs/{part:05}"))))
    }
}

#[cfg(test)]
mod tests;
