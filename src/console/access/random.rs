//! Secrets that the console makes: session ids, form keys, one-time codes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};

/// The operating system has no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system provides no random numbers")]
pub struct Unavailable;

/// The SHA-256 digest of a secret. Secrets are looked up by it: how long that takes says nothing about a secret.
pub type SecretDigest = [u8; 32];

/// Random bytes.
pub fn random<const LENGTH: usize>() -> Result<[u8; LENGTH], Unavailable> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(|_| Unavailable)?;
    Ok(bytes)
}

/// A secret of 256 bits, as text for cookies and URLs.
pub fn secret() -> Result<SecretString, Unavailable> {
    Ok(URL_SAFE_NO_PAD.encode(random::<32>()?).into())
}

/// Four letters and digits that make a name unique. Without vowels, so that they form no words.
pub fn suffix() -> Result<String, Unavailable> {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let pick = |byte: u8| LETTERS.get(usize::from(byte) % LETTERS.len()).copied().map(char::from);
    Ok(random::<4>()?.into_iter().filter_map(pick).collect())
}

/// The digest of a secret.
pub fn digest(secret: &str) -> SecretDigest {
    Sha256::digest(secret.as_bytes()).into()
}
