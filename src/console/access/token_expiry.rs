//! When does a bearer token expire? The console does not trust the answer: it only ends a session earlier by it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// The claims of a JSON web token that matter here.
#[derive(Deserialize)]
struct Claims {
    exp: f64,
}

/// How long a token is still valid, if it is a JSON web token with the claim `exp`.
pub fn remaining(token: &str, now: jiff::Timestamp) -> Option<Duration> {
    let payload = token.split('.').nth(1)?;
    let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    let now = jiff::SignedDuration::from_secs(now.as_second()).as_secs_f64();
    Some(Duration::try_from_secs_f64(claims.exp - now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remaining_time_is_that_of_the_claim_and_never_negative() {
        let token = |claims: &str| format!("e30.{}.signature", URL_SAFE_NO_PAD.encode(claims));
        let now = jiff::Timestamp::from_second(1_000).unwrap();
        assert_eq!(remaining(&token(r#"{"exp": 1060}"#), now), Some(Duration::from_mins(1)));
        assert_eq!(remaining(&token(r#"{"exp": 999}"#), now), Some(Duration::ZERO));
        assert_eq!(remaining(&token(r#"{"exp": 1e400}"#), now), None);
        for other in ["opaque", "a.b.c", "", &token("{}"), &token(r#"{"exp": "soon"}"#)] {
            assert_eq!(remaining(other, now), None);
        }
    }
}
