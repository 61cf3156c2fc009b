//! How does a browser carry what the user has entered from one page to the next, if a page must not show it?
//!
//! Sealed: encrypted and authenticated by a key that lives as long as the process, and bound to the user and to the
//! page. The server keeps nothing, the HTML shows no secret, and what the user has reviewed is what is sent. A sealed
//! text of another user, page or process does not open; the page then asks again.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::random::{Unavailable, random};

/// The key of all sealed texts.
pub struct SealKey(LessSafeKey);

impl SealKey {
    /// A random key.
    pub fn new() -> Result<Self, Unavailable> {
        let key = UnboundKey::new(&AES_256_GCM, &random::<32>()?).map_err(|_| Unavailable)?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// The sealed text. Only with the same `context` it opens. Nonces are random: at 2^32 texts of one process, two are
    /// the same with a probability of 2^-33.
    pub fn seal(&self, context: &[u8], text: &[u8]) -> Result<String, Unavailable> {
        let nonce: [u8; NONCE_LEN] = random()?;
        let mut bytes = text.to_vec();
        let sealed = self.0.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(context),
            &mut bytes,
        );
        sealed.map_err(|_| Unavailable)?;
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &bytes].concat()))
    }

    /// The text, if it was sealed by this process with this context.
    pub fn open(&self, context: &[u8], sealed: &str) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let text = self.0.open_in_place(nonce, Aad::from(context), &mut sealed).ok()?;
        Some(text.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_text_opens_only_for_its_context_and_in_its_process() {
        let (key, other) = (SealKey::new().unwrap(), SealKey::new().unwrap());
        let sealed = key.seal(b"jane /new", b"secret").unwrap();
        assert_eq!(key.open(b"jane /new", &sealed).as_deref(), Some(b"secret".as_slice()));
        assert_eq!(key.open(b"joe /new", &sealed), None);
        assert_eq!(other.open(b"jane /new", &sealed), None);
    }

    #[test]
    fn a_changed_or_foreign_text_does_not_open() {
        let key = SealKey::new().unwrap();
        let sealed = key.seal(b"", b"secret").unwrap();
        for wrong in
            [String::new(), "A".repeat(8), "é".to_owned(), sealed[..20].to_owned(), format!("{sealed}AAAA")]
        {
            assert_eq!(key.open(b"", &wrong), None, "{wrong}");
        }
        assert_ne!(sealed, key.seal(b"", b"secret").unwrap());
    }
}
