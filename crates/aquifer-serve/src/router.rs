//! Which path does what, and what every request passes on its way.

use crate::error::ApiError;
use crate::openai::{chat, completions, models};
use crate::page;
use crate::state::State;
use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State as Given};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{Router, get, post};
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) fn router(state: Arc<State>) -> Router {
    let v1 = Router::new()
        .route("/chat/completions", post(chat_completions))
        .route("/completions", post(plain_completions))
        .route("/models", get(models::list))
        .route("/models/{*name}", get(models::one))
        .layer(from_fn_with_state(state.clone(), authorise));
    Router::new()
        .route("/", get(page::chat))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .nest("/v1", v1)
        .fallback(nowhere)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(state.clone(), count))
        .with_state(state)
}

async fn chat_completions(Given(state): Given<Arc<State>>, request: Request) -> Result<Response, ApiError> {
    let body = read(request, &state).await?;
    chat::prepare(&state, &body)?.answer(state).await
}

async fn plain_completions(Given(state): Given<Arc<State>>, request: Request) -> Result<Response, ApiError> {
    let body = read(request, &state).await?;
    completions::prepare(&state, &body)?.answer(state).await
}

async fn health(Given(state): Given<Arc<State>>) -> Json<Value> {
    Json(json!({
        "status": "ok", "model": state.model.name, "version": env!("CARGO_PKG_VERSION"),
        "context": state.scheduler.context(), "key": !state.keys.is_empty(),
    }))
}

async fn metrics(Given(state): Given<Arc<State>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], state.metrics.render())
}

async fn nowhere(request: Request) -> ApiError {
    let message = format!("there is nothing at `{} {}`", request.method(), request.uri().path());
    ApiError { status: StatusCode::NOT_FOUND, ..ApiError::invalid(None, message) }
}

async fn wrong_method(request: Request) -> ApiError {
    let message = format!("`{}` does not take {}", request.uri().path(), request.method());
    ApiError { status: StatusCode::METHOD_NOT_ALLOWED, ..ApiError::invalid(None, message) }
}

/// Lets in who has a key.
async fn authorise(Given(state): Given<Arc<State>>, request: Request, next: Next) -> Result<Response, ApiError> {
    state.keys.check(request.headers())?;
    Ok(next.run(request).await)
}

/// Counts every answer by endpoint and status.
async fn count(Given(state): Given<Arc<State>>, request: Request, next: Next) -> Response {
    let endpoint = match request.uri().path() {
        "/v1/chat/completions" => "chat",
        "/v1/completions" => "completions",
        "/metrics" => "metrics",
        "/health" => "health",
        "/" => "page",
        path if path.starts_with("/v1/models") => "models",
        _ => "other",
    };
    let response = next.run(request).await;
    state.metrics.answered(endpoint, response.status().as_u16());
    response
}

/// The whole body, if it is not too large and comes in time.
async fn read(request: Request<Body>, state: &State) -> Result<Bytes, ApiError> {
    let (limit, time) = (state.body_limit, state.body_time);
    let too_large = || ApiError {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        ..ApiError::invalid(None, format!("the body is larger than this server's limit of {limit} bytes"))
    };
    if announced(request.headers()).is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    // A body that has not come by then never will.
    match tokio::time::timeout(time, to_bytes(request.into_body(), limit)).await {
        Ok(Ok(body)) => Ok(body),
        // The body ended early or was longer than it said; only the latter leaves anybody to hear of it.
        Ok(Err(_)) => Err(too_large()),
        Err(_) => {
            let message = format!("the body did not come within {} seconds", time.as_secs_f64());
            Err(ApiError { status: StatusCode::REQUEST_TIMEOUT, ..ApiError::invalid(None, message) })
        }
    }
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
