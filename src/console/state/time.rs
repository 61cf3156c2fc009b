//! Times in words, as functions of the time and the present. A page puts them in `<time datetime>`, with
//! [`machine_readable`] as the attribute.

use crate::console::language::Language;
use jiff::Timestamp;

/// The value of the attribute `datetime`: RFC 3339 in UTC, in whole seconds, such as `2026-01-01T02:00:00Z`.
pub fn machine_readable(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}

/// How far a time is from the present: `in 2 minutes`, `3 days ago`, `now` / `2 分钟后`, `3 天前`, `现在`.
pub fn relative(then: Timestamp, now: Timestamp, language: Language) -> String {
    let seconds = then.as_second().saturating_sub(now.as_second());
    let span = span(seconds.unsigned_abs(), language);
    match seconds {
        0 => language.pick("now", "现在").to_owned(),
        1.. => language.pick(format!("in {span}"), format!("{span}后")),
        _ => language.pick(format!("{span} ago"), format!("{span}前")),
    }
}

/// How old something is: `3 days` / `3 天`. A time in the future, from a clock that is ahead, is no age: `0 seconds`.
pub fn age(created: Timestamp, now: Timestamp, language: Language) -> String {
    let seconds = now.as_second().saturating_sub(created.as_second());
    span(u64::try_from(seconds).unwrap_or_default(), language)
}

/// A duration in its largest unit, rounded down.
fn span(seconds: u64, language: Language) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    const YEAR: u64 = 365 * DAY;
    let (count, english, chinese) = match seconds {
        ..MINUTE => (seconds, "second", "秒"),
        MINUTE..HOUR => (seconds / MINUTE, "minute", "分钟"),
        HOUR..DAY => (seconds / HOUR, "hour", "小时"),
        DAY..YEAR => (seconds / DAY, "day", "天"),
        YEAR.. => (seconds / YEAR, "year", "年"),
    };
    let plural = if count == 1 { "" } else { "s" };
    language.pick(format!("{count} {english}{plural}"), format!("{count} {chinese}"))
}

#[cfg(test)]
mod tests;
