//! Does a form come from a page that the console showed to this user?
//!
//! A form token is a MAC over what identifies the user: the session or, behind a proxy that logs users in, the user's
//! name and id. The latter needs no session and survives the proxy's renewal of its own token. Another user's token is
//! of no use, and the key lives as long as the process.
//!
//! Each page shows the MAC under another mask. Pages are compressed, and the length of a page that contains both a
//! secret and what an attacker chose (a search text) tells the secret bit by bit (the BREACH attack) if it stays the same.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::random::{Unavailable, random};

/// The length of a MAC, and of its mask, in bytes.
const MAC_BYTES: usize = 32;

/// The name of the form field.
pub const FIELD: &str = "form-token";

/// The key of all form tokens.
pub struct FormKey([u8; MAC_BYTES]);

impl FormKey {
    /// A random key.
    pub fn new() -> Result<Self, Unavailable> {
        random().map(Self)
    }

    /// A token for the forms of this subject.
    pub fn token(&self, subject: &[u8]) -> Result<String, Unavailable> {
        let mask: [u8; MAC_BYTES] = random()?;
        let mac = self.mac(subject).map(|mac| mac.finalize().into_bytes()).ok_or(Unavailable)?;
        let masked = mask.iter().zip(mac).map(|(mask, byte)| mask ^ byte);
        let bytes: Vec<u8> = mask.iter().copied().chain(masked).collect();
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Whether this is a token for forms of this subject. Takes the same time for every wrong MAC.
    pub fn accepts(&self, subject: &[u8], token: &str) -> bool {
        if token.len() > 4 * MAC_BYTES {
            return false;
        }
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(token) else { return false };
        let Some((mask, masked)) = bytes.split_at_checked(MAC_BYTES) else { return false };
        let mac: Vec<u8> = mask.iter().zip(masked).map(|(mask, byte)| mask ^ byte).collect();
        masked.len() == MAC_BYTES && self.mac(subject).is_some_and(|own| own.verify_slice(&mac).is_ok())
    }

    fn mac(&self, subject: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(subject);
        Some(mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_serves_only_its_subject_and_its_process() {
        let (key, other) = (FormKey::new().unwrap(), FormKey::new().unwrap());
        let token = key.token(b"jane").unwrap();
        assert!(key.accepts(b"jane", &token));
        assert!(!key.accepts(b"joe", &token));
        assert!(!other.accepts(b"jane", &token));
    }

    #[test]
    fn two_pages_never_show_the_same_token() {
        let key = FormKey::new().unwrap();
        let (first, second) = (key.token(b"jane").unwrap(), key.token(b"jane").unwrap());
        // Whole groups of four characters: the rest has few bits, which may be the same by chance.
        let mut groups = first.as_bytes().chunks_exact(4).zip(second.as_bytes().chunks_exact(4));
        assert!(groups.all(|(one, other)| one != other));
    }

    #[test]
    fn anything_else_is_refused() {
        let key = FormKey::new().unwrap();
        let token = key.token(b"jane").unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        let changed = |index: usize| {
            let mut bytes = bytes.clone();
            bytes[index] ^= 1;
            URL_SAFE_NO_PAD.encode(bytes)
        };
        let shorter = URL_SAFE_NO_PAD.encode(&bytes[..63]);
        let none = URL_SAFE_NO_PAD.encode([7; MAC_BYTES]);
        for wrong in [changed(0), changed(63), shorter, none, String::new(), "é".to_owned(), token.repeat(2)]
        {
            assert!(!key.accepts(b"jane", &wrong), "{wrong}");
        }
    }
}
