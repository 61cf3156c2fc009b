//! Admission accepts the `catalogRestrictions` that the operator can parse, and no others.

use serde_json::{Value, json};
use service_catalog::Restriction;

use super::{broker, expect};
use crate::namespace::namespace;

const CASES: [&str; 47] = [
    "name=a",
    "name==a",
    "name!=a",
    "name = a",
    "  name  !=  a  ",
    "name=",
    "name=a=b",
    "name===a",
    "name=a b (c)",
    "name=Größe L",
    "name\u{a0}=\u{3000}a",
    "name\t=\na",
    "name in (a)",
    "name in (a, b)",
    "name   notin   (  a,b  )",
    "name in(a)",
    "name notin(a)",
    "name in ()",
    "name in ((a)",
    "name in (a) ",
    "spec.externalName in (a),name=b",
    "spec.externalName=a , spec.externalID notin (b, c) , name!=d",
    "spec.externalID!=x",
    "spec.free=true",
    "spec.free in (true)",
    "spec.clusterServiceClass.name=x",
    "spec.serviceClass.name != x",
    "spec.clusterServiceClassRef.name=x",
    "spec.externalname=x",
    "specXexternalName=x",
    "names=x",
    "namein (a)",
    "name inside (a)",
    "name in a",
    "name in (a",
    "name in a)",
    "name in (a) name in (b)",
    "name in (a),",
    "name in (a),,name=b",
    "name=a,",
    ",name=a",
    "name",
    "!name",
    "name, spec.externalID=x",
    "name > 5",
    "",
    "this throws an error",
];

#[tokio::test]
async fn restrictions_are_accepted_if_they_are_understood() {
    let namespace = namespace().await;
    let form = "PROPERTY=VALUE, PROPERTY!=VALUE, PROPERTY in (VALUE, …) or PROPERTY notin (VALUE, …)";
    for (list, properties, parse) in [
        (
            "serviceClass",
            "name, spec.externalName or spec.externalID",
            Restriction::of_classes as fn(&[String]) -> _,
        ),
        (
            "servicePlan",
            "name, spec.externalName, spec.externalID, spec.free, spec.clusterServiceClass.name or spec.serviceClass.name",
            Restriction::of_plans,
        ),
    ] {
        let refused = format!("{form}, where PROPERTY is {properties}");
        let check = async |elements: &[&str]| {
            let owned: Vec<String> = elements.iter().map(|&element| element.to_owned()).collect();
            let error = parse(&owned).is_err().then_some(refused.as_str());
            let spec = json!({"catalogRestrictions": {list: elements}});
            let answer = namespace.try_create(broker("ServiceBroker", &namespace, spec)).await;
            expect(&format!("{list} {elements:?}"), answer, error);
            error.is_none()
        };
        let mut accepted = 0;
        for case in CASES {
            accepted += usize::from(check(&[case]).await);
        }
        assert!(accepted > 15 && accepted < CASES.len() - 15, "{accepted} are accepted");
        assert!(check(&[]).await);
        assert!(check(&["name=a", "name!=b"]).await);
        assert!(!check(&["name=a", "name"]).await);
        let null = json!({"catalogRestrictions": {list: Value::Null}});
        expect(list, namespace.try_create(broker("ClusterServiceBroker", &namespace, null)).await, None);
    }
}
