//! The code in the URL that opens a local console. Without it, every user of the machine could use the console with the
//! kubeconfig of the person who started it.

use std::sync::{Mutex, PoisonError};

use secrecy::{ExposeSecret as _, SecretString};

use super::random::{SecretDigest, Unavailable, digest, secret};

/// A code that can be used once.
#[derive(Default)]
pub struct OneTimeCode(Mutex<Option<SecretDigest>>);

impl OneTimeCode {
    /// A new code, if none is waiting to be used.
    pub fn renew(&self) -> Result<Option<SecretString>, Unavailable> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.is_some() {
            return Ok(None);
        }
        let code = secret()?;
        *waiting = Some(digest(code.expose_secret()));
        Ok(Some(code))
    }

    /// Whether this is the code. It is used up then.
    pub fn redeem(&self, code: &str) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_right = *waiting == Some(digest(code));
        if is_right {
            *waiting = None;
        }
        is_right
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_can_be_used_once_and_only_then_is_there_another() {
        let codes = OneTimeCode::default();
        assert!(!codes.redeem(""));
        let code = codes.renew().unwrap().unwrap();
        assert!(codes.renew().unwrap().is_none());
        assert!(!codes.redeem("guess"));
        assert!(codes.redeem(code.expose_secret()));
        assert!(!codes.redeem(code.expose_secret()));
        assert_ne!(codes.renew().unwrap().unwrap().expose_secret(), code.expose_secret());
    }
}
