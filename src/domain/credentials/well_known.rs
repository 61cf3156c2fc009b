//! Which entries do applications expect that find their bindings as servicebinding.io describes?
//!
//! Libraries recognise a service by `type`, and some do not start without it. Then they look for `host`, `port`,
//! `username` and so on, for which brokers use many names.

use std::collections::BTreeSet;

use k8s_openapi::ByteString;
use serde_json::{Map, Value};
use url::Url;

use super::Meta;
use crate::crd::binding::SecretData;

#[cfg(test)]
mod tests;

/// Types, and the URI schemes, tags and offering names that identify them.
const TYPES: &[(&str, &[&str])] = &[
    ("cassandra", &["cassandra"]),
    ("couchbase", &["couchbase", "couchbases"]),
    ("db2", &["db2"]),
    ("elasticsearch", &["elasticsearch"]),
    ("hana", &["hana", "hdbsql"]),
    ("kafka", &["kafka"]),
    ("ldap", &["ldap", "ldaps"]),
    ("mongodb", &["mongodb", "mongo", "mongodb+srv"]),
    ("mysql", &["mysql", "mysql2", "mariadb"]),
    ("neo4j", &["neo4j", "bolt"]),
    ("oracle", &["oracle"]),
    ("postgresql", &["postgresql", "postgres", "pgsql", "pg"]),
    ("rabbitmq", &["rabbitmq", "amqp", "amqps"]),
    ("redis", &["redis", "rediss", "valkey"]),
    ("s3", &["s3"]),
    ("sqlserver", &["sqlserver", "mssql"]),
    ("vault", &["vault"]),
];

/// The types whose URIs have the name of a database as their path.
const DATABASES: &[&str] = &["couchbase", "db2", "mongodb", "mysql", "postgresql", "sqlserver"];

/// The credentials that may hold a URI, whose scheme identifies the type.
const URIS: &[&str] = &["uri", "url", "jdbcUrl", "jdbc_url", "connection_string"];

/// A well-known name, the names that brokers use for it, and a check of the value.
type Alias = (&'static str, &'static [&'static str], fn(&str) -> bool);

const ALIASES: &[Alias] = &[
    ("host", &["hostname", "server"], is_host),
    ("username", &["user", "user_name", "login"], is_not_empty),
    ("password", &["pass", "passwd"], is_not_empty),
    ("database", &["dbname", "db", "db_name"], is_not_empty),
    ("uri", &["url", "connection_string"], is_uri),
    ("jdbc-url", &["jdbcUrl", "jdbc_url", "jdbcurl"], is_jdbc),
    ("certificates", &["ca_cert", "ca", "cacert", "sslrootcert", "tls_ca"], is_certificate),
    ("private-key", &["client_key", "tls_key"], is_private_key),
];

/// Adds `type` and `provider`, and the well-known names that are free and that the user did not remove.
pub(super) fn add(
    data: &mut SecretData,
    removed: &BTreeSet<String>,
    credentials: &Map<String, Value>,
    meta: &Meta,
) {
    describe(data, ("type", meta.type_), meta, || type_of(credentials, meta));
    describe(data, ("provider", meta.provider), meta, || provider_of(meta));
    let is_free = |name: &str| !removed.contains(name) && meta.additions.include(name);
    for (name, others, fits) in ALIASES.iter().filter(|(name, _, _)| is_free(name)) {
        let value = others.iter().filter_map(|other| text(data, other)).find(|value| fits(value));
        if let Some(value) = value.map(str::to_owned) {
            add_missing(data, name, value);
        }
    }
    let uri = text(data, "uri").and_then(|uri| Url::parse(uri).ok());
    for (name, value) in uri.iter().flat_map(parts).filter(|(name, _)| is_free(name)) {
        add_missing(data, name, value);
    }
}

/// The value of the binding's spec, else the entry that exists, else a guess.
fn describe(
    data: &mut SecretData,
    (name, specified): (&str, &str),
    meta: &Meta,
    guess: impl FnOnce() -> String,
) {
    if !specified.is_empty() {
        data.insert(name.to_owned(), bytes(specified));
    } else if meta.additions.include(name) && data.get(name).is_none_or(|value| value.0.is_empty()) {
        data.insert(name.to_owned(), bytes(&guess()));
    }
}

fn add_missing(data: &mut SecretData, name: &str, value: String) {
    data.entry(name.to_owned()).or_insert_with(|| ByteString(value.into_bytes()));
}

fn bytes(text: &str) -> ByteString {
    ByteString(text.as_bytes().to_vec())
}

fn text<'a>(data: &'a SecretData, key: &str) -> Option<&'a str> {
    std::str::from_utf8(&data.get(key)?.0).ok()
}

fn type_of(credentials: &Map<String, Value>, meta: &Meta) -> String {
    let uris = || URIS.iter().filter_map(|key| credentials.get(*key)?.as_str());
    let words = || meta.tags.iter().map(String::as_str).chain([meta.service]);
    metadata(meta, "servicebinding.io/type")
        .map(str::to_owned)
        .or_else(|| uris().find_map(|uri| known_type(scheme(uri)?)))
        .or_else(|| words().find_map(known_type))
        .or_else(|| slug(meta.service))
        .unwrap_or_else(|| "service".to_owned())
}

fn provider_of(meta: &Meta) -> String {
    metadata(meta, "servicebinding.io/provider")
        .map(str::to_owned)
        .or_else(|| slug(metadata(meta, "providerDisplayName")?))
        .unwrap_or_else(|| meta.broker.to_owned())
}

fn metadata<'a>(meta: &Meta<'a>, key: &str) -> Option<&'a str> {
    let entries = [meta.plan_metadata, meta.class_metadata].into_iter().flatten();
    entries.filter_map(|entry| entry.get(key)?.as_str()).find(|value| !value.is_empty())
}

/// The scheme of a URI; for `jdbc:postgresql:…` the second one, `postgresql`.
fn scheme(uri: &str) -> Option<&str> {
    Some(uri.strip_prefix("jdbc:").unwrap_or(uri).split_once(':')?.0)
}

fn known_type(word: &str) -> Option<String> {
    let word = word.to_ascii_lowercase();
    TYPES.iter().find_map(|(name, words)| words.contains(&word.as_str()).then(|| (*name).to_owned()))
}

/// Lower-case letters and digits, with hyphens between the words; `None` if nothing remains.
fn slug(text: &str) -> Option<String> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).map(str::to_ascii_lowercase).collect();
    (!words.is_empty()).then(|| words.join("-"))
}

/// The well-known names that the parts of a URI provide.
fn parts(uri: &Url) -> impl Iterator<Item = (&'static str, String)> {
    let decoded = |text: &str| (!text.is_empty()).then(|| percent_decoded(text)).flatten();
    let host = uri.host_str().map(|host| host.trim_start_matches('[').trim_end_matches(']'));
    let database = uri.path().strip_prefix('/').filter(|path| !path.contains('/'));
    let is_database = known_type(uri.scheme()).is_some_and(|name| DATABASES.contains(&name.as_str()));
    [
        ("host", host.and_then(decoded)),
        ("port", uri.port().map(|port| port.to_string())),
        ("username", decoded(uri.username())),
        ("password", uri.password().and_then(decoded)),
        ("database", database.filter(|_| is_database).and_then(decoded)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
}

/// `None` if the decoded bytes are not UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let mut pieces = text.split('%');
    let mut decoded = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        if let Some((byte, rest)) = encoded_byte(piece) {
            decoded.push(byte);
            decoded.extend_from_slice(rest.as_bytes());
        } else {
            decoded.push(b'%');
            decoded.extend_from_slice(piece.as_bytes());
        }
    }
    String::from_utf8(decoded).ok()
}

fn encoded_byte(text: &str) -> Option<(u8, &str)> {
    let (code, rest) = text.split_at_checked(2)?;
    let is_code = code.chars().all(|digit| digit.is_ascii_hexdigit());
    Some((u8::from_str_radix(code, 16).ok().filter(|_| is_code)?, rest))
}

fn is_not_empty(value: &str) -> bool {
    !value.is_empty()
}

fn is_host(value: &str) -> bool {
    is_not_empty(value)
        && !value.contains(|character: char| character.is_whitespace() || "/,".contains(character))
}

fn is_uri(value: &str) -> bool {
    value.contains("://") && Url::parse(value).is_ok()
}

fn is_jdbc(value: &str) -> bool {
    value.starts_with("jdbc:")
}

fn is_certificate(value: &str) -> bool {
    value.contains("-----BEGIN CERTIFICATE-----")
}

fn is_private_key(value: &str) -> bool {
    value.contains("PRIVATE KEY-----")
}
