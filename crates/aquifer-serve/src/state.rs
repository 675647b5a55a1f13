//! What every handler is given.

use crate::auth::ApiKeys;
use crate::metrics::Metrics;
use crate::model::ServedModel;
use crate::scheduler::Scheduler;
use std::sync::Arc;

/// One running server.
pub(crate) struct State {
    pub(crate) model: ServedModel,
    pub(crate) scheduler: Scheduler,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) keys: ApiKeys,
    /// Bytes a body may have.
    pub(crate) body_limit: usize,
    /// When it started, in seconds since 1970.
    pub(crate) started: u64,
}
