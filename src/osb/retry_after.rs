//! Which delay does a broker request with `Retry-After`? (“Polling Interval and Duration”, RFC 9110 §10.2.3)

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};

// Delays are clamped to this range: a broker must neither cause a busy loop nor stall its objects.
const MIN_DELAY: Duration = Duration::from_secs(1);
const MAX_DELAY: Duration = Duration::from_hours(1);

/// Parses a `Retry-After` value, which is a number of seconds or an HTTP date. `None` for anything else.
pub(super) fn parse(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let delay = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        value.parse().map_or(MAX_DELAY, Duration::from_secs)
    } else {
        let date = DateTimeParser::new().parse_timestamp(value).ok()?;
        Duration::try_from(date.duration_since(now)).unwrap_or_default()
    };
    Some(delay.clamp(MIN_DELAY, MAX_DELAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_understood_and_bounded() {
        let now = "1994-11-06T08:49:00Z".parse().unwrap();
        let cases = [
            ("10", Some(10)),
            (" 10 ", Some(10)),
            ("0", Some(1)),
            ("3600", Some(3600)),
            ("3601", Some(3600)),
            ("99999999999999999999999", Some(3600)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sun, 06 Nov 1994 08:48:00 GMT", Some(1)),
            ("Mon, 07 Nov 1994 08:49:37 GMT", Some(3600)),
            ("", None),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
        ];
        for (value, seconds) in cases {
            assert_eq!(parse(value, now), seconds.map(Duration::from_secs), "{value:?}");
        }
    }
}
