use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn times_are_told_in_their_largest_unit() {
    for (offset, english, chinese) in [
        (0, "now", "现在"),
        (1, "in 1 second", "1 秒后"),
        (59, "in 59 seconds", "59 秒后"),
        (60, "in 1 minute", "1 分钟后"),
        (125, "in 2 minutes", "2 分钟后"),
        (3600, "in 1 hour", "1 小时后"),
        (-1, "1 second ago", "1 秒前"),
        (-7199, "1 hour ago", "1 小时前"),
        (-3 * 86400, "3 days ago", "3 天前"),
        (-366 * 86400, "1 year ago", "1 年前"),
    ] {
        let now = at(1_000_000_000);
        let then = at(1_000_000_000 + offset);
        assert_eq!(relative(then, now, Language::English), english);
        assert_eq!(relative(then, now, Language::Chinese), chinese);
    }
}

#[test]
fn an_age_is_never_negative() {
    assert_eq!(age(at(0), at(3 * 86400), Language::English), "3 days");
    assert_eq!(age(at(0), at(3 * 86400), Language::Chinese), "3 天");
    assert_eq!(age(at(100), at(0), Language::English), "0 seconds");
}

#[test]
fn times_at_the_ends_of_the_range_have_words() {
    assert!(relative(Timestamp::MIN, Timestamp::MAX, Language::English).ends_with("years ago"));
    assert_eq!(machine_readable("2026-01-01T02:00:00.75Z".parse().unwrap()), "2026-01-01T02:00:00Z");
    assert!(!machine_readable(Timestamp::MAX).is_empty());
}
