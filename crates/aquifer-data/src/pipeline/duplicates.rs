//! Which documents a barrier took for copies, and of which.

use super::run::Pipeline;
use super::{PipelineError, columns};
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, RecordBatch};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// A document that went, and the one that stays in its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Duplicate {
    /// The one that went.
    pub id: String,
    /// The one that stays.
    pub of: String,
    /// How alike the first is to the earliest of their cluster, where the method tells. In a chain of near copies it may lie
    /// below the threshold: each is near to the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub similarity: Option<f64>,
}

impl Pipeline {
    /// The copies that each barrier of a finished run found, barrier by barrier in order; `each` is told its name too.
    ///
    /// # Errors
    /// For tables that cannot be read, and what `each` returns.
    pub fn duplicates<E: From<PipelineError>>(
        &self,
        mut each: impl FnMut(&str, Duplicate) -> Result<(), E>,
    ) -> Result<(), E> {
        for (at, segment) in self.segments.iter().enumerate() {
            let Some(barrier) = segment.barrier.as_ref().filter(|barrier| barrier.clusters().is_some()) else {
                continue;
            };
            let mut stay: FxHashMap<u64, String> = FxHashMap::default();
            self.each_member(at, |member| {
                if !member.copy {
                    stay.insert(member.cluster, member.id.to_owned());
                }
                Ok::<_, PipelineError>(())
            })?;
            self.each_member(at, |member| match (member.copy, stay.get(&member.cluster)) {
                (true, Some(of)) => {
                    let duplicate =
                        Duplicate { id: member.id.to_owned(), of: of.clone(), similarity: member.similarity };
                    each(barrier.name(), duplicate)
                }
                _ => Ok(()),
            })?;
        }
        Ok(())
    }

    /// Every document of a cluster of several.
    fn each_member<E: From<PipelineError>>(
        &self,
        at: usize,
        mut each: impl FnMut(Member) -> Result<(), E>,
    ) -> Result<(), E> {
        for part in 0..self.files.len() {
            let (_, tables) = columns::read(&self.layout.columns(at, part), None)?;
            for table in &tables {
                members(table).try_for_each(&mut each)?;
            }
        }
        Ok(())
    }
}

struct Member<'a> {
    id: &'a str,
    cluster: u64,
    copy: bool,
    similarity: Option<f64>,
}

fn members(table: &RecordBatch) -> impl Iterator<Item = Member<'_>> {
    let numbers = |at: usize| table.column(columns::BEFORE + at).as_primitive::<Float64Type>();
    let ids = table.column(0).as_string::<i32>();
    let (clusters, sizes, copies) = (numbers(0), numbers(1), numbers(2));
    let tells = table.schema().field(columns::BEFORE + 3).name().ends_with(".similarity");
    let similarities = tells.then(|| numbers(3));
    (0..table.num_rows()).filter(move |&i| sizes.value(i) > 1.0).map(move |i| Member {
        id: ids.value(i),
        cluster: clusters.value(i) as u64,
        copy: copies.value(i) > 0.0,
        similarity: similarities.filter(|s| s.is_valid(i)).map(|s| s.value(i)),
    })
}
