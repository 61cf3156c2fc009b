//! The broker's certificate and bearer token, which it makes for itself, without cert-manager.
//!
//! A private authority signs the certificate. Both are in one Secret, which all replicas share; the operator gets the
//! authority's certificate in the `caBundle` of the broker object. To replace keys and token at once, delete the Secret and
//! restart the broker.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use secrecy::SecretString;
use uuid::Uuid;

/// How long a certificate is valid.
const VALID_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How long before its end it is renewed.
const RENEWED_BEFORE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The entries of the Secret. The operator reads `token`.
const AUTHORITY: &str = "ca.crt";
const AUTHORITY_KEY: &str = "ca.key";
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
const TOKEN: &str = "token";
const HOST_NAMES: &str = "host-names";
const VALID_FROM: &str = "valid-from";
const RENEW_AT: &str = "renew-at";

/// Why there is no usable certificate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server does not answer, or refuses.
    #[error("cannot read or write the Secret: {0}")]
    Api(#[from] kube::Error),
    /// A key or certificate cannot be made.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// The Secret was changed by another program.
    #[error("the entry {0} of the Secret is missing or malformed; delete the Secret and restart the broker")]
    Malformed(&'static str),
}

/// What the broker identifies itself with, and what it identifies the operator by.
pub struct Identity {
    /// The certificate of the authority, as PEM.
    pub authority: String,
    /// The certificate and its key.
    pub certified: Arc<CertifiedKey>,
    /// The operator's bearer token.
    pub token: SecretString,
}

/// Reads the identity from the Secret of this name. Creates it if it does not exist, and renews the certificate if it is
/// about to expire.
pub async fn ensure(
    secrets: &Api<Secret>,
    name: &str,
    host_names: &[String],
    now: Timestamp,
) -> Result<Identity, Error> {
    loop {
        let stored = secrets.get_opt(name).await?;
        let entries = stored.as_ref().and_then(|secret| secret.data.clone()).unwrap_or_default();
        if is_current(&entries, host_names, now) {
            return parse(&entries);
        }
        let metadata = stored.map_or_else(
            || ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
            |secret| secret.metadata,
        );
        let is_new = metadata.resource_version.is_none();
        let secret = Secret { metadata, data: Some(renewed(entries, host_names, now)?), ..Secret::default() };
        let written = if is_new {
            secrets.create(&PostParams::default(), &secret).await
        } else {
            secrets.replace(name, &PostParams::default(), &secret).await
        };
        match written {
            // Another replica was first: its identity counts.
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            written => drop(written?),
        }
    }
}

type Entries = BTreeMap<String, ByteString>;

/// Whether the certificate is for these hosts, valid now, and not to be renewed yet.
fn is_current(entries: &Entries, host_names: &[String], now: Timestamp) -> bool {
    let time = |name| text(entries, name).ok().and_then(|time| time.parse::<Timestamp>().ok());
    let times = time(VALID_FROM).zip(time(RENEW_AT));
    times.is_some_and(|(from, renew_at)| (from..renew_at).contains(&now))
        && text(entries, HOST_NAMES).is_ok_and(|names| names == host_names.join(","))
}

/// The entries with a new certificate, and with an authority and a token if they had none.
fn renewed(mut entries: Entries, host_names: &[String], now: Timestamp) -> Result<Entries, Error> {
    let put = |entries: &mut Entries, name: &str, text: String| {
        entries.insert(name.to_owned(), ByteString(text.into_bytes()));
    };
    if !entries.contains_key(TOKEN) {
        put(&mut entries, TOKEN, format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()));
    }
    if !entries.contains_key(AUTHORITY) || !entries.contains_key(AUTHORITY_KEY) {
        let key = KeyPair::generate()?;
        put(&mut entries, AUTHORITY, authority()?.self_signed(&key)?.pem());
        put(&mut entries, AUTHORITY_KEY, key.serialize_pem());
    }
    let issuer = Issuer::new(authority()?, KeyPair::from_pem(&text(&entries, AUTHORITY_KEY)?)?);
    let key = KeyPair::generate()?;
    let mut parameters = CertificateParams::new(host_names)?;
    let date = |time: Timestamp| {
        let date = time.to_zoned(TimeZone::UTC).date();
        date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    let valid_from = now - SignedDuration::from_hours(24);
    parameters.not_before = date(valid_from);
    parameters.not_after = date(now + VALID_FOR);
    put(&mut entries, CERTIFICATE, parameters.signed_by(&key, &issuer)?.pem());
    put(&mut entries, KEY, key.serialize_pem());
    put(&mut entries, HOST_NAMES, host_names.join(","));
    put(&mut entries, VALID_FROM, valid_from.to_string());
    put(&mut entries, RENEW_AT, (now + VALID_FOR - RENEWED_BEFORE).to_string());
    Ok(entries)
}

/// The authority signs nothing but certificates of this broker. It does not expire.
fn authority() -> Result<CertificateParams, Error> {
    let mut parameters = CertificateParams::new(Vec::new())?;
    parameters.distinguished_name.push(DnType::CommonName, "template-broker");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    Ok(parameters)
}

fn parse(entries: &Entries) -> Result<Identity, Error> {
    let certificate = text(entries, CERTIFICATE)?;
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes());
    let certificate = certificate.map_err(|_| Error::Malformed(CERTIFICATE))?;
    let key = PrivateKeyDer::from_pem_slice(text(entries, KEY)?.as_bytes());
    let key = any_supported_type(&key.map_err(|_| Error::Malformed(KEY))?);
    let key = key.map_err(|_| Error::Malformed(KEY))?;
    Ok(Identity {
        authority: text(entries, AUTHORITY)?,
        certified: Arc::new(CertifiedKey::new(vec![certificate], key)),
        token: SecretString::from(text(entries, TOKEN)?),
    })
}

fn text(entries: &Entries, name: &'static str) -> Result<String, Error> {
    let bytes = entries.get(name).map(|ByteString(bytes)| bytes.clone());
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(Error::Malformed(name))
}

/// The identity of new connections and requests, which changes when it is renewed or replaced.
pub struct Served(RwLock<Arc<Identity>>);

impl Served {
    /// Serves this identity at first.
    pub fn new(identity: Identity) -> Self {
        Self(RwLock::new(Arc::new(identity)))
    }

    /// Serves another identity from now on.
    pub fn set(&self, identity: Identity) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(identity);
    }

    /// The identity now.
    pub fn get(&self) -> Arc<Identity> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.get().certified))
    }
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Served")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_renewal_keeps_authority_and_token() {
        let hosts = ["template-broker.ns.svc".to_owned()];
        let first = renewed(Entries::new(), &hosts, at("2026-01-01T00:00:00Z")).unwrap();
        assert!(is_current(&first, &hosts, at("2026-03-01T00:00:00Z")));
        assert!(!is_current(&first, &hosts, at("2026-03-03T00:00:00Z")));
        assert!(!is_current(&first, &hosts, at("2025-12-30T00:00:00Z")), "the clock was ahead");
        assert!(!is_current(&first, &["another".to_owned()], at("2026-03-01T00:00:00Z")));
        let second = renewed(first.clone(), &hosts, at("2026-03-03T00:00:00Z")).unwrap();
        for kept in [AUTHORITY, AUTHORITY_KEY, TOKEN] {
            assert_eq!(first[kept], second[kept], "{kept}");
        }
        for replaced in [CERTIFICATE, KEY, RENEW_AT] {
            assert_ne!(first[replaced], second[replaced], "{replaced}");
        }
        parse(&second).unwrap();
    }

    #[test]
    fn a_changed_secret_is_named() {
        let mut entries = renewed(Entries::new(), &[], at("2026-01-01T00:00:00Z")).unwrap();
        entries.insert(KEY.to_owned(), ByteString(b"x".to_vec()));
        let error = parse(&entries).map(drop).unwrap_err().to_string();
        assert!(error.starts_with("the entry tls.key of the Secret is missing or malformed"), "{error}");
    }
}
