//! Injection: the credentials that pods get at admission. This needs no kubelet.

use serde_json::{Value, json};

use crate::namespace::{Namespace, PATIENCE, eventually, namespace, wanted};

mod collisions;
mod failure_modes;
mod guards;
mod origins;
mod property;
mod selection;
mod stamps;
mod workloads;

/// A pod with these labels and one container.
fn pod(labels: Value) -> Value {
    json!({
        "kind": "Pod", "metadata": {"name": "pod", "labels": labels},
        "spec": {"containers": [{"name": "main", "image": "image"}]},
    })
}

fn web() -> Value {
    pod(json!({"app": "web"}))
}

fn volume(binding: &Value) -> String {
    format!("osb-{}", binding["metadata"]["uid"].as_str().unwrap())
}

fn has_volume(pod: &Value, binding: &Value) -> bool {
    pod["spec"]["volumes"].as_array().unwrap().iter().any(|each| each["name"] == volume(binding))
}

impl Namespace {
    /// Creates a binding, without waiting until the API server injects it.
    async fn bind_unseen(&self, name: &str, spec: Value) -> Value {
        let mut binding = json!({"kind": "ServiceBinding", "metadata": {"name": name}, "spec": spec});
        binding["spec"]["instanceRef"] = json!({"name": "instance"});
        self.create(binding).await.unwrap()
    }

    /// Creates a binding, and waits until the API server injects it into `probe`, a pod that it selects.
    async fn bind_probed(&self, name: &str, spec: Value, probe: &Value) -> Value {
        let binding = self.bind_unseen(name, spec).await;
        eventually("pods get the binding", PATIENCE, async || {
            wanted(self.try_create(probe.clone()).await?, |pod| has_volume(pod, &binding))
        })
        .await;
        binding
    }

    /// Creates a binding for the pods with `app: web`.
    async fn bind(&self, name: &str, injection: Value) -> Value {
        let spec = json!({"podSelector": {"matchLabels": {"app": "web"}}, "injection": injection});
        let mut probe = web();
        if let Some(container) = injection["containers"][0].as_str() {
            probe["spec"]["containers"][0]["name"] = container.into();
        }
        self.bind_probed(name, spec, &probe).await
    }

    /// The pod after admission.
    async fn admitted(&self, pod: &Value) -> Value {
        self.try_create(pod.clone()).await.unwrap_or_else(|error| panic!("{error}\n{pod:#}"))
    }
}

/// The mounts of a container, apart from its `ServiceAccount` token.
fn mounts(container: &Value) -> Vec<&str> {
    let mounts = container["volumeMounts"].as_array().unwrap().iter();
    let paths = mounts.map(|mount| mount["mountPath"].as_str().unwrap());
    paths.filter(|path| *path != "/var/run/secrets/kubernetes.io/serviceaccount").collect()
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().map(|each| each["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_pod_gets_the_secret_as_files_and_learns_where_they_are() {
    let namespace = namespace().await;
    let binding = namespace.bind("db", json!(null)).await;
    let pod = namespace.admitted(&web()).await;
    let volumes = pod["spec"]["volumes"].as_array().unwrap();
    let ours = volumes.iter().find(|each| each["name"] == volume(&binding)).unwrap();
    assert_eq!(ours["secret"], json!({"secretName": "db", "optional": false, "defaultMode": 420}));
    let container = &pod["spec"]["containers"][0];
    let mount = json!({"name": volume(&binding), "mountPath": "/bindings/db", "readOnly": true});
    assert!(container["volumeMounts"].as_array().unwrap().contains(&mount), "{container:#}");
    assert_eq!(container["env"], json!([{"name": "SERVICE_BINDING_ROOT", "value": "/bindings"}]));
    assert_eq!(container["envFrom"], Value::Null);
}

#[tokio::test]
async fn init_containers_and_sidecars_get_it_too() {
    let namespace = namespace().await;
    namespace.bind("db", json!({"env": [{"name": "URI", "key": "uri"}]})).await;
    let mut pod = web();
    pod["spec"]["initContainers"] = json!([{"name": "migrate", "image": "i"}, {"name": "proxy", "image": "i", "restartPolicy": "Always"}]);
    let pod = namespace.admitted(&pod).await;
    for container in
        [&pod["spec"]["containers"][0], &pod["spec"]["initContainers"][0], &pod["spec"]["initContainers"][1]]
    {
        assert_eq!(mounts(container), ["/bindings/db"], "{container:#}");
        assert_eq!(names(&container["env"]), ["SERVICE_BINDING_ROOT", "URI"], "{container:#}");
    }
}

#[tokio::test]
async fn containers_that_are_not_named_are_left_alone() {
    let namespace = namespace().await;
    let injection =
        json!({"containers": ["main", "migrate"], "env": [{"name": "URI", "key": "uri"}], "envFrom": {}});
    let binding = namespace.bind("db", injection).await;
    let mut pod = web();
    pod["spec"]["containers"] = json!([{"name": "proxy", "image": "i"}, {"name": "main", "image": "i"}]);
    pod["spec"]["initContainers"] =
        json!([{"name": "wait", "image": "i"}, {"name": "migrate", "image": "i"}]);
    let pod = namespace.admitted(&pod).await;
    for list in ["containers", "initContainers"] {
        assert_eq!(mounts(&pod["spec"][list][1]), ["/bindings/db"]);
        assert_eq!(mounts(&pod["spec"][list][0]), Vec::<&str>::new());
        assert_eq!(pod["spec"][list][0]["env"], Value::Null);
        assert_eq!(pod["spec"][list][0]["envFrom"], Value::Null);
    }
    // A pod without any of them does not need the Secret in order to start.
    let mut pod = web();
    pod["spec"]["containers"][0]["name"] = "other".into();
    assert!(!has_volume(&namespace.admitted(&pod).await, &binding));
}

#[tokio::test]
async fn variables_come_from_keys_if_the_container_does_not_set_them() {
    let namespace = namespace().await;
    let injection = json!({"env": [{"name": "URI", "key": "uri"}, {"name": "HOST", "key": "host"},
        {"name": "SERVICE_BINDING_ROOT", "key": "root"}]});
    namespace.bind("db", injection).await;
    let variable = |name: &str, key: &str| json!({"name": name, "valueFrom": {"secretKeyRef": {"name": "db", "key": key, "optional": false}}});
    let mut pod = web();
    let own = json!({"name": "URI", "value": "$(HOST)/mine"});
    pod["spec"]["containers"][0]["env"] = json!([own]);
    let pod = namespace.admitted(&pod).await;
    // Before the container's own variables, so that these can refer to them.
    let root = json!({"name": "SERVICE_BINDING_ROOT", "value": "/bindings"});
    assert_eq!(pod["spec"]["containers"][0]["env"], json!([root, variable("HOST", "host"), own]));
    let pod = namespace.admitted(&web()).await;
    let all = json!([root, variable("URI", "uri"), variable("HOST", "host")]);
    assert_eq!(pod["spec"]["containers"][0]["env"], all);
}

#[tokio::test]
async fn all_keys_become_variables_before_what_the_container_takes_from_elsewhere() {
    let namespace = namespace().await;
    namespace.bind("db", json!({"envFrom": {"prefix": "DB_"}, "optional": true})).await;
    let mut pod = web();
    let own = json!({"configMapRef": {"name": "settings"}});
    pod["spec"]["containers"][0]["envFrom"] = json!([own]);
    let pod = namespace.admitted(&pod).await;
    let ours = json!({"prefix": "DB_", "secretRef": {"name": "db", "optional": true}});
    assert_eq!(pod["spec"]["containers"][0]["envFrom"], json!([ours, own]));
    assert_eq!(namespace.admitted(&web()).await["spec"]["containers"][0]["envFrom"], json!([ours]));
}

#[tokio::test]
async fn an_optional_secret_does_not_hold_the_pod() {
    let namespace = namespace().await;
    let binding =
        namespace.bind("db", json!({"optional": true, "env": [{"name": "URI", "key": "uri"}]})).await;
    let pod = namespace.admitted(&web()).await;
    let volumes = pod["spec"]["volumes"].as_array().unwrap();
    assert_eq!(
        volumes.iter().find(|each| each["name"] == volume(&binding)).unwrap()["secret"]["optional"],
        true
    );
    assert_eq!(pod["spec"]["containers"][0]["env"][1]["valueFrom"]["secretKeyRef"]["optional"], true);
}

#[tokio::test]
async fn the_secret_may_have_another_name_than_the_binding() {
    let namespace = namespace().await;
    let spec = json!({"podSelector": {"matchLabels": {"app": "web"}}, "secretName": "credentials",
        "injection": {"env": [{"name": "URI", "key": "uri"}]}});
    let binding = namespace.bind_probed("db", spec, &web()).await;
    let pod = namespace.admitted(&web()).await;
    let volumes = pod["spec"]["volumes"].as_array().unwrap();
    let ours = volumes.iter().find(|each| each["name"] == volume(&binding)).unwrap();
    assert_eq!(ours["secret"]["secretName"], "credentials");
    assert_eq!(mounts(&pod["spec"]["containers"][0]), ["/bindings/db"]);
    assert_eq!(pod["spec"]["containers"][0]["env"][1]["valueFrom"]["secretKeyRef"]["name"], "credentials");
}

#[tokio::test]
async fn the_root_of_the_container_counts() {
    let namespace = namespace().await;
    namespace.bind("db", json!(null)).await;
    let set = |value: &str| json!({"name": "SERVICE_BINDING_ROOT", "value": value});
    let elsewhere = json!({"name": "SERVICE_BINDING_ROOT", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}});
    for (root, directory) in [
        (vec![set("/custom")], "/custom/db"),
        (vec![set("/custom/")], "/custom/db"),
        (vec![set("/first"), set("/last")], "/last/db"),
        // A value that is not known here, or is no mount path.
        (vec![set("")], "/bindings/db"),
        (vec![set("$(HOME)/bindings")], "/bindings/db"),
        (vec![set("/c:/bindings")], "/bindings/db"),
        (vec![set("../bindings")], "/bindings/db"),
        (vec![elsewhere], "/bindings/db"),
    ] {
        let mut pod = web();
        pod["spec"]["containers"][0]["env"] = json!(root);
        let pod = namespace.admitted(&pod).await;
        let container = &pod["spec"]["containers"][0];
        assert_eq!(mounts(container), [directory], "{root:?}");
        assert_eq!(container["env"].as_array().unwrap().len(), root.len(), "{root:?} stays as it is");
    }
}

/// In whatever order they are created and listed.
#[tokio::test]
async fn several_bindings_go_into_one_pod() {
    let injections = [
        ("db", json!({"env": [{"name": "URI", "key": "uri"}], "envFrom": {"prefix": "DB_"}})),
        ("cache", json!({"env": [{"name": "CACHE", "key": "uri"}], "envFrom": {}})),
        ("queue", json!({"env": [{"name": "QUEUE", "key": "uri"}]})),
    ];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let namespace = namespace().await;
        for number in order {
            let (name, injection) = injections[number].clone();
            namespace.bind(name, injection).await;
        }
        let pod = namespace.admitted(&web()).await;
        let container = &pod["spec"]["containers"][0];
        let sorted = |mut list: Vec<&str>| {
            list.sort_unstable();
            list.join(" ")
        };
        assert_eq!(sorted(mounts(container)), "/bindings/cache /bindings/db /bindings/queue");
        assert_eq!(sorted(names(&container["env"])), "CACHE QUEUE SERVICE_BINDING_ROOT URI");
        assert_eq!(container["envFrom"].as_array().unwrap().len(), 2);
        assert_eq!(pod["metadata"]["labels"], web()["metadata"]["labels"], "nothing collides");
    }
}

#[tokio::test]
async fn what_the_pod_has_already_is_left_alone() {
    let namespace = namespace().await;
    let binding = namespace.bind("db", json!({"env": [{"name": "URI", "key": "uri"}]})).await;
    // The path is taken, with or without a trailing slash: the API server rejects two mounts at one path.
    for path in ["/bindings/db", "/bindings/db/"] {
        let mut pod = web();
        pod["spec"]["volumes"] = json!([{"name": "own", "emptyDir": {}}]);
        pod["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "own", "mountPath": path}]);
        let pod = namespace.admitted(&pod).await;
        assert_eq!(mounts(&pod["spec"]["containers"][0]), [path]);
        assert!(!has_volume(&pod, &binding), "a pod does not wait for a Secret that it does not mount");
    }
    let mut pod = web();
    pod["spec"]["volumes"] = json!([{"name": "disk", "persistentVolumeClaim": {"claimName": "disk"}}]);
    pod["spec"]["containers"][0]["volumeDevices"] = json!([{"name": "disk", "devicePath": "/bindings/db"}]);
    let pod = namespace.admitted(&pod).await;
    assert_eq!(mounts(&pod["spec"]["containers"][0]), Vec::<&str>::new());
    // The volume exists, mounted elsewhere.
    let mut pod = web();
    pod["spec"]["volumes"] = json!([{"name": volume(&binding), "secret": {"secretName": "db"}}]);
    pod["spec"]["containers"][0]["volumeMounts"] = json!([{"name": volume(&binding), "mountPath": "/own"}]);
    let pod = namespace.admitted(&pod).await;
    assert_eq!(mounts(&pod["spec"]["containers"][0]), ["/own"]);
}

/// As with tools that copy pods, and with a second run of admission (reinvocation).
#[tokio::test]
async fn a_pod_that_is_injected_already_is_not_changed() {
    let namespace = namespace().await;
    namespace.bind("db", json!({"env": [{"name": "URI", "key": "uri"}], "envFrom": {"prefix": "DB_"}})).await;
    namespace.bind("cache", json!({"envFrom": {}, "optional": true})).await;
    let mut pod = web();
    pod["spec"]["initContainers"] = json!([{"name": "migrate", "image": "i"}]);
    let first = namespace.admitted(&pod).await;
    let annotations = &first["metadata"]["annotations"];
    let metadata = json!({"name": "copy", "labels": {"app": "web"}, "annotations": annotations});
    let copy = json!({"kind": "Pod", "metadata": metadata, "spec": first["spec"]});
    let second = namespace.admitted(&copy).await;
    assert_eq!(second["spec"], first["spec"]);
    assert_eq!(&second["metadata"]["annotations"], annotations);
}

/// Other admission plugins add containers after our policy.
#[tokio::test]
async fn a_container_that_is_added_later_is_injected_too() {
    let namespace = namespace().await;
    namespace.bind("db", json!(null)).await;
    let mut spec = namespace.admitted(&web()).await["spec"].clone();
    spec["containers"].as_array_mut().unwrap().push(json!({"name": "sidecar", "image": "i"}));
    let volumes = spec["volumes"].clone();
    let pod = json!({"kind": "Pod", "metadata": {"name": "pod", "labels": {"app": "web"}}, "spec": spec});
    let pod = namespace.admitted(&pod).await;
    assert_eq!(mounts(&pod["spec"]["containers"][1]), ["/bindings/db"]);
    assert_eq!(pod["spec"]["volumes"], volumes);
}

/// A policy that exceeds the CEL cost limit would reject the pod.
#[tokio::test]
async fn large_pods_and_large_bindings_are_affordable() {
    let namespace = namespace().await;
    let binding_variables = || (0..64).map(|i| format!("BINDING_VARIABLE_{i}"));
    let env: Value = binding_variables().map(|name| json!({"name": name, "key": "k"})).collect();
    namespace.bind("large", json!({"env": env})).await;
    let large = |own: &Value| {
        let mut pod = web();
        let containers = (0..20).map(|i| json!({"name": format!("c{i}"), "image": "i", "env": own}));
        pod["spec"]["containers"] = containers.collect();
        pod
    };
    let own = |name: String| json!({"name": name, "value": "v"});
    let others: Value = (0..100).map(|i| own(format!("OWN_VARIABLE_{i}"))).collect();
    let pod = namespace.admitted(&large(&others)).await;
    assert_eq!(pod["spec"]["containers"][19]["env"].as_array().unwrap().len(), 1 + 64 + 100);
    // All collide.
    let same: Value =
        (0..36).map(|i| format!("OWN_VARIABLE_{i}")).chain(binding_variables()).map(own).collect();
    let pod = namespace.admitted(&large(&same)).await;
    assert_eq!(pod["spec"]["containers"][19]["env"].as_array().unwrap().len(), 1 + 100);
}
