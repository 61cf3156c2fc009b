//! The workloads of a namespace: which workload recreates a pod, and how is it restarted?

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::ReplicaSet;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use super::pods::{controller, revisions};
use crate::crd::names::{ANNOTATION_RESTART, FIELD_MANAGER};
use crate::domain::rollout::{Controller, Demand, Owner, Pod, Template, Workload, WorkloadKind};
use crate::reconcilers::error::{During as _, Error};
use crate::reconcilers::identity::uid;
use crate::reconcilers::kube_api::KubeApi;

/// The API version of workloads.
const APPS: &str = "apps/v1";

/// The known workloads of a namespace.
pub(super) struct Workloads<'a> {
    api: &'a KubeApi,
    namespace: String,
    /// Whether workloads are restarted. If not, the operator may not read them either.
    are_restarted: bool,
    /// The owner of pods, by the UID of their controller.
    owners: BTreeMap<String, Owner>,
    templates: BTreeMap<Workload, Template>,
}

impl<'a> Workloads<'a> {
    /// No workload is known yet.
    pub(super) fn new(api: &'a KubeApi, namespace: String, are_restarted: bool) -> Self {
        Self { api, namespace, are_restarted, owners: BTreeMap::new(), templates: BTreeMap::new() }
    }

    /// The owner that recreates pods, by the UID of their controller.
    pub(super) fn owners(&self) -> &BTreeMap<String, Owner> {
        &self.owners
    }

    /// The pod templates of the workloads that need a restart.
    pub(super) fn templates(&self) -> &BTreeMap<Workload, Template> {
        &self.templates
    }

    /// How many pods of a workload are from before its restart.
    pub(super) fn former_pods(&self, workload: &Workload, pods: &[&Pod]) -> usize {
        let Some(template) = self.templates.get(workload) else { return 0 };
        let is_former = |pod: &&&Pod| {
            let owner = pod.controller.as_ref().and_then(|controller| self.owners.get(&controller.uid));
            matches!(owner, Some(Owner::Workload(owner)) if owner == workload)
                && pod.restarts != template.restarts
        };
        pods.iter().filter(is_former).count()
    }

    /// Reads the owners of the pods with drift, and the templates to restart. Owners do not change, so a known one is
    /// not read again.
    pub(super) async fn refresh(&mut self, demands: &[Demand], pods: &[&Pod]) -> Result<(), Error> {
        let mut wanted: BTreeMap<Workload, BTreeMap<String, i64>> = BTreeMap::new();
        let mut owners = BTreeMap::new();
        for pod in pods {
            let drifts: Vec<_> =
                demands.iter().filter_map(|demand| Some((&demand.uid, demand.drift(pod)?))).collect();
            let Some(controller) = pod.controller.as_ref().filter(|_| !drifts.is_empty()) else { continue };
            if !owners.contains_key(&controller.uid) {
                let known = self.owners.get(&controller.uid).cloned();
                let owner = if known.is_some() { known } else { self.owner(controller).await? };
                owners.extend(owner.map(|owner| (controller.uid.clone(), owner)));
            }
            if let Some(Owner::Workload(workload)) = owners.get(&controller.uid)
                && !pod.terminating
            {
                let restarts = drifts.iter().filter(|(_, drift)| drift.restart && self.are_restarted);
                let restarts = restarts.map(|(uid, drift)| ((*uid).clone(), drift.revision));
                wanted.entry(workload.clone()).or_default().extend(restarts);
            }
        }
        self.owners = owners;
        self.templates.retain(|workload, _| wanted.contains_key(workload));
        for (workload, wanted) in wanted.into_iter().filter(|(_, wanted)| !wanted.is_empty()) {
            let is_restarted = |template: &Template| {
                wanted.iter().all(|(uid, revision)| template.restarts.get(uid) == Some(revision))
            };
            // Read a paused workload again: it may have been resumed.
            if !self.templates.get(&workload).is_some_and(|known| is_restarted(known) && !known.paused) {
                let template = self.read(&workload).await?;
                self.templates.remove(&workload);
                self.templates.extend(template.map(|template| (workload, template)));
            }
        }
        Ok(())
    }

    /// The owner that recreates the pods of a controller; `None` if the controller is gone.
    async fn owner(&self, controller: &Controller) -> Result<Option<Owner>, Error> {
        let top = if controller.api_version == APPS && controller.kind == "ReplicaSet" {
            let api = Api::<ReplicaSet>::namespaced(self.api.client.clone(), &self.namespace);
            let found = api.get_metadata_opt(&controller.name).await.during("reading a ReplicaSet")?;
            let Some(found) = found.filter(|found| found.uid().as_deref() == Some(&controller.uid)) else {
                return Ok(None);
            };
            self::controller(&found.metadata).unwrap_or_else(|| controller.clone())
        } else {
            controller.clone()
        };
        // A Deployment has no pods of its own: its ReplicaSets have them.
        let is_direct = top.uid == controller.uid;
        let kind = WorkloadKind::find(&top.kind).filter(|_| top.api_version == APPS);
        let Some(kind) = kind.filter(|kind| is_direct != (*kind == WorkloadKind::Deployment)) else {
            return Ok(Some(Owner::Other(format!("{}/{}", top.kind.to_lowercase(), top.name))));
        };
        let workload = Workload { kind, name: top.name };
        if !self.are_restarted {
            return Ok(Some(Owner::Workload(workload)));
        }
        let found =
            self.collection(kind).get_metadata_opt(&workload.name).await.during("reading a workload")?;
        Ok(found.filter(|found| uid(found) == top.uid).map(|_| Owner::Workload(workload)))
    }

    async fn read(&self, workload: &Workload) -> Result<Option<Template>, Error> {
        let found =
            self.collection(workload.kind).get_opt(&workload.name).await.during("reading a workload")?;
        Ok(found.map(|found| template(&found)))
    }

    /// Restarts a workload, by stamping exactly these revisions on its pod template.
    pub(super) async fn restart(
        &mut self,
        workload: &Workload,
        restarts: &BTreeMap<String, i64>,
    ) -> Result<(), Error> {
        let uid = self.templates.get(workload).map(|template| template.uid.clone());
        let annotations: BTreeMap<String, String> = restarts
            .iter()
            .map(|(uid, revision)| (format!("{ANNOTATION_RESTART}{uid}"), revision.to_string()))
            .collect();
        let patch = json!({
            "apiVersion": APPS, "kind": workload.kind.as_str(),
            // The UID keeps server-side apply from creating a workload that was deleted meanwhile.
            "metadata": {"name": workload.name, "uid": uid},
            "spec": {"template": {"metadata": {"annotations": annotations}}},
        });
        // `force`: a client that restored an earlier template (`kubectl rollout undo`) owns these annotations.
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let api = self.collection(workload.kind);
        let written = api.patch(&workload.name, &parameters, &Patch::Apply(patch)).await;
        let written = written.during("restarting a workload")?;
        self.templates.insert(workload.clone(), template(&written));
        Ok(())
    }

    fn collection(&self, kind: WorkloadKind) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk("apps", "v1", kind.as_str());
        let resource = ApiResource::from_gvk(&kind);
        Api::namespaced_with(self.api.client.clone(), &self.namespace, &resource)
    }
}

fn template(workload: &DynamicObject) -> Template {
    let at = |path: &str| workload.data.pointer(path);
    let annotations = at("/spec/template/metadata/annotations").and_then(Value::as_object);
    let annotations = annotations.into_iter().flatten();
    let annotations =
        annotations.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect();
    Template {
        uid: uid(workload).to_owned(),
        restarts: revisions(&annotations, ANNOTATION_RESTART),
        paused: at("/spec/paused") == Some(&Value::Bool(true)),
        on_delete: at("/spec/updateStrategy/type").and_then(Value::as_str) == Some("OnDelete"),
    }
}
