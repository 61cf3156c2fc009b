//! Whose is a Secret? The ownership rule: a Secret is a binding's if the binding controls it, by UID. The operator
//! replaces and deletes no other, even one of the name that the binding's Secret should have.

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use crate::crd::ServiceBinding;
use crate::crd::names::LABEL_CREDENTIALS;
use crate::domain::controller;
use crate::reconcilers::scope;

/// What is in the place of a binding's Secret.
#[derive(Debug)]
pub enum SecretSlot {
    /// No Secret has the name.
    Vacant,
    /// The binding's own Secret.
    Ours(Box<Secret>),
    /// A Secret that is not the binding's.
    Foreign,
}

impl SecretSlot {
    /// Looks whose the Secret is that was found under the name of the binding's.
    pub fn of(binding: &ServiceBinding, found: Option<Secret>) -> Self {
        match found {
            None => Self::Vacant,
            Some(secret) if owner(&secret).is_some_and(|owner| is_owned_by(&owner.uid, binding)) => {
                Self::Ours(Box::new(secret))
            }
            Some(_) => Self::Foreign,
        }
    }
}

/// The binding that a Secret belongs to.
pub fn owner(secret: &Secret) -> Option<&OwnerReference> {
    controller(&secret.metadata)
}

/// Whether a Secret whose owner has this UID is the binding's.
pub fn is_owned_by(owner_uid: &str, binding: &ServiceBinding) -> bool {
    binding.metadata.uid.as_deref() == Some(owner_uid)
}

/// The metadata of a new Secret of the binding: with it, it is the binding's.
pub fn metadata(binding: &ServiceBinding) -> ObjectMeta {
    ObjectMeta {
        name: Some(binding.secret_name().to_owned()),
        namespace: binding.metadata.namespace.clone(),
        labels: Some([(LABEL_CREDENTIALS.to_owned(), String::new())].into()),
        owner_references: Some(vec![scope::owner(binding)]),
        ..ObjectMeta::default()
    }
}
