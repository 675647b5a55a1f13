//! What every handler is given.

use crate::auth::ApiKeys;
use crate::metrics::Metrics;
use crate::model::ServedModel;
use crate::scheduler::Scheduler;
use crate::server::ServeConfig;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// One running server.
pub(crate) struct State {
    pub(crate) model: ServedModel,
    pub(crate) scheduler: Scheduler,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) keys: ApiKeys,
    /// Bytes a body may have.
    pub(crate) body_limit: usize,
    /// How long a body may take to come.
    pub(crate) body_time: Duration,
    /// When it started, in seconds since 1970.
    pub(crate) started: u64,
}

impl State {
    /// A server's state, its batch thread started.
    pub(crate) fn new(model: ServedModel, config: ServeConfig) -> Self {
        let metrics = Arc::new(Metrics::default());
        State {
            scheduler: Scheduler::start(model.network.clone(), config.limits, config.queue, metrics.clone()),
            model,
            metrics,
            keys: config.keys,
            body_limit: config.body_limit,
            body_time: config.body_time,
            started: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_secs()),
        }
    }
}
