//! `spec.injection` of a binding: how pods get the credentials.
//!
//! The policy `injection` (`charts/service-catalog/templates/policies/injection.yaml`) has ServiceBinding as its
//! parameter kind: for each new pod it is evaluated once for each binding of the namespace that carries the label
//! `servicecatalog.k8s.io/injects`. `src/domain/binding/injecting.rs` says which binding may carry it. Match conditions compare the selector with the pod's labels. The patch adds a
//! volume, mounts and variables that *refer* to the Secret, so values never pass through the policy, pods get
//! credentials while the operator is down, and the kubelet holds a pod until the Secret exists. Each pod is stamped
//! with the binding's revision. What a pod already defines stays. Containers that other policies or webhooks add
//! later are reached by `reinvocationPolicy: IfNeeded`. System namespaces and the operator's namespace are left out.

use kube::KubeSchema;
use kube::core::Rule;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::variable;

// The schema is as strict as the API server's validation of pods: injection must never produce a pod that is rejected.

/// How pods get the credentials. Each container always gets them as files, one per key, in
/// `$SERVICE_BINDING_ROOT/<binding>`. Environment variables are optional.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = asks_for_code())]
pub struct Injection {
    /// Names of the containers and init containers that get the credentials. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 63)))]
    pub containers: Vec<String>,
    /// Environment variables, each from one key of the Secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub env: Vec<EnvMapping>,
    /// Allows names in `env` that run code in the containers or redirect their traffic, such as `PATH`, `LD_PRELOAD`,
    /// `JAVA_TOOL_OPTIONS` or `HTTPS_PROXY`. Default: false. `envFrom` never sets them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_unsafe_variables: bool,
    /// Adds an environment variable for each key of the Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "EnvFrom")]
    pub env_from: Option<EnvFrom>,
    /// Whether pods may start without the Secret. Default: false (they wait until it exists).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// Which pods the operator restarts when they lack the current credentials or settings: `Always` (default),
    /// `OnRotation` or `Never`. It does so by annotating the pod template of the Deployment, `StatefulSet` or
    /// `DaemonSet` that owns the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Restart")]
    pub restart: Option<Restart>,
}

/// Names that run code only if the user asks for them.
fn asks_for_code() -> Rule {
    let runs_code = variable::regular_expression();
    Rule::new(format!(
        "has(self.allowUnsafeVariables) && self.allowUnsafeVariables || !has(self.env) || \
         !self.env.exists(e, e.name.matches('{runs_code}'))"
    ))
    .message(
        "env must not name a variable that runs code or redirects traffic, such as PATH, LD_PRELOAD or HTTPS_PROXY: \
         choose another name, or set allowUnsafeVariables",
    )
}

impl Injection {
    /// The variables of `env` that run code, although `allowUnsafeVariables` is not set. The API server rejects them, so
    /// they are from before an upgrade.
    pub fn unsafe_variables(&self) -> Vec<&str> {
        let names = self.env.iter().map(|variable| variable.name.as_str());
        names.filter(|name| !self.allow_unsafe_variables && variable::runs_code(name)).collect()
    }
}

/// Which pods the operator restarts.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Restart {
    /// Pods that started before the binding was ready, pods with former credentials or injection settings, and pods
    /// with credentials of a binding that is being deleted.
    #[default]
    Always,
    /// Pods that have former credentials, after a rotation.
    OnRotation,
    /// No pods.
    Never,
}

/// An environment variable from one key of the Secret.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct EnvMapping {
    /// Name of the environment variable.
    #[schemars(length(max = 253), regex(pattern = "^[-_a-zA-Z][-._a-zA-Z0-9]*$"))]
    pub name: String,
    /// Key of the Secret that holds the value.
    #[schemars(length(max = 253), regex(pattern = "^[.]?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$"))]
    pub key: String,
}

/// An environment variable for each key of the Secret.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct EnvFrom {
    /// Prefix of the variable names, for example `DB_`. Default: none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253), regex(pattern = "^([-_a-zA-Z][-._a-zA-Z0-9]*)?$"))]
    pub prefix: String,
}
