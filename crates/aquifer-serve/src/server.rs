//! A listening server, from its first connection to its last answer.

use crate::auth::ApiKeys;
use crate::model::ServedModel;
use crate::router::router;
use crate::state::State;
use aquifer_infer::Limits;
use aquifer_record::Stop;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
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
    /// How long a client may take to send a request's head, and how long a connection may idle between requests.
    pub header_time: Duration,
    /// How long a client may take to send a request's body.
    pub body_time: Duration,
}

impl Default for ServeConfig {
    fn default() -> Self {
        ServeConfig {
            queue: 256,
            limits: Limits::default(),
            body_limit: 4 << 20,
            keys: ApiKeys::default(),
            grace: Duration::from_secs(60),
            header_time: Duration::from_secs(30),
            body_time: Duration::from_secs(60),
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
    let (grace, header_time) = (config.grace, config.header_time);
    let state = Arc::new(State::new(model, config));
    let served: io::Result<()> = runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let (stopping, stopped) = tokio::sync::watch::channel(false);
        let serving = connections(listener, router(state.clone()), header_time, stopped);
        let deadline = async {
            while !stop.requested() {
                tokio::time::sleep(LOOK).await;
            }
            let _ = stopping.send(true);
            state.scheduler.close();
            tokio::time::sleep(grace).await;
        };
        tokio::select! {
            () = serving => {}
            () = deadline => {}
        }
        Ok(())
    });
    // Dropping the runtime drops every handler left, which frees its places, so the batch runs out.
    runtime.shutdown_timeout(Duration::from_secs(1));
    state.scheduler.close();
    state.scheduler.join();
    served
}

/// Serves every connection until it is told to stop, then waits for the answers under way. A client that does not send
/// the head of a request in `header_time` is cut off: otherwise some hundred that dribble could hold every socket.
/// (`axum::serve` sets no such limit.)
async fn connections(
    listener: tokio::net::TcpListener,
    router: Router,
    header_time: Duration,
    mut stopped: tokio::sync::watch::Receiver<bool>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(header_time);
    let open = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // The sender is gone only when the server is.
            _ = stopped.changed() => break,
        };
        let Ok((socket, _)) = accepted else {
            // Out of sockets, most likely: some will be given back.
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        let _ = socket.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        let connection = open.watch(http.serve_connection(TokioIo::new(socket), service));
        // How a connection ends is its client's matter.
        tokio::spawn(async move { drop(connection.await) });
    }
    drop(listener);
    open.shutdown().await;
}

/// How often to look whether a stop was requested: rarely enough that an idle server costs nothing that shows. (A signal's
/// handler may set a flag and wake nobody.)
const LOOK: Duration = Duration::from_millis(250);
