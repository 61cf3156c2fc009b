//! What does the operator read in texts: durations, addresses, restrictions, names, identities, and secrets that a broker
//! repeats?

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::sample::select;
use proptest::strategy::Just;
use serde_json::Value;
use url::{Host, Url};

use super::broker::config;
use super::properties::assert_object_name;
use super::target::{Case, Verdict, case};
use super::words::{percent, text};
use crate::crd::names::{escaped, escaped_of, hex, label_value};
use crate::domain::duration::go_duration;
use crate::domain::restriction::{Properties, Restriction};
use crate::domain::validity::Validity;
use crate::osb::{
    AllowedAddresses, BindingMetadata, ChosenBy, Client, Config, OriginatingIdentity, REDACTED, Redactor,
    Screened,
};

/// A piece of a text that may repeat a secret.
#[derive(Clone, Debug)]
enum Piece {
    Other(String),
    Secret(usize, Vec<Encoding>),
}

#[derive(Clone, Copy, Debug)]
enum Encoding {
    Hex,
    Base64,
    Base64OfUrls,
    Percent,
    Json,
}

fn encoded(secret: &str, encodings: &[Encoding]) -> String {
    encodings.iter().fold(secret.to_owned(), |text, encoding| match encoding {
        Encoding::Hex => hex(text.as_bytes()),
        Encoding::Base64 => STANDARD.encode(text),
        Encoding::Base64OfUrls => URL_SAFE_NO_PAD.encode(text),
        Encoding::Percent => percent(&text),
        Encoding::Json => {
            let quoted = Value::from(text).to_string();
            quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
        }
    })
}

/// Texts that repeat secrets, in one encoding or in escapes of escapes.
pub fn redaction() -> Case {
    let secret = prop_oneof![2 => "[ -~]{0,30}", 1 => text(), 1 => vec(any::<char>(), 0..12).prop_map(String::from_iter)];
    let binary = select(&[Encoding::Hex, Encoding::Base64, Encoding::Base64OfUrls][..]);
    let escape = select(&[Encoding::Percent, Encoding::Json][..]);
    let encodings = prop_oneof![
        Just(Vec::new()),
        (proptest::option::of(binary), vec(escape, 0..3))
            .prop_map(|(binary, escapes)| binary.into_iter().chain(escapes).collect()),
    ];
    let piece = prop_oneof![
        1 => text().prop_map(Piece::Other),
        1 => (0..4_usize, encodings).prop_map(|(index, encodings)| Piece::Secret(index, encodings)),
    ];
    case((vec(secret, 1..4), vec(piece, 0..5)), |(secrets, pieces)| {
        let mut said = String::new();
        for piece in &pieces {
            match piece {
                Piece::Other(text) => said.push_str(text),
                Piece::Secret(index, encodings) => {
                    said.push_str(&encoded(&secrets[index % secrets.len()], encodings));
                }
            }
        }
        // The client looks at no more of a text.
        said.truncate(said.floor_char_boundary(16 * 1024));
        let redactor = Redactor::new(&secrets);
        let shown = redactor.redact(&said);
        // Each place has at least four bytes.
        assert!(shown.len() <= said.len() * 3, "{shown:?}");
        assert_eq!(shown, redactor.redact(&said), "it is not deterministic");
        for secret in secrets.iter().filter(|secret| secret.len() >= 8 && !may_arise(secret)) {
            // Of a longer secret encodings are not searched for.
            let all = [&[][..], &[Encoding::Percent], &[Encoding::Json], &[Encoding::Hex]];
            for encodings in all.into_iter().take(if secret.len() > 4096 { 3 } else { 4 }) {
                let form = encoded(secret, encodings);
                assert!(!shown.contains(&form), "{said:?} is shown as {shown:?}");
            }
            assert!(
                !redactor.is_in_identifier(&shown) || secret.len() < 12,
                "{said:?} is shown as {shown:?}"
            );
        }
        Verdict::accepted(shown != said)
    })
}

/// Whether the text may appear because something is redacted.
fn may_arise(secret: &str) -> bool {
    secret.contains(['<', '>']) || REDACTED.contains(secret) || ["true", "false", "null"].contains(&secret)
}

/// URLs of brokers, and addresses at which they may be.
pub fn addresses() -> Case {
    let number = || {
        prop_oneof![
            any::<u8>().prop_map(|n| n.to_string()),
            any::<u8>().prop_map(|n| format!("0x{n:x}")),
            any::<u32>().prop_map(|n| n.to_string())
        ]
    };
    let v4 = vec(number(), 1..5).prop_map(|numbers| numbers.join("."));
    let v6 = any::<[u8; 16]>().prop_map(|bytes| format!("[{}]", IpAddr::from(bytes)));
    let inside = (
        select(&["::ffff:", "64:ff9b::", "::"][..]),
        select(&["127.0.0.1", "169.254.169.254", "10.0.0.1", "0.0.0.0"][..]),
    );
    let mapped = inside.prop_map(|(prefix, v4)| format!("[{prefix}{v4}]"));
    let host = prop_oneof![4 => v4, 1 => v6, 2 => mapped, 2 => text()];
    let url = (select(&["http://", "https://", "HTTP:", "ftp://", "http://u:p@", ""][..]), host, text())
        .prop_map(|(scheme, host, path)| format!("{scheme}{host}/{path}"));
    let allowed = vec(
        prop_oneof![2 => text(), 1 => select(&["10.0.0.0/8", "127.0.0.1", "::/0", "*.example.com"][..]).prop_map(str::to_owned)],
        0..3,
    );
    case((prop_oneof![4 => url, 1 => text()], allowed), |(url, allowed)| {
        let text = allowed.join(",");
        let parsed = text.parse::<AllowedAddresses>();
        if let Err(why) = &parsed {
            assert!(why.contains("neither a network"), "{why}");
        }
        let is_default = allowed.is_empty();
        let allowed_addresses =
            if is_default { Arc::default() } else { Arc::new(parsed.unwrap_or_default()) };
        // TLS needs the certificates of the system, which this is not about.
        let url = url.replacen("https:", "http:", 1);
        let config = Config { allowed_addresses, ..config(&url) };
        let client = Client::new(&config);
        if let Err(why) = &client {
            assert!(why.to_string().chars().count() < 300, "{why}");
        }
        if client.is_ok() && is_default {
            assert_public(&Url::parse(url.trim()).unwrap());
        }
        Verdict::accepted(client.is_ok())
    })
}

/// A tenant's URL does not lead to an address that trusts the operator's place in the network.
fn assert_public(url: &Url) {
    let address = match url.host() {
        Some(Host::Ipv4(address)) => Some(address),
        Some(Host::Ipv6(address)) => {
            assert!(!address.is_loopback() && !address.is_unspecified() && !address.is_multicast(), "{url}");
            assert!(!address.is_unicast_link_local(), "{url}");
            address.to_ipv4()
        }
        _ => None,
    };
    let is_special = |address: std::net::Ipv4Addr| {
        address.is_loopback() || address.is_link_local() || address.is_multicast() || address.octets()[0] == 0
    };
    assert!(!address.is_some_and(is_special), "{url}");
}

/// Durations, restrictions, times, names and URLs.
pub fn words() -> Case {
    let names = vec(prop_oneof![3 => text(), 1 => "[a-z.-]{0,80}"], 2);
    let number = (any::<u32>(), select(&["ns", "us", "ms", "s", "m", "h"][..]));
    case((names, number), |(names, (number, unit))| {
        let [one, two] = names.as_slice() else { panic!("{names:?}") };
        assert_name(one, two);
        assert_duration(number, unit);
        let is_duration = go_duration(one).is_some();
        let restriction = Restriction::of_plans(&names);
        if let Ok(restriction) = &restriction {
            restriction.admits(&Properties { name: one, external_name: two, ..Properties::default() });
        }
        let metadata = BindingMetadata { expires_at: Some(one.clone()), renew_before: Some(two.clone()) };
        let validity = Validity::of(Some(&metadata), &[]);
        let end = validity.expires_at.as_ref();
        assert!(validity.renew_before.is_none_or(|time| end.is_none_or(|end| time.0 <= end.0)));
        assert!(!validity.unreadable.is_some_and(|told| one.len() > 12 && told.contains(one)));
        let is_url = matches!(Screened::dashboard_url(one.clone()), Some(Screened::Stored(_)));
        Verdict::accepted(is_duration || restriction.is_ok() || validity.expires_at.is_some() || is_url)
    })
}

/// The names of classes and plans are names in Kubernetes, and different for different brokers.
fn assert_name(id: &str, broker: &str) {
    if id.is_empty() {
        return;
    }
    assert_object_name(&escaped(id), 63);
    assert_object_name(&escaped_of(id, broker), 253);
    assert_eq!(label_value(id).len(), 56);
}

fn assert_duration(number: u32, unit: &str) {
    let nanoseconds: u64 = match unit {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        _ => 3_600_000_000_000,
    };
    let read = go_duration(&format!("{number}{unit}")).unwrap();
    let exact = u128::from(number) * u128::from(nanoseconds);
    let difference = read.as_nanos().abs_diff(exact);
    assert!(difference <= exact / 1_000_000_000 + 1, "{number}{unit} is read as {read:?}");
    assert!(read < Duration::MAX);
}

/// Identities of users, as headers.
pub fn identities() -> Case {
    let names = || vec(text(), 0..4);
    let extra = proptest::collection::btree_map(text(), names(), 0..3);
    let header = prop_oneof![
        1 => text(),
        1 => text().prop_map(|text| format!("kubernetes {text}")),
        2 => super::mutation::text_of(&super::corpus::IDENTITIES).prop_map(|text| format!("kubernetes {}", STANDARD.encode(text.0))),
    ];
    let user = (text(), text())
        .prop_map(|(name, uid)| (name.chars().take(300).collect(), uid.chars().take(300).collect()));
    case((user, names(), extra, header), |((username, uid), groups, extra, header)| {
        let user = OriginatingIdentity { username, uid, groups, extra };
        let sent = sent(&user);
        assert!(
            sent.len() <= 6 * 1024 && sent.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '),
            "{sent}"
        );
        let read = OriginatingIdentity::from_header(&sent).unwrap();
        assert_eq!((&read.username, &read.uid), (&user.username, &user.uid));
        assert!(read.groups == user.groups || read.groups.is_empty());
        assert!(read.extra == user.extra || read.extra == BTreeMap::new());
        Verdict::accepted(OriginatingIdentity::from_header(&header).is_some())
    })
}

/// The header that a client sends for a user.
fn sent(user: &OriginatingIdentity) -> String {
    use crate::osb::{PlanQuery, header, in_process};
    use futures::FutureExt as _;
    let (sender, receiver) = std::sync::mpsc::channel();
    let broker = move |request: http::Request<bytes::Bytes>| {
        let identity = request.headers().get(header::ORIGINATING_IDENTITY);
        sender.send(identity.map(|value| value.to_str().unwrap().to_owned())).unwrap();
        let response = http::Response::new(bytes::Bytes::from_static(b"{}"));
        async move { Ok(in_process::Response { head_and_body: response, defect: None }) }.boxed()
    };
    let url = "http://identity.test/";
    in_process::register(url, Arc::new(broker));
    let config = Config { chosen_by: ChosenBy::Administrator, ..config(url) };
    let client = Client::new(&config).unwrap();
    let _ = super::broker::done(client.fetch_instance("i", &PlanQuery::default(), Some(user)));
    receiver.recv().unwrap().unwrap()
}
