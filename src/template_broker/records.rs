//! Where does the broker keep what it knows of an instance? In one Secret for each, in its own namespace.
//!
//! A record is written before the first object of an operation, and removed after the last object is gone. Each write
//! carries the resourceVersion that was read, so two replicas cannot both change an instance. Only administrators of the
//! cluster should read Secrets of this namespace: a record holds generated passwords.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, ObjectMeta, PostParams, Preconditions};
use kube::{Api, Client};
use uuid::Uuid;

use super::error::Error;
use crate::template::Record;

/// The type of the Secrets.
const SECRET_TYPE: &str = "servicecatalog.k8s.io/template-instance";
/// The largest record. In base64 it is a third larger, and etcd takes 1.5 MiB.
const MAX_RECORD_BYTES: usize = 768 * 1024;
/// The entry with the record, as JSON.
const RECORD: &str = "record";
/// Secret names are derived from instance IDs with this namespace: an ID may contain any character.
const SECRET_NAMES: Uuid = Uuid::from_u128(0x8d9f_62a5_4a50_4d0c_9a34_6f1f_0c53_7b1e);

/// The records of all instances.
#[derive(Clone)]
pub struct Records(Api<Secret>);

/// A record as it was read. Only this version can be replaced or removed.
pub struct Stored {
    /// The record.
    pub record: Record,
    secret: Secret,
}

impl Records {
    /// The records in the broker's own namespace.
    pub fn new(client: Client, namespace: &str) -> Self {
        Self(Api::namespaced(client, namespace))
    }

    /// The record of an instance.
    pub async fn read(&self, instance_id: &str) -> Result<Option<Stored>, Error> {
        let Some(secret) = self.0.get_opt(&secret_name(instance_id)).await? else { return Ok(None) };
        let data = secret.data.as_ref().and_then(|data| data.get(RECORD));
        let record = data.and_then(|ByteString(json)| serde_json::from_slice(json).ok());
        let record = record.ok_or_else(|| {
            let name = secret.metadata.name.as_deref().unwrap_or_default();
            Error::Internal(format!("the Secret {name} of the template broker does not hold a record"))
        })?;
        Ok(Some(Stored { record, secret }))
    }

    /// Creates the record of a new instance. Another replica may have created it meanwhile.
    pub async fn create(&self, instance_id: &str, record: Record) -> Result<Stored, Error> {
        let metadata = ObjectMeta { name: Some(secret_name(instance_id)), ..ObjectMeta::default() };
        let secret = Secret {
            metadata,
            type_: Some(SECRET_TYPE.to_owned()),
            data: Some(data(&record)?),
            ..Secret::default()
        };
        let secret = self.0.create(&PostParams::default(), &secret).await.map_err(written_by_another)?;
        Ok(Stored { record, secret })
    }

    /// Writes a changed record.
    pub async fn replace(&self, stored: &mut Stored) -> Result<(), Error> {
        stored.secret.data = Some(data(&stored.record)?);
        let name = stored.secret.metadata.name.clone().unwrap_or_default();
        let replaced = self.0.replace(&name, &PostParams::default(), &stored.secret).await;
        stored.secret = replaced.map_err(written_by_another)?;
        Ok(())
    }

    /// Whether the record is still the one that was read. An operation that was suspended must not go on with an old one.
    pub async fn is_current(&self, stored: &Stored) -> Result<bool, Error> {
        let metadata = &stored.secret.metadata;
        let found = self.0.get_metadata_opt(metadata.name.as_deref().unwrap_or_default()).await?;
        let version = found.and_then(|found| found.metadata.resource_version);
        Ok(version.is_some() && version == metadata.resource_version)
    }

    /// Removes a record. It may be gone already.
    pub async fn remove(&self, stored: &Stored) -> Result<(), Error> {
        let metadata = &stored.secret.metadata;
        let preconditions =
            Preconditions { resource_version: metadata.resource_version.clone(), uid: metadata.uid.clone() };
        let parameters = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        match self.0.delete(metadata.name.as_deref().unwrap_or_default(), &parameters).await {
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            result => result.map(drop).map_err(written_by_another),
        }
    }
}

fn secret_name(instance_id: &str) -> String {
    format!("template-instance-{}", Uuid::new_v5(&SECRET_NAMES, instance_id.as_bytes()))
}

fn data(record: &Record) -> Result<BTreeMap<String, ByteString>, Error> {
    let json = serde_json::to_vec(record).map_err(|error| Error::Internal(error.to_string()))?;
    if json.len() > MAX_RECORD_BYTES {
        return Err(Error::BadRequest(
            "parameters, template and bindings of the instance are too large".to_owned(),
        ));
    }
    Ok(BTreeMap::from([(RECORD.to_owned(), ByteString(json))]))
}

fn written_by_another(error: kube::Error) -> Error {
    match &error {
        kube::Error::Api(status) if status.code == 409 => Error::Concurrency,
        _ => error.into(),
    }
}
