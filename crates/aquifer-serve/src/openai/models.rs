//! `GET /v1/models`: what there is to ask for.

use crate::error::ApiError;
use crate::state::State;
use axum::Json;
use axum::extract::Path;
use serde_json::{Value, json};
use std::sync::Arc;

fn entry(state: &State) -> Value {
    json!({
        "id": state.model.name, "object": "model", "created": state.started, "owned_by": "aquifer",
        "max_model_len": state.scheduler.context(),
    })
}

/// All of them: one.
pub(crate) async fn list(state: axum::extract::State<Arc<State>>) -> Json<Value> {
    Json(json!({"object": "list", "data": [entry(&state)]}))
}

/// One by name; names may hold slashes.
pub(crate) async fn one(
    state: axum::extract::State<Arc<State>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    if name == state.model.name {
        Ok(Json(entry(&state)))
    } else {
        Err(ApiError::unknown_model(&name, &state.model.name))
    }
}
