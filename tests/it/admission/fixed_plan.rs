//! Which instances may change their plan?

use serde_json::{Value, json};

use super::{expect, instance};
use crate::namespace::namespace;

#[tokio::test]
async fn a_plan_is_changed_only_where_the_status_does_not_forbid_it() {
    let namespace = namespace().await;
    for (scope, flavour) in [
        ("cluster", "ExternalName"),
        ("cluster", "ExternalID"),
        ("cluster", "Name"),
        ("", "ExternalName"),
        ("", "ExternalID"),
        ("", "Name"),
    ] {
        let field = |what: &str| match scope {
            "" => format!("service{what}{flavour}"),
            scope => format!("{scope}Service{what}{flavour}"),
        };
        let (class, plan) = (field("Class"), field("Plan"));
        let name = format!("{scope}{flavour}").to_lowercase();
        namespace.create(instance(&name, json!({&class: "c", &plan: "p"}))).await.unwrap();
        let edit =
            async |spec: Value| namespace.try_patch("ServiceInstance", &name, json!({"spec": spec})).await;
        expect(&plan, edit(json!({&plan: "q"})).await, None);

        let refused = Some("The Service Class a/b does not allow plan changes.");
        for (status, error) in [
            (json!({"planUpdatable": null, "provisionStatus": "Provisioned"}), None),
            (json!({"planUpdatable": true, "provisionStatus": "Provisioned"}), None),
            (json!({"planUpdatable": false, "provisionStatus": "NotProvisioned"}), None),
            (json!({"planUpdatable": false, "provisionStatus": "Provisioned"}), refused),
        ] {
            let mut status = status;
            status["userSpecifiedClassName"] = "ServiceClass/a/b".into();
            namespace.patch_status("ServiceInstance", &name, json!({"status": status})).await.unwrap();
            let case = format!("{plan} {status}");
            expect(&case, edit(json!({&plan: "q"})).await, error);
            expect(&case, edit(json!({&plan: null})).await, error);
            expect(&case, edit(json!({"parameters": {"a": 1}})).await, None);
        }
        for metadata in [json!({"labels": {"a": "b"}}), json!({"finalizers": null})] {
            let patch = json!({"metadata": metadata});
            expect(&plan, namespace.try_patch("ServiceInstance", &name, patch).await, None);
        }
    }
}
