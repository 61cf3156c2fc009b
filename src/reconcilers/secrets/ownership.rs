//! The ownership rule: a Secret belongs to a binding if its controller reference has the binding's UID. The operator
//! never replaces or deletes any other Secret, even one with the name of the binding's Secret.

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource;

use crate::crd::ServiceBinding;
use crate::crd::names::LABEL_CREDENTIALS;
use crate::domain::controller;
use crate::reconcilers::scope;

/// What exists under the name of a binding's Secret.
#[derive(Debug)]
pub enum SecretSlot {
    /// No Secret has the name.
    Vacant,
    /// The binding's own Secret.
    Ours(Box<Secret>),
    /// A Secret that does not belong to the binding.
    Foreign,
}

impl SecretSlot {
    /// The slot, given the Secret that was found under the name of the binding's.
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

/// The controller reference of a Secret: the binding to which it belongs.
pub fn owner(secret: &impl Resource) -> Option<&OwnerReference> {
    controller(secret.meta())
}

/// Whether a Secret with this owner UID belongs to the binding.
pub fn is_owned_by(owner_uid: &str, binding: &ServiceBinding) -> bool {
    binding.metadata.uid.as_deref() == Some(owner_uid)
}

/// The metadata of a new Secret, which make it the binding's.
pub fn metadata(binding: &ServiceBinding) -> ObjectMeta {
    ObjectMeta {
        name: Some(binding.secret_name().to_owned()),
        namespace: binding.metadata.namespace.clone(),
        labels: Some([(LABEL_CREDENTIALS.to_owned(), String::new())].into()),
        owner_references: Some(vec![scope::owner(binding)]),
        ..ObjectMeta::default()
    }
}
