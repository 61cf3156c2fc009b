//! Which texts and numbers are likely to be mistaken? Words that the program looks for, and values at and beyond the
//! edges of what it expects.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Strategy, any, prop_oneof};
use proptest::sample::select;
use proptest::strategy::Just;
use serde_json::Value;

use crate::crd::names::hex;

/// A secret that must not be shown. It has what encodings escape.
pub const SECRET: &str = "Pa55/w+rd\"q%41<x";

const WORDS: &[&str] = &[
    "",
    " ",
    "a",
    "b-c",
    "name",
    "true",
    "false",
    "null",
    "0",
    "-1",
    ".",
    "..",
    "/",
    "~1",
    "#",
    "$",
    "*",
    "{}",
    "[]",
    "in progress",
    "succeeded",
    "failed",
    "AsyncRequired",
    "ConcurrencyError",
    "MaintenanceInfoConflict",
    "2026-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "-009999-01-01T00:00:00Z",
    "9999-12-31T23:59:60.999999999Z",
    "2026-01-01T00:00:00.1234567890123+23:59",
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Mon, 31 Dec 9999 23:59:60 GMT",
    "5m",
    "1h30m",
    "-5s",
    "1e9h",
    "99999999999999999999h",
    "1.5s",
    ".s",
    "9223372036854775807ns",
    "http://broker",
    "https://u:p@broker/x?y#z",
    "javascript:alert(1)",
    "http://[::1]:80/",
    "http://127.0.0.1",
    "http://[::ffff:169.254.169.254]/",
    "http://0x7f.1/",
    "postgres://u%3A:p%2F@h:5432/db",
    "//x",
    "http://\u{fffd}",
    "\u{202e}moc",
    "pass\u{200b}word",
    "\u{0}",
    "\u{1}\u{7f}\u{85}",
    "\u{feff}",
    "a\r\n\tb",
    "\u{e0041}",
    "ä€𝄞",
    "<html>",
    "</x",
    "${x}",
    "$(PATH)",
    "%00",
    "%25%32%35",
    "%",
    "\\u0000",
    "\\",
    "\"",
    "'",
    "+",
    "…",
    "...",
    "LD_PRELOAD",
    "PATH",
    "..data",
    "tls.crt",
    "username",
    "password",
    "uri",
    "type",
    "provider",
    "<redacted>",
    "{.a}",
    "{..*}",
    "{.a[?(@.b==1)]}",
    "{\"x\"}",
    "{",
    "}",
    "{.a[-1:0:-1]}",
    "{range .a}",
    "^(a+)+$",
    "(a*)*b",
    "[",
    "\\p{L}{1000}",
    "(?:(?:a{50}){50}){50}",
    "#/definitions/a",
    "#/properties/a",
    "#",
    "http://json-schema.org/draft-07/schema#",
    "https://json-schema.org/draft/2020-12/schema",
    "string",
    "object",
    "integer",
    "array",
    "servicecatalog.k8s.io/v1beta1",
    "kubernetes-incubator/service-catalog",
    "database",
    "small",
    "broker",
    "ns",
    "one",
    "Retain",
    "Cascade",
    "Provision",
    "Update",
    "Deprovision",
    "Bind",
    "Unbind",
    "True",
    "False",
    "Unknown",
    "Ready",
    "Failed",
    "Required",
    "NotRequired",
    "Provisioned",
    "10.0.0.0/8",
    "::/0",
    "*.example.com",
    "999.0.0.0/99",
    "spec.externalName in (a, b)",
    "name!=abc",
    "notin ()",
    "e7eb8277-d4be-5fd4-bfc0-4076b6538a80",
    "0765c298-fbdc-5236-9968-a58e72181c82",
];

const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "1",
    "-1",
    "2",
    "200",
    "3600",
    "65536",
    "2147483648",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1.0",
    "0.5",
    "1e2",
    "1E400",
    "-1e-400",
    "1.00000000000000000000000000000001",
    "123456789012345678901234567890",
];

/// A text: a word, what is left of one, many of one, characters of all kinds, or the secret in some encoding.
pub fn text() -> BoxedStrategy<String> {
    let word = || select(WORDS).prop_map(str::to_owned);
    let several = vec(select(WORDS), 1..5).prop_map(|words| words.concat());
    let times = prop_oneof![9 => 1_usize..1000, 1 => 1_usize..30_000];
    let long = (select(WORDS), times).prop_map(|(word, times)| word.repeat(times));
    let characters = vec(any::<char>(), 0..20).prop_map(String::from_iter);
    let printable = vec(b' '..=b'~', 0..30).prop_map(|text| String::from_utf8(text).unwrap_or_default());
    prop_oneof![
        8 => word(),
        3 => several,
        1 => long,
        2 => characters,
        2 => printable,
        2 => secret(),
    ]
    .boxed()
}

/// Percent-encodes each byte of a text.
pub fn percent(text: &str) -> String {
    let digits = hex(text.as_bytes()).to_uppercase().into_bytes();
    digits.chunks(2).flat_map(|digits| [&b"%"[..], digits].concat()).map(char::from).collect()
}

/// The secret as a broker may repeat it.
pub fn secret() -> BoxedStrategy<String> {
    let encoded = prop_oneof![
        Just(SECRET.to_owned()),
        Just(Value::from(SECRET).to_string()),
        Just(percent(SECRET)),
        Just(hex(SECRET.as_bytes())),
        select(&["", "x", "xy", "user:"][..]).prop_map(|before| STANDARD.encode(format!("{before}{SECRET}"))),
        Just(format!("\u{200b}{}\u{202e}{}", &SECRET[..4], &SECRET[4..])),
    ];
    (select(WORDS), encoded, select(WORDS))
        .prop_map(|(before, secret, after)| format!("{before}{secret}{after}"))
        .boxed()
}

/// A number with any digits.
pub fn number() -> BoxedStrategy<Value> {
    let edge = select(NUMBERS).prop_map(|digits| serde_json::from_str(digits).unwrap_or_default());
    prop_oneof![3 => edge, 1 => any::<i64>().prop_map(Value::from), 1 => (-3_i64..100).prop_map(Value::from)]
        .boxed()
}
