//! Parses durations in the syntax of Go's `time.ParseDuration`, which users know from other Kubernetes flags and
//! fields.

use std::time::Duration;

/// Parses a duration such as `15m0s`, `1h30m` or `1.5s`. `None` if the text is not one, or is negative.
pub fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|character: char| !character.is_ascii_digit() && character != '.')?;
        let (number, tail) = rest.split_at(digits);
        let unit =
            tail.find(|character: char| character.is_ascii_digit() || character == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        total =
            total.checked_add(Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()?)?;
        rest = tail;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        for (text, seconds) in [
            ("15m0s", 900.0),
            ("1h", 3600.0),
            ("1h30m", 5400.0),
            ("1.5s", 1.5),
            ("100ms", 0.1),
            ("24h0m0s", 86400.0),
        ] {
            assert_eq!(go_duration(text), Some(Duration::from_secs_f64(seconds)), "{text}");
        }
        for text in ["", "5", "5x", "m", "-5m", "1..5s", "5m3"] {
            assert_eq!(go_duration(text), None, "{text}");
        }
    }
}
