use serde_json::{Value, json};

use crate::template::object::LABEL_INSTANCE;
use crate::template::tests::{annotated, parse, template, values};
use crate::template::{Definition, Images};

fn definition(objects: Value) -> Definition {
    let mut template = template(
        json!([{"name": "A"}, {"name": "NS"}, {"name": "SECRET", "generate": "expression", "from": "x"}]),
        json!({}),
    );
    template["objects"] = objects;
    template["labels"] = json!({"app": "${A}", "${A}": "fixed"});
    template["message"] = json!("Use ${A} and ${SECRET}.");
    parse(template).unwrap()
}

#[test]
fn labels_go_to_the_metadata_of_objects_only() {
    let definition = definition(json!([{
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "${A}", "labels": {"own": "1", "app": "mine"}, "namespace": "literal"},
        "spec": {"template": {"metadata": {"labels": {"own": "1"}}}},
    }]));
    let objects =
        definition.objects(&definition.plans[0], &values([("A", "x")]), "i-1", &Images::default()).unwrap();
    let expected = json!([{
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "x", "labels": {"own": "1", "app": "x", "x": "fixed", LABEL_INSTANCE: "i-1"}},
        "spec": {"template": {"metadata": {"labels": {"own": "1"}}}},
    }]);
    assert_eq!(json!(objects), expected);
}

#[test]
fn a_namespace_stays_only_with_a_reference() {
    let object = |name: &str, namespace: &str| {
        let metadata = json!({"name": name, "namespace": namespace});
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata})
    };
    let definition = definition(json!([object("a", "${NS}"), object("b", "x"), object("c", "${A}")]));
    let objects = definition
        .objects(&definition.plans[0], &values([("NS", "other"), ("A", "")]), "i-1", &Images::default())
        .unwrap();
    let namespaces: Vec<_> = objects.iter().map(|object| object["metadata"]["namespace"].as_str()).collect();
    assert_eq!(namespaces, [Some("other"), None, None]);
}

#[test]
fn objects_of_a_binding_are_apart() {
    let own = json!({"servicecatalog.k8s.io/per-binding": "true"});
    let definition = definition(json!([
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "main"}},
        {
            "apiVersion": "batch/v1", "kind": "Job", "spec": "${A}",
            "metadata": {"name": "user-${BINDING_ID}", "annotations": own},
        },
    ]));
    let values = values([("A", "x")]);
    let names =
        |objects: Vec<Value>| objects.iter().map(|it| it["metadata"]["name"].to_string()).collect::<Vec<_>>();
    assert_eq!(
        names(definition.objects(&definition.plans[0], &values, "i-1", &Images::default()).unwrap()),
        ["\"main\""]
    );
    let objects =
        definition.binding_objects(&definition.plans[0], &values, "i-1", "b-1", &Images::default()).unwrap();
    assert_eq!((&objects[0]["spec"], objects.len()), (&json!("x"), 1));
    assert_eq!(names(objects), ["\"user-b-1\""]);
}

#[test]
fn faults_that_the_values_make_are_found() {
    let secret = |name: &str| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}});
    let definition = definition(json!([secret("a${A}"), secret("${NS}")]));
    let problem = |a: &str, namespace: &str| {
        let values = values([("A", a), ("NS", namespace)]);
        definition.objects(&definition.plans[0], &values, "i-1", &Images::default()).unwrap_err().to_string()
    };
    assert_eq!(problem("b", "ab"), "there are two objects Secret ab: give them different names");
    assert_eq!(
        problem("b", ""),
        "Secret ${NS}: the object needs the field metadata.name, a string that is not empty"
    );
    let long = "x".repeat(600_000);
    assert!(problem(&long, &long).starts_with("the objects have more than 1048576 bytes"));
}

#[test]
fn an_image_is_filled_in_and_a_message_shows_the_reference_to_an_unknown_one() {
    let triggers =
        r#"[{"from": {"kind": "ImageStreamTag", "name": "redis:${A}"}, "fieldPath": "spec.image"}]"#;
    let definition = definition(json!([{
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "x", "annotations": {"image.openshift.io/triggers": triggers}},
        "spec": {"image": " "},
    }]));
    let images: Images = [("redis:7".to_owned(), "img".to_owned())].into_iter().collect();
    let objects = definition.objects(&definition.plans[0], &values([("A", "7")]), "i-1", &images).unwrap();
    assert_eq!(objects[0]["spec"]["image"], json!("img"));
    let problems =
        definition.objects(&definition.plans[0], &values([("A", "hunter2")]), "i-1", &images).unwrap_err();
    assert_eq!(
        problems.to_string(),
        "Pod x: no image is known for the image stream tag redis:${A}: use another tag, or add it to the \
         table of images"
    );
    let objects = definition
        .objects(
            &definition.plans[0],
            &values([("A", "7")]),
            "i-1",
            &Images::default().beside_image_streams(),
        )
        .unwrap();
    assert_eq!(objects[0]["spec"]["image"], json!(" "));
}

#[test]
fn the_message_keeps_secrets() {
    let definition = definition(json!([{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}}]));
    assert_eq!(definition.message(&values([("A", "x"), ("SECRET", "hunter2")])), "Use x and ${SECRET}.");
}

#[test]
fn an_object_may_belong_to_some_plans_only() {
    let object = |name: &str, plans: &str| {
        let annotations = json!({"servicecatalog.k8s.io/in-plans": plans});
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "annotations": annotations}})
    };
    let mut template = template(json!([]), json!({}));
    template["objects"] = json!([object("a", "small"), object("b", "small, large"), object("c", "none")]);
    let definition =
        parse(annotated(template, "servicecatalog.k8s.io/plans", "[{name: small}, {name: large}]")).unwrap();
    let names = |plan: usize| {
        let objects =
            definition.objects(&definition.plans[plan], &values([]), "i-1", &Images::default()).unwrap();
        objects.iter().map(|it| it["metadata"]["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((names(0), names(1)), (vec!["a".to_owned(), "b".to_owned()], vec!["b".to_owned()]));
}
