//! Instances, one in each kind of state.

use serde_json::{Value, json};
use service_catalog::crd::names::{escaped, label, label_value};

use super::{CLASS, Stored, TIME, at_broker, condition, delete, failed, id, overlay, user};
use crate::cluster::Cluster;
use crate::scripted::Broker;

/// service-catalog's checksum of the parameters below.
const CHECKSUM: &str = "4fa544b50ca7a33fe5e8bc0780f1f36aa0c2c7098242db27bc8a3e21f4b4ab55";

/// Writes them, and creates them at the broker.
pub(super) async fn write(stored: &mut Stored, cluster: &Cluster, broker: &Broker) {
    let mut instances = Instances { stored, cluster, broker };
    instances.settled().await;
    instances.under_way().await;
    instances.being_deleted().await;
}

struct Instances<'a> {
    stored: &'a mut Stored,
    cluster: &'a Cluster,
    broker: &'a Broker,
}

fn parameters() -> Value {
    json!({"param-1": "value-1", "param-2": "value-2"})
}

fn confirmed(plan: &str) -> Value {
    json!({"clusterServicePlanExternalID": plan, "clusterServicePlanExternalName": plan, "parameterChecksum": CHECKSUM,
        "parameters": parameters(), "userInfo": user()})
}

fn ready() -> Value {
    let message = "The instance was provisioned successfully";
    json!({
        "asyncOpInProgress": false, "conditions": [condition("Ready", "True", "ProvisionedSuccessfully", message)],
        "deprovisionStatus": "Required", "provisionStatus": "Provisioned", "externalProperties": confirmed("small"),
        "observedGeneration": 1, "reconciledGeneration": 1, "orphanMitigationInProgress": false,
        "lastConditionState": "Ready", "userSpecifiedClassName": "ClusterServiceClass/database",
        "userSpecifiedPlanName": "small", "dashboardURL": "http://dashboard.example.com",
    })
}

fn not_provisioned(state: &Value) -> Value {
    overlay(json!({"externalProperties": null, "provisionStatus": "NotProvisioned"}), state)
}

fn running(operation: &str, answer: &Value, reason: &str) -> Value {
    json!({"asyncOpInProgress": true, "currentOperation": operation, "lastOperation": answer["operation"],
        "operationStartTime": TIME, "conditions": [condition("Ready", "False", reason, "so it was")]})
}

impl Instances<'_> {
    async fn provision_at_broker(&self, name: &str, plan: &str) -> Value {
        let body = json!({"service_id": CLASS, "plan_id": plan, "parameters": parameters()});
        self.broker.execute("PUT", &at_broker(name), body).await
    }

    fn add(&mut self, name: &str, plan: &str, parameters: &Value, changes: &Value) {
        let class = escaped(CLASS);
        let labels = json!({label::CLUSTER_SERVICE_CLASS_REF: label_value(&class),
            label::CLUSTER_SERVICE_PLAN_REF: label_value(plan)});
        let spec = json!({"clusterServiceClassExternalName": "database", "clusterServicePlanExternalName": plan,
            "clusterServiceClassRef": {"name": class}, "clusterServicePlanRef": {"name": plan}, "externalID": id(name),
            "parameters": parameters, "updateRequests": 0, "userInfo": user()});
        let parts = (json!({"labels": labels}), spec, overlay(ready(), changes));
        self.stored.add(self.cluster, "ServiceInstance", name, parts);
    }

    async fn settled(&mut self) {
        self.provision_at_broker("mini-instance", "small").await;
        self.add("mini-instance", "small", &parameters(), &json!({}));
    }

    async fn under_way(&mut self) {
        let answer = self.provision_at_broker("provisioning", "slow").await;
        let state = overlay(
            running("Provision", &answer, "Provisioning"),
            &json!({"inProgressProperties": confirmed("slow")}),
        );
        self.add("provisioning", "slow", &parameters(), &not_provisioned(&state));

        let state = json!({"conditions": failed("ProvisionCallFailed"), "deprovisionStatus": "NotRequired"});
        self.add("refused", "small", &parameters(), &not_provisioned(&state));

        self.provision_at_broker("update-failed", "small").await;
        let state = json!({"conditions": failed("UpdateInstanceCallFailed")});
        self.add("update-failed", "small", &json!({"size": 2}), &state);

        self.provision_at_broker("orphaned", "small").await;
        let state = json!({"orphanMitigationInProgress": true, "currentOperation": "Provision",
            "inProgressProperties": confirmed("small"), "conditions": [
                condition("Ready", "False", "StartingInstanceOrphanMitigation", "so it was"),
                condition("OrphanMitigation", "True", "ProvisionCallFailed", "so it was")]});
        self.add("orphaned", "small", &parameters(), &not_provisioned(&state));
    }

    async fn being_deleted(&mut self) {
        let name = "deprovisioning";
        self.provision_at_broker(name, "slow").await;
        self.broker.execute("GET", &format!("{}/last_operation", at_broker(name)), json!(null)).await;
        let answer = self.broker.execute("DELETE", &at_broker(name), json!(null)).await;
        let state = overlay(
            running("Deprovision", &answer, "Deprovisioning"),
            &json!({"externalProperties": confirmed("slow")}),
        );
        self.add(name, "slow", &parameters(), &state);

        self.provision_at_broker("given-up", "small").await;
        let state = json!({"conditions": failed("DeprovisionCallFailed"), "deprovisionStatus": "Failed"});
        self.add("given-up", "small", &parameters(), &state);
        for name in [name, "given-up"] {
            delete(self.cluster, "serviceinstance", name);
        }
    }
}
