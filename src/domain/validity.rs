//! How long are credentials valid? Parses the `metadata` that a broker sends with a binding.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::osb::{BindingMetadata, IgnoredMember};

/// The beginning of the year 0, in seconds after 1970.
const YEAR_ZERO: i64 = -62_167_219_200;

/// How long credentials are valid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validity {
    /// When they expire.
    pub expires_at: Option<Time>,
    /// When they should be rotated at the latest; never after `expires_at`.
    pub renew_before: Option<Time>,
    /// Message to the user if a time cannot be parsed. It does not quote the broker: the text may be anything, even a
    /// secret.
    pub unreadable: Option<String>,
}

impl Validity {
    /// Parses the broker's metadata. A `renew_before` after the expiry would be too late, so the expiry caps it. `ignored`
    /// are the members of the answer that could not be read.
    pub fn of(metadata: Option<&BindingMetadata>, ignored: &[IgnoredMember]) -> Self {
        let unread = ignored.iter().find(|member| member.path.starts_with("metadata"));
        let unreadable = unread.map(|member| format!("The broker's {member}: it is ignored"));
        let mut validity = Self { unreadable, ..Self::default() };
        let Some(metadata) = metadata else { return validity };
        let expires_at = validity.read("expires_at", metadata.expires_at.as_deref());
        let renew_before = validity.read("renew_before", metadata.renew_before.as_deref());
        let no_later = |time: Time| expires_at.clone().filter(|end| end.0 < time.0).unwrap_or(time);
        Self { renew_before: renew_before.map(no_later), expires_at, ..validity }
    }

    fn read(&mut self, member: &str, text: Option<&str>) -> Option<Time> {
        let time = time(text?);
        if time.is_none() {
            self.unreadable = Some(format!("The broker's {member} is not a time in RFC 3339: it is ignored"));
        }
        time
    }
}

/// Parses a time in RFC 3339. The fraction may have any length and is cut off: jiff accepts nine digits
/// at most. It also accepts negative years, with which the API server would reject the whole status.
fn time(text: &str) -> Option<Time> {
    let (head, rest) = text.split_once('.').unwrap_or((text, ""));
    let zone = rest.trim_start_matches(|digit: char| digit.is_ascii_digit());
    let text = if rest.len() > zone.len() { format!("{head}{zone}") } else { text.to_owned() };
    text.parse().ok().filter(|time: &Timestamp| time.as_second() >= YEAR_ZERO).map(Time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixtures::at;

    #[test]
    fn times_are_read_as_brokers_write_them() {
        for (text, second) in [
            ("1970-01-01T00:01:00Z", Some(60)),
            ("1970-01-01T00:01:00.0Z", Some(60)),
            ("1970-01-01T00:01:00.123456789012Z", Some(60)),
            ("1970-01-01T01:01:00.5+01:00", Some(60)),
            ("1970-01-01t00:01:00z", Some(60)),
            ("1970-01-01T00:01:00.Z", None),
            ("1970-01-01T00:01:00", None),
            ("0000-01-01T00:00:00Z", Some(YEAR_ZERO)),
            ("0000-01-01T00:00:00+00:01", None),
            ("-000001-12-31T23:59:59Z", None),
            ("tomorrow", None),
            ("", None),
        ] {
            assert_eq!(time(text), second.map(at), "{text}");
        }
    }

    #[test]
    fn credentials_are_renewed_before_they_expire() {
        let text = |second: Option<i64>| second.map(|second| at(second).0.to_string());
        for (expires, renew, expected) in [
            (Some(100), Some(50), (Some(100), Some(50))),
            (Some(100), Some(150), (Some(100), Some(100))),
            (None, Some(50), (None, Some(50))),
            (Some(100), None, (Some(100), None)),
        ] {
            let metadata = BindingMetadata { expires_at: text(expires), renew_before: text(renew) };
            let validity = Validity::of(Some(&metadata), &[]);
            assert_eq!(validity.unreadable, None);
            assert_eq!(
                (validity.expires_at, validity.renew_before),
                (expected.0.map(at), expected.1.map(at))
            );
        }
    }

    /// The message does not quote the broker: its text may hold a secret.
    #[test]
    fn what_is_no_time_is_ignored_and_reported() {
        let metadata = BindingMetadata { expires_at: Some("hunter2".into()), renew_before: None };
        let validity = Validity::of(Some(&metadata), &[]);
        assert_eq!(validity.expires_at, None);
        let message = validity.unreadable.unwrap();
        assert!(message.contains("expires_at") && !message.contains("hunter2"), "{message}");
    }
}
