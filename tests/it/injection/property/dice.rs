//! A generator of odd but plausible pods and bindings, deterministic for a seed.

use serde_json::{Value, json};

/// The names and paths are from small sets, so that they collide.
const BINDINGS: [&str; 4] =
    ["db", "db.v2", "cache", "a-binding-whose-name-is-so-long-that-it-would-be-no-label-of-any-object.v1"];
const VARIABLES: [&str; 6] = ["URI", "HOST", "a.b-c", "_x", "PORT", "SERVICE_BINDING_ROOT"];
const CONTAINERS: [&str; 5] = ["main", "proxy", "worker", "migrate", "wait"];
const VOLUMES: [&str; 7] = ["own", "bindings", "config", "secret", "projected", "field", "disk"];
const ROOTS: [&str; 9] =
    ["/bindings", "/custom/", "/", "relative", "", "/c:/bindings", "$(HOME)/x", "/a/../b", "/ä ö"];

/// A random number generator (`SplitMix64`) with this state.
pub struct Dice(pub u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(limit).unwrap()).unwrap()
    }

    fn one_in(&mut self, number: usize) -> bool {
        self.below(number) == 0
    }

    fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    /// A random selection of these, in their order.
    fn some<T: Clone>(&mut self, choices: &[T], one_in: usize) -> Vec<T> {
        choices.iter().filter(|_| self.one_in(one_in)).cloned().collect()
    }

    fn list(&mut self, limit: usize, mut element: impl FnMut(&mut Self) -> Value) -> Value {
        (0..self.below(limit + 1)).map(|_| element(self)).collect()
    }

    /// The specs of one to four bindings, by name.
    pub fn bindings(&mut self) -> Vec<(&'static str, Value)> {
        let count = 1 + self.below(BINDINGS.len());
        BINDINGS[..count].iter().map(|name| (*name, self.binding(name))).collect()
    }

    fn binding(&mut self, name: &str) -> Value {
        let web = json!({"matchLabels": {"app": "web"}});
        let front = json!({"matchLabels": {"app": "web"},
            "matchExpressions": [{"key": "tier", "operator": "In", "values": ["front", "middle"]}]});
        let not_back = json!({"matchExpressions": [{"key": "app", "operator": "Exists"},
            {"key": "tier", "operator": "NotIn", "values": ["back"]}, {"key": "none", "operator": "DoesNotExist"}]});
        let mut spec = json!({"podSelector": self.of(&[web.clone(), web, front, not_back]), "injection": {}});
        if self.one_in(3) {
            spec["secretName"] = format!("{name}-credentials").into();
        }
        let injection = &mut spec["injection"];
        if self.one_in(3) {
            injection["containers"] = json!(self.some(&CONTAINERS, 2));
        }
        let variables = self.some(&VARIABLES, 2);
        injection["env"] = variables
            .into_iter()
            .map(|name| json!({"name": name, "key": self.of(&["uri", ".dot", "_x"])}))
            .collect();
        if self.one_in(2) {
            injection["envFrom"] = self.of(&[json!({}), json!({"prefix": "DB_"})]);
        }
        injection["optional"] = self.one_in(3).into();
        spec
    }

    /// A pod, which may refer to some bindings: their UIDs and the names of their Secrets.
    pub fn pod(&mut self, number: usize, bindings: &[(String, String)]) -> Value {
        let mut pod = json!({"kind": "Pod", "metadata": {}, "spec": {}});
        let metadata = &mut pod["metadata"];
        match self.below(4) {
            0 => metadata["generateName"] = format!("pod-{}-", "x".repeat(self.of(&[1, 60, 240]))).into(),
            1 => metadata["name"] = format!("pod-{number}.{}", "x".repeat(self.of(&[1, 55, 230]))).into(),
            _ => metadata["name"] = format!("pod-{number}").into(),
        }
        if !self.one_in(20) {
            metadata["labels"] = json!({"app": self.of(&["web", "web", "web", "other"])});
            if let tier @ 1.. = self.below(4) {
                metadata["labels"]["tier"] = ["", "front", "back"][tier - 1].into();
            }
        }
        let annotations = match self.below(24) {
            0 => json!({"servicecatalog.k8s.io/inject": "false"}),
            1 => json!({"large": "x".repeat(self.of(&[259_000, 260_090, 262_000]))}),
            2..8 => json!({"some/thing": "\"quoted\" \\ ä", "empty": ""}),
            _ => Value::Null,
        };
        metadata["annotations"] = annotations;
        let spec = &mut pod["spec"];
        let volumes = self.volumes(bindings);
        let mut names = CONTAINERS.to_vec();
        names.rotate_left(self.below(CONTAINERS.len()));
        let (regular, init) = (1 + self.below(3), self.below(3));
        spec["containers"] =
            names[..regular].iter().map(|name| self.container(name, &volumes, bindings)).collect();
        let init = names[regular..].iter().take(init).map(|name| {
            let mut container = self.container(name, &volumes, bindings);
            if self.one_in(2) {
                container["restartPolicy"] = "Always".into();
            }
            container
        });
        spec["initContainers"] = init.collect();
        if !volumes.is_empty() {
            spec["volumes"] = json!(volumes);
        }
        for (field, value) in [
            ("hostNetwork", json!(true)),
            ("shareProcessNamespace", json!(true)),
            ("automountServiceAccountToken", json!(false)),
            ("restartPolicy", json!("Never")),
            ("os", json!({"name": "windows"})),
            ("nodeName", json!("node")),
        ] {
            if self.one_in(9) {
                spec[field] = value;
            }
        }
        pod
    }

    fn volumes(&mut self, bindings: &[(String, String)]) -> Vec<Value> {
        let mut volumes: Vec<Value> = self
            .some(&VOLUMES, 2)
            .into_iter()
            .map(|name| {
                let source = match name {
                    "config" => json!({"configMap": {"name": "config"}}),
                    "secret" => json!({"secret": {"secretName": "db"}}),
                    "projected" => json!({"projected": {"sources": [{"secret": {"name": "db"}}]}}),
                    "field" => json!({"downwardAPI": {"items": [{"path": "x", "fieldRef": {"fieldPath": "metadata.labels"}}]}}),
                    "disk" => json!({"persistentVolumeClaim": {"claimName": "disk"}}),
                    _ => json!({"emptyDir": {}}),
                };
                named(name, source)
            })
            .collect();
        if self.one_in(6) {
            let (uid, secret) = self.of(bindings);
            let sources = [json!({"emptyDir": {}}), json!({"secret": {"secretName": secret}})];
            volumes.push(named(&format!("osb-{uid}"), self.of(&sources)));
        }
        volumes
    }

    fn container(&mut self, name: &str, volumes: &[Value], bindings: &[(String, String)]) -> Value {
        let mut container = json!({"name": name, "image": "image"});
        let (disks, files): (Vec<Value>, Vec<Value>) =
            volumes.iter().cloned().partition(|volume| volume["name"] == "disk" && self.one_in(2));
        let mounts = self.list(2, |dice| dice.mount(&files));
        let mounts: Vec<&Value> =
            mounts.as_array().unwrap().iter().filter(|mount| !mount.is_null()).collect();
        if !mounts.is_empty() || self.one_in(4) {
            container["volumeMounts"] = json!(mounts);
        }
        if !disks.is_empty() {
            container["volumeDevices"] = json!([{"name": "disk", "devicePath": self.path()}]);
        }
        if self.one_in(2) {
            container["env"] = self.list(3, |dice| dice.variable(bindings));
        }
        if self.one_in(3) {
            let (secret, prefix) = (self.of(bindings).1, self.of(&["", "DB_", "X_"]));
            let sources =
                [json!({"secretRef": {"name": secret}}), json!({"configMapRef": {"name": "settings"}})];
            let mut source = self.of(&sources);
            source["prefix"] = prefix.into();
            container["envFrom"] = json!([source]);
        }
        if self.one_in(3) {
            container["securityContext"] = json!({"readOnlyRootFilesystem": true, "runAsNonRoot": true});
        }
        if self.one_in(4) {
            container["ports"] = json!([{"containerPort": 8080}]);
        }
        container
    }

    fn mount(&mut self, volumes: &[Value]) -> Value {
        if volumes.is_empty() {
            return Value::Null;
        }
        let mut mount = json!({"name": self.of(volumes)["name"], "mountPath": self.path()});
        match self.below(6) {
            0 => mount["subPath"] = "below".into(),
            1 => mount["subPathExpr"] = "$(HOST)/x".into(),
            2 => mount["readOnly"] = true.into(),
            _ => {}
        }
        mount
    }

    fn path(&mut self) -> String {
        let root = self.of(&["/bindings/", "/bindings/", "/custom/", "/", "relative/"]);
        let name = self.of(&["", "db", "db/", "db.v2", "db/below", "cache", "cache//", BINDINGS[3], "data"]);
        format!("{root}{name}")
    }

    fn variable(&mut self, bindings: &[(String, String)]) -> Value {
        let name = self.of(&VARIABLES);
        if name == "SERVICE_BINDING_ROOT" && !self.one_in(3) {
            return json!({"name": name, "value": self.of(&ROOTS)});
        }
        let secret = self.of(bindings).1;
        let from = |source: Value| json!({"valueFrom": source});
        let mut variable = self.of(&[
            json!({"value": "own"}),
            json!({"value": "$(URI)/$$(x)"}),
            json!({}),
            from(json!({"fieldRef": {"fieldPath": "metadata.name"}})),
            from(json!({"secretKeyRef": {"name": secret, "key": "uri"}})),
            from(json!({"configMapKeyRef": {"name": "settings", "key": "x", "optional": true}})),
        ]);
        variable["name"] = name.into();
        variable
    }
}

fn named(name: &str, mut volume: Value) -> Value {
    volume["name"] = name.into();
    volume
}
