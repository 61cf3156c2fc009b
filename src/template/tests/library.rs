//! Templates with the constructs of OpenShift's library: what an instance of each consists of.

use serde_json::{Value, json};

use super::{parse, resolve};
use crate::template::{Images, Values, credentials};

const REDIS: &str = r#"
kind: Template
apiVersion: template.openshift.io/v1
metadata:
  name: redis
  namespace: openshift
  creationTimestamp: null
  generation: 4
  annotations:
    description: An in-memory store.
    iconClass: icon-redis
    openshift.io/display-name: Redis
    template.openshift.io/documentation-url: https://docs.example
    tags: database,redis
message: "Created ${DATABASE_SERVICE_NAME}. Password: ${REDIS_PASSWORD}"
labels:
  template: redis-template
parameters:
- {name: MEMORY_LIMIT, displayName: Memory Limit, description: Memory., value: 512Mi, required: true}
- {name: NAMESPACE, value: openshift}
- {name: DATABASE_SERVICE_NAME, value: redis, required: true}
- {name: REDIS_PASSWORD, generate: expression, from: "[a-zA-Z0-9]{16}", required: true}
- {name: REDIS_VERSION, value: "7", required: true}
objects:
- apiVersion: apps/v1
  kind: Deployment
  metadata:
    name: ${DATABASE_SERVICE_NAME}
    annotations:
      image.openshift.io/triggers: >-
        [{"from":{"kind":"ImageStreamTag","name":"redis:${REDIS_VERSION}","namespace":"${NAMESPACE}"},
        "fieldPath":"spec.template.spec.containers[0].image"}]
      template.alpha.openshift.io/wait-for-ready: "true"
  spec:
    replicas: 1
    template:
      metadata: {labels: {name: "${DATABASE_SERVICE_NAME}"}}
      spec:
        containers:
        - {name: redis, image: " ", resources: {limits: {memory: "${MEMORY_LIMIT}"}}}
  status: {}
- apiVersion: v1
  kind: Service
  metadata:
    name: ${DATABASE_SERVICE_NAME}
    annotations:
      template.openshift.io/expose-uri: redis://{.spec.clusterIP}:{.spec.ports[?(.name=="redis")].port}
  spec:
    ports: [{name: redis, nodePort: 0, port: 6379}]
- apiVersion: v1
  kind: Secret
  metadata:
    name: ${DATABASE_SERVICE_NAME}
    annotations:
      template.openshift.io/expose-password: "{.data['database-password']}"
  stringData:
    database-password: ${REDIS_PASSWORD}
"#;

fn redis() -> Value {
    serde_saphyr::from_str(REDIS).unwrap()
}

#[test]
fn a_template_of_openshift_becomes_objects_that_kubernetes_accepts() {
    let definition = parse(redis()).unwrap();
    let values = resolve(&definition, json!({}), &Values::new()).unwrap();
    let images: Images =
        [("openshift/redis:7".to_owned(), "quay.io/redis:7".to_owned())].into_iter().collect();
    let objects = definition.objects(&definition.plans[0], &values, "i-1", &images).unwrap();
    let kinds: Vec<_> = objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Secret", "Deployment", "Service"]);
    assert_eq!(objects[0]["stringData"]["database-password"], json!(values["REDIS_PASSWORD"]));
    let container =
        json!({"name": "redis", "image": "quay.io/redis:7", "resources": {"limits": {"memory": "512Mi"}}});
    assert_eq!(objects[1]["spec"]["template"]["spec"]["containers"], json!([container]));
    let labels = json!({"template": "redis-template", "servicecatalog.k8s.io/template-instance": "i-1"});
    assert!(objects.iter().all(|object| object["metadata"]["labels"] == labels));
    assert_eq!(definition.message(&values), "Created redis. Password: ${REDIS_PASSWORD}");
}

#[test]
fn its_catalog_entry_describes_it() {
    let definition = parse(redis()).unwrap();
    assert_eq!(definition.about.display_name, "Redis");
    assert!(definition.version.starts_with("0.0.4-v"), "{}", definition.version);
    assert_eq!(definition.about.documentation_url, "https://docs.example");
    let schema = definition.creation_schema(&definition.plans[0]);
    let memory =
        json!({"type": "string", "title": "Memory Limit", "description": "Memory.", "default": "512Mi"});
    assert_eq!(schema["properties"]["MEMORY_LIMIT"], memory);
    assert_eq!(schema["properties"]["REDIS_PASSWORD"], json!({"type": "string", "format": "password"}));
    assert_eq!(schema["required"], json!([]));
    let order = ["MEMORY_LIMIT", "NAMESPACE", "DATABASE_SERVICE_NAME", "REDIS_PASSWORD", "REDIS_VERSION"];
    assert_eq!(definition.form_order(&definition.plans[0]), order);
}

#[test]
fn its_live_objects_are_the_credentials() {
    let definition = parse(redis()).unwrap();
    let values = resolve(&definition, json!({"REDIS_PASSWORD": "secret"}), &Values::new()).unwrap();
    let mut objects = definition
        .objects(&definition.plans[0], &values, "i-1", &Images::default().beside_image_streams())
        .unwrap();
    objects[0]["data"] = json!({"database-password": "c2VjcmV0"});
    objects[2]["spec"]["clusterIP"] = json!("10.0.0.7");
    let expected = json!({"password": "secret", "uri": "redis://10.0.0.7:6379"});
    assert_eq!(credentials(&objects).map(Value::Object), Ok(expected));
}

#[test]
fn a_template_that_needs_openshift_is_rejected_with_all_reasons() {
    let mut template = redis();
    let route = json!({"apiVersion": "route.openshift.io/v1", "kind": "Route", "metadata": {"name": "web"}});
    template["objects"].as_array_mut().unwrap().push(route);
    template["parameters"][4]["value"] = json!("99");
    let problems = parse(template).unwrap_err();
    assert_eq!(
        problems.iter().collect::<Vec<_>>(),
        [
            "the cluster does not serve these kinds of objects: Route (route.openshift.io/v1)",
            "Deployment ${DATABASE_SERVICE_NAME}: no image is known for the image stream tag \
             openshift/redis:99: use another tag, or add it to the table of images",
        ]
    );
}
