//! The revision of a binding: it counts up whenever pods would get something different.

use sha2::{Digest as _, Sha256};

use crate::crd::binding::Injection;
use crate::crd::names::hex;
use crate::crd::{ServiceBinding, ServiceBindingStatus};

/// Starts a new revision if the Secret's entries (`digest`) or the injection settings changed.
pub(super) fn revise(binding: &ServiceBinding, status: &mut ServiceBindingStatus, digest: &str) {
    let injected = injection_digest(binding.spec.injection.as_ref());
    let is_same = status.secret_digest == digest;
    if is_same && status.injection_digest == injected {
        return;
    }
    status.revision += 1;
    status.injection_digest = injected;
    if !is_same {
        status.credentials_revision = status.revision;
        digest.clone_into(&mut status.secret_digest);
    }
}

/// A digest of the fields of `spec.injection` that change pods. `restart` does not, as it only says which pods are
/// restarted for it, nor does `allowUnsafeVariables`.
fn injection_digest(injection: Option<&Injection>) -> String {
    let injection = injection.map(|injection| Injection {
        restart: None,
        allow_unsafe_variables: false,
        ..injection.clone()
    });
    match injection {
        Some(injection) if injection != Injection::default() => {
            // The serialised form has to stay the same: another digest after an upgrade of the operator would restart
            // pods for nothing.
            hex(&Sha256::digest(serde_json::to_vec(&injection).unwrap_or_default()))
        }
        Some(_) | None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_revision_counts_what_pods_get() {
        let mut status = ServiceBindingStatus::default();
        let mut binding = super::super::tests::binding();
        for (injection, digest, revision, credentials) in [
            (json!(null), "a", 1, 1),
            (json!(null), "a", 1, 1),
            (json!({}), "a", 1, 1),
            (json!({"restart": "Never"}), "a", 1, 1),
            (json!({"allowUnsafeVariables": true}), "a", 1, 1),
            (json!({"optional": true}), "a", 2, 1),
            (json!({"optional": true, "restart": "OnRotation"}), "a", 2, 1),
            (json!({"optional": true}), "b", 3, 3),
            (json!({"env": [{"name": "A", "key": "a"}]}), "b", 4, 3),
            (json!({"env": [{"name": "A", "key": "b"}]}), "b", 5, 3),
            (json!({"envFrom": {}}), "b", 6, 3),
            (json!({"envFrom": {"prefix": "P_"}}), "b", 7, 3),
            (json!({"containers": ["main"]}), "b", 8, 3),
            (json!(null), "c", 9, 9),
        ] {
            binding.spec.injection = serde_json::from_value(injection.clone()).unwrap();
            revise(&binding, &mut status, digest);
            assert_eq!(
                (status.revision, status.credentials_revision),
                (revision, credentials),
                "{injection}"
            );
            assert_eq!(status.secret_digest, digest);
        }
    }
}
