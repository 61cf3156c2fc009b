#![expect(clippy::needless_pass_by_value, reason = "JSON is written where it is passed")]

use serde_json::{Value, json};

use super::{MAX_OBJECTS, is_semver};
use crate::template::tests::{annotated, parse, problems, template};

fn with_objects(objects: Value) -> Value {
    let mut template = template(json!([{"name": "A"}, {"name": "VERSION", "value": "8"}]), json!({}));
    template["objects"] = objects;
    template
}

fn exposing(name: &str, annotations: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "annotations": annotations}})
}

#[test]
fn annotations_describe_the_service() {
    let mut template = template(json!([]), json!({}));
    template["metadata"]["annotations"] = json!({
        "openshift.io/display-name": "Store", "description": "Stores", "tags": "database, redis,",
        "openshift.io/long-description": "new", "template.openshift.io/long-description": "old",
        "template.openshift.io/support-url": "https://support.example", "iconClass": "icon-redis",
        "template.openshift.io/bindable": "False", "servicecatalog.k8s.io/version": "1.2.3-rc.1",
    });
    let definition = parse(template).unwrap();
    let about = &definition.about;
    assert_eq!((&about.display_name[..], &about.description[..]), ("Store", "Stores"));
    assert_eq!((&about.long_description[..], &about.support_url[..]), ("new", "https://support.example"));
    assert_eq!((&about.icon_class[..], about.tags.len()), ("icon-redis", 2));
    assert_eq!((definition.is_bindable, &definition.version[..]), (false, "1.2.3-rc.1"));
}

#[test]
fn a_bare_template_has_defaults() {
    let mut bare = template(json!([]), json!({}));
    bare["metadata"]["generation"] = json!(7);
    let definition = parse(bare).unwrap();
    assert_eq!((&definition.name[..], &definition.namespace[..]), ("store", "catalog"));
    assert_eq!((&definition.about.display_name[..], definition.is_bindable), ("store", true));
    assert_eq!(definition.about.description, "No description provided.");
    assert!(definition.version.starts_with("0.0.7-v"), "{}", definition.version);
}

/// An annotation does not change the generation, and a template that is deleted and applied again has generation 1 again.
#[test]
fn every_change_of_a_template_is_a_version() {
    let version = |change: &dyn Fn(&mut Value)| {
        let mut changed = template(json!([{"name": "A"}]), json!({}));
        changed["metadata"]["generation"] = json!(1);
        change(&mut changed);
        parse(changed).unwrap().version
    };
    let before = version(&|_| {});
    assert_eq!(version(&|changed| changed["metadata"]["resourceVersion"] = json!("9")), before);
    let changes: [&dyn Fn(&mut Value); 3] = [
        &|changed| changed["metadata"]["annotations"] = json!({"description": "another"}),
        &|changed| changed["message"] = json!("another"),
        &|changed| changed["parameters"][0]["value"] = json!("another"),
    ];
    for change in changes {
        let after = version(change);
        assert!(after != before && is_semver(&after), "{after}");
    }
}

#[test]
fn only_semantic_versions_are_versions() {
    for version in ["0.0.0", "1.20.3", "1.0.0-rc.1", "1.0.0-a-b.0+build.01"] {
        assert!(is_semver(version), "{version}");
    }
    for version in
        ["", "1", "1.2", "1.2.3.4", "v1.2.3", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3+", "1.-2.3", "1.2.x"]
    {
        assert!(!is_semver(version), "{version}");
    }
}

#[test]
fn faults_of_parameters_are_all_named() {
    let parameters = json!([
        {"name": "A-B"}, {"name": "A"}, {"name": "A"}, {"name": "BINDING_ID"},
        {"name": "G", "generate": "expression", "from": "[ABC]{3}"}, {"name": "H", "generate": "magic"},
    ]);
    let template = annotated(template(parameters, json!({})), "servicecatalog.k8s.io/immutable", "A, NONE");
    let template = annotated(template, "servicecatalog.k8s.io/schema.NONE", "{}");
    let template = annotated(template, "servicecatalog.k8s.io/schema.A", "[1]");
    let problems = problems(template);
    let expected = [
        "the parameter name \"A-B\" is not valid: use letters, digits and _",
        "BINDING_ID cannot be a parameter: it is the id of each binding",
        "the parameter G has an invalid expression in from: ",
        "the parameter H has an unknown value of generate; only expression is supported",
        "two parameters have the name A",
        "servicecatalog.k8s.io/immutable names the parameter NONE, which the template does not have",
        "servicecatalog.k8s.io/schema.A is not a JSON schema object: ",
        "servicecatalog.k8s.io/schema.NONE is for a parameter that the template does not have",
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.starts_with(expected), "{problem}");
    }
}

#[test]
fn kinds_that_are_not_served_are_named_together() {
    let objects = ["b", "a"].map(
        |name| json!({"apiVersion": "route.openshift.io/v1", "kind": "Route", "metadata": {"name": name}}),
    );
    let other = json!({"apiVersion": "v1", "kind": "DeploymentConfig", "metadata": {"name": "x"}});
    let open = json!({"apiVersion": "v1", "kind": "${A}", "metadata": {"name": "x"}});
    let [first, second] = objects;
    assert_eq!(
        problems(with_objects(json!([first, second, other, open]))),
        ["the cluster does not serve these kinds of objects: Route (route.openshift.io/v1), \
             DeploymentConfig (v1)"]
    );
}

#[test]
fn objects_without_identity_are_refused() {
    for object in [
        json!(5),
        json!({}),
        json!({"apiVersion": "v1", "kind": "Secret"}),
        json!({"metadata": {"name": "x"}}),
    ] {
        assert_eq!(problems(with_objects(json!([object]))).len(), 1);
    }
    let same = exposing("same", json!({}));
    assert_eq!(
        problems(with_objects(json!([same, same]))),
        ["there are two objects Secret same: give them different names"]
    );
}

#[test]
fn the_number_and_size_of_objects_are_limited() {
    assert_eq!(problems(with_objects(json!([]))), ["the template has no objects"]);
    let many: Vec<_> = (0..=MAX_OBJECTS).map(|index| exposing(&format!("s{index}"), json!({}))).collect();
    assert_eq!(problems(with_objects(json!(many))), ["the template has more than 100 objects"]);
    let large = exposing("large", json!({"text": "x".repeat(1024 * 1024)}));
    assert_eq!(
        problems(with_objects(json!([large]))),
        ["the template's objects have more than 1048576 bytes"]
    );
}

#[test]
fn faults_of_exposed_keys_are_named() {
    let first = exposing("a", json!({"template.openshift.io/expose-uri": "{.data.a}"}));
    let second = exposing(
        "b",
        json!({
            "template.openshift.io/base64-expose-uri": "{.data.a}",
            "template.openshift.io/expose-x": "{.data[",
            "template.openshift.io/expose-y": "{.data['${A}']}",
            "template.openshift.io/expose-${A}": "{.data.a}",
        }),
    );
    assert_eq!(
        problems(with_objects(json!([first, second]))),
        [
            "the key \"uri\" is exposed twice: use different keys",
            "Secret b exposes the key \"x\" with an invalid JSONPath: a closing brace is missing",
        ]
    );
}

#[test]
fn an_unknown_image_is_a_problem_of_the_plan_that_needs_it() {
    let source = json!({"name": "redis:${VERSION}", "namespace": "openshift"});
    let triggers = json!([{"from": source, "fieldPath": "spec.image"}]).to_string();
    let annotations = json!({"image.openshift.io/triggers": triggers});
    let object = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "annotations": annotations},
        "spec": {"image": " "},
    });
    let template = with_objects(json!([object]));
    assert_eq!(
        problems(template.clone()),
        ["Pod x: no image is known for the image stream tag openshift/redis:8: use another tag, or add \
             it to the table of images"]
    );
    assert!(
        parse(annotated(template, "servicecatalog.k8s.io/plans", "[{name: a, parameters: {VERSION: 7}}]"))
            .is_ok()
    );
}

#[test]
fn objects_of_bindings_have_their_own_names() {
    let object = |name: &str| exposing(name, json!({"servicecatalog.k8s.io/per-binding": "true"}));
    let definition = parse(with_objects(json!([object("user-${BINDING_ID}")]))).unwrap();
    assert!(definition.has_binding_objects(&definition.plans[0]));
    assert_eq!(
        problems(with_objects(json!([object("user")]))),
        ["Secret user belongs to each binding, so its name must contain ${BINDING_ID}"]
    );
}
