//! A listening server, from its first connection to its last answer.

use crate::auth::ApiKeys;
use crate::model::ServedModel;
use crate::router::router;
use crate::state::State;
use aquifer_infer::Limits;
use aquifer_record::Stop;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

/// How a server runs.
#[derive(Debug, Clone)]
pub struct ServeConfig {
    /// Requests that may wait for a place; one more is told 429.
    pub queue: usize,
    /// What the engine may use.
    pub limits: Limits,
    /// Bytes a request's body may have.
    pub body_limit: usize,
    /// Who may use `/v1`.
    pub keys: ApiKeys,
    /// After a stop is asked for, how long answers under way may take.
    pub grace: Duration,
}

impl Default for ServeConfig {
    fn default() -> Self {
        ServeConfig {
            queue: 256,
            limits: Limits::default(),
            body_limit: 4 << 20,
            keys: ApiKeys::default(),
            grace: Duration::from_secs(60),
        }
    }
}

/// Serves until `stop` is requested; then finishes what it has taken and returns.
///
/// # Errors
/// What the system says of the sockets.
pub fn serve(listener: TcpListener, model: ServedModel, config: ServeConfig, stop: &Stop) -> io::Result<()> {
    // Handlers only move text about: the arithmetic happens on the batch's own thread and its pool.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    listener.set_nonblocking(true)?;
    let grace = config.grace;
    let state = Arc::new(State::new(model, config));
    let served = runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let stopping = wait_for(stop.clone());
        let serving = axum::serve(listener, router(state.clone())).with_graceful_shutdown(stopping);
        let deadline = async {
            wait_for(stop.clone()).await;
            state.scheduler.close();
            tokio::time::sleep(grace).await;
        };
        tokio::select! {
            served = serving => served,
            () = deadline => Ok(()),
        }
    });
    // Dropping the runtime drops every handler left, which frees its places, so the batch runs out.
    runtime.shutdown_timeout(Duration::from_secs(1));
    state.scheduler.close();
    state.scheduler.join();
    served
}

async fn wait_for(stop: Stop) {
    while !stop.requested() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
