//! API keys: who may use `/v1`.

use crate::error::ApiError;
use axum::http::{HeaderMap, StatusCode, header};
use std::hint::black_box;

/// The keys a server takes; none means that everybody may.
#[derive(Clone, Default)]
pub struct ApiKeys(Vec<Vec<u8>>);

impl std::fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ApiKeys({} of them)", self.0.len())
    }
}

impl ApiKeys {
    /// The keys of a file's text: one a line; empty lines and lines that begin with `#` say nothing.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        ApiKeys(lines.map(|line| line.as_bytes().to_vec()).collect())
    }

    /// Whether any key is set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses a request without one of the keys in `Authorization: Bearer …`.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let refuse = |message: &str| ApiError {
            status: StatusCode::UNAUTHORIZED,
            message: message.into(),
            param: None,
            code: Some("invalid_api_key"),
        };
        if self.is_empty() {
            return Ok(());
        }
        let given = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes());
        let given =
            given.and_then(|v| v.split_at_checked(7)).filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer "));
        let (_, given) = given.ok_or_else(|| refuse("this server wants an API key: `Authorization: Bearer KEY`"))?;
        // Every key is compared to the end, so that the time says nothing about how far one matched.
        let matches = self.0.iter().fold(false, |found, key| found | same(key, given.trim_ascii()));
        if matches { Ok(()) } else { Err(refuse("this API key is not one of the server's")) }
    }
}

/// Equality in a time that depends on the lengths only.
fn same(key: &[u8], given: &[u8]) -> bool {
    let mut difference = key.len() ^ given.len();
    for i in 0..given.len() {
        difference |= usize::from(black_box(key[i % key.len()] ^ given[i]));
    }
    black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(keys: &str, header: Option<&str>) -> u16 {
        let mut headers = HeaderMap::new();
        if let Some(value) = header {
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        }
        ApiKeys::parse(keys).check(&headers).map_or_else(|e| e.status.as_u16(), |()| 200)
    }

    #[test]
    fn only_a_whole_key_opens() {
        let keys = "# ours\nsesame\n\n  barley \n";
        assert_eq!(status("", None), 200);
        assert_eq!(status(keys, Some("Bearer sesame")), 200);
        assert_eq!(status(keys, Some("bearer barley")), 200);
        for wrong in
            [None, Some("sesame"), Some("Bearer "), Some("Bearer sesam"), Some("Bearer sesamesesame"), Some("B")]
        {
            assert_eq!(status(keys, wrong), 401, "{wrong:?}");
        }
    }
}
