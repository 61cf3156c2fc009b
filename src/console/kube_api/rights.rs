//! What may the user do? Pages offer only that. It is a courtesy: the API server decides when the user does it.

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, ResourceRule, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
    SelfSubjectRulesReview, SelfSubjectRulesReviewSpec,
};
use kube::api::PostParams;
use kube::{Api, Client};

/// Matches every verb, group or resource in a rule.
const ANY: &str = "*";

/// What the user may do in a namespace.
pub struct Rights {
    client: Client,
    namespace: String,
    rules: Vec<ResourceRule>,
    is_complete: bool,
}

impl Rights {
    /// Asks for the rules of a namespace: one request for all verbs and kinds.
    pub(super) async fn read(client: &Client, namespace: &str) -> Self {
        let spec = SelfSubjectRulesReviewSpec { namespace: Some(namespace.to_owned()) };
        let review = SelfSubjectRulesReview { spec, ..SelfSubjectRulesReview::default() };
        let api = Api::<SelfSubjectRulesReview>::all(client.clone());
        let status = api.create(&PostParams::default(), &review).await.ok().and_then(|review| review.status);
        let is_complete = status.as_ref().is_some_and(|status| !status.incomplete);
        let rules = status.map(|status| status.resource_rules).unwrap_or_default();
        Self { client: client.clone(), namespace: namespace.to_owned(), rules, is_complete }
    }

    /// Whether the user may do this to an object in the namespace. Authorizers that cannot list their rules are asked.
    pub async fn may(&self, verb: &str, group: &str, resource: &str, name: &str) -> bool {
        if self.rules.iter().any(|rule| allows(rule, verb, group, resource, name)) {
            return true;
        }
        !self.is_complete && self.review(Some(&self.namespace), verb, group, resource, name).await
    }

    /// Whether the user may do this to a cluster-wide object. The rules of a namespace do not tell: a `RoleBinding` may
    /// refer to a `ClusterRole` that names cluster-wide kinds, which it cannot grant.
    pub async fn may_in_cluster(&self, verb: &str, group: &str, resource: &str, name: &str) -> bool {
        self.review(None, verb, group, resource, name).await
    }

    async fn review(
        &self,
        namespace: Option<&str>,
        verb: &str,
        group: &str,
        resource: &str,
        name: &str,
    ) -> bool {
        let attributes = ResourceAttributes {
            namespace: namespace.map(str::to_owned),
            verb: Some(verb.to_owned()),
            group: Some(group.to_owned()),
            resource: Some(resource.to_owned()),
            name: (!name.is_empty()).then(|| name.to_owned()),
            ..ResourceAttributes::default()
        };
        let spec = SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..SelfSubjectAccessReviewSpec::default()
        };
        let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
        let api = Api::<SelfSubjectAccessReview>::all(self.client.clone());
        let answer = api.create(&PostParams::default(), &review).await;
        answer.ok().and_then(|review| review.status).is_some_and(|status| status.allowed)
    }
}

fn allows(rule: &ResourceRule, verb: &str, group: &str, resource: &str, name: &str) -> bool {
    let has = |list: &[String], wanted: &str| list.iter().any(|item| item == ANY || item == wanted);
    let optional =
        |list: &Option<Vec<String>>, wanted: &str| list.as_deref().is_some_and(|list| has(list, wanted));
    let names = rule.resource_names.as_deref().unwrap_or_default();
    let is_named = names.is_empty() || !name.is_empty() && names.iter().any(|allowed| allowed == name);
    has(&rule.verbs, verb)
        && optional(&rule.api_groups, group)
        && optional(&rule.resources, resource)
        && is_named
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(verbs: &[&str], group: &str, resource: &str, names: &[&str]) -> ResourceRule {
        let owned = |list: &[&str]| list.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
        ResourceRule {
            verbs: owned(verbs),
            api_groups: Some(owned(&[group])),
            resources: Some(owned(&[resource])),
            resource_names: Some(owned(names)),
        }
    }

    #[test]
    fn a_rule_allows_only_what_it_names() {
        let one = rule(&["get"], "", "secrets", &["db"]);
        assert!(allows(&one, "get", "", "secrets", "db"));
        assert!(!allows(&one, "get", "", "secrets", "other"));
        assert!(!allows(&one, "get", "", "secrets", ""));
        assert!(!allows(&one, "list", "", "secrets", "db"));
        assert!(!allows(&one, "get", "apps", "secrets", "db"));
        assert!(allows(
            &rule(&["*"], "*", "*", &[]),
            "patch",
            "servicecatalog.k8s.io",
            "servicebindings",
            "x"
        ));
    }
}
