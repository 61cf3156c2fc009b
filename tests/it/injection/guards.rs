//! Which bindings inject: the limit of a namespace, and whose Secret it is.

use serde_json::{Value, json};

use super::{has_volume, web};
use crate::namespace::{Namespace, PATIENCE, eventually, namespace, user};
use crate::scripted::{BINDING, Endpoint, answer, condition, env};

const LABEL: &str = "servicecatalog.k8s.io/injects";

fn is_labelled(object: &Value) -> bool {
    object["metadata"]["labels"][LABEL] == "true"
}

fn selecting() -> Value {
    json!({"podSelector": {"matchLabels": {"app": "web"}}})
}

fn binding(name: &str, spec: Value) -> Value {
    let mut binding =
        json!({"kind": BINDING, "metadata": {"name": name, "labels": {LABEL: "true"}}, "spec": spec});
    binding["spec"]["instanceRef"] = json!({"name": "instance"});
    binding
}

/// A binding to the instance that is ready.
fn bound(name: &str) -> Value {
    let mut binding = binding(name, selecting());
    binding["spec"]["instanceRef"] = json!({"name": "db"});
    binding
}

/// How many bindings a pod was injected with.
fn stamps(pod: &Value) -> usize {
    let annotations = pod["metadata"]["annotations"].as_object();
    annotations
        .into_iter()
        .flatten()
        .filter(|(key, _)| key.starts_with("revision.servicecatalog.k8s.io/"))
        .count()
}

impl Namespace {
    /// Lets a user write bindings, and nothing else.
    async fn let_write_bindings(&self, user: &str) {
        let rule =
            json!({"apiGroups": ["servicecatalog.k8s.io"], "resources": ["servicebindings"], "verbs": ["*"]});
        self.create(json!({"kind": "Role", "metadata": {"name": user}, "rules": [rule]})).await.unwrap();
        self.create(json!({"kind": "RoleBinding", "metadata": {"name": user},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": user},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}]}))
            .await
            .unwrap();
    }

    /// The bindings that must not inject because of the limit.
    async fn beyond_limit(&self) -> Vec<Value> {
        let mut bindings = self.list(BINDING).await;
        bindings.retain(|binding| condition(binding, "Injected=False InjectionLimit").is_some());
        bindings
    }
}

/// The reproducer of what bindings of one tenant could cost each pod. The operator takes the label from those beyond the
/// limit, and says so there; when one within the limit goes, another one comes in, once it has its Secret.
#[tokio::test]
async fn the_bindings_beyond_the_limit_say_so_and_cost_pods_nothing() {
    let env = env().await;
    for number in 0..18 {
        env.binding(&format!("db-{number}"), selecting()).await;
    }
    let until = async |beyond: usize, within: usize| {
        eventually("the limit is kept", PATIENCE, async || {
            let (refused, all) = (env.beyond_limit().await, env.list(BINDING).await);
            let labelled = all.iter().filter(|binding| is_labelled(binding)).count();
            let is_right = refused.len() == beyond
                && labelled == within
                && refused.iter().all(|each| !is_labelled(each));
            if is_right {
                Ok(refused)
            } else {
                Err(format!("{} refused, {labelled} labelled", refused.len()))
            }
        })
        .await
    };
    let refused = until(2, 16).await;
    let message = condition(&refused[0], "Injected=False").unwrap();
    assert!(message.contains("16 other bindings of the namespace inject into pods"), "{message}");
    // A user cannot put the label back.
    let name = refused[0]["metadata"]["name"].as_str().unwrap();
    let labelled = json!({"metadata": {"labels": {LABEL: "true"}}});
    assert!(!is_labelled(&env.patch(BINDING, name, labelled).await.unwrap()));
    eventually("a pod gets sixteen", PATIENCE, async || {
        let pod = env.try_create(web()).await?;
        if stamps(&pod) == 16 { Ok(()) } else { Err(stamps(&pod).to_string()) }
    })
    .await;
    let within = env.list(BINDING).await.into_iter().find(is_labelled).unwrap();
    env.remove(BINDING, within["metadata"]["name"].as_str().unwrap()).await;
    // The next one may inject, but not yet: nothing is known of the Secret that will get its name.
    until(1, 15).await;
    env.ready_instance(json!({})).await;
    until(1, 16).await;
}

#[tokio::test]
async fn the_variables_of_all_bindings_of_a_namespace_are_limited() {
    let env = env().await;
    for name in ["first", "second", "third"] {
        let variables: Value =
            (0..30).map(|i| json!({"name": format!("V{i}_{}", name.to_uppercase()), "key": "k"})).collect();
        let mut spec = selecting();
        spec["injection"] = json!({"env": variables});
        env.binding(name, spec).await;
    }
    eventually("one of them must not inject", PATIENCE, async || {
        let refused = env.beyond_limit().await;
        let is_right = refused.len() == 1
            && condition(&refused[0], "Injected=False").unwrap().contains("more than 64 variables");
        if is_right { Ok(()) } else { Err(format!("{refused:#?}")) }
    })
    .await;
}

/// Whoever may write bindings must not reach pods with a Secret that is not theirs. The author may not read Secrets.
#[tokio::test]
async fn pods_get_no_secret_that_is_not_the_bindings_own() {
    let env = env().await;
    env.let_write_bindings("binder").await;
    let binder = env.as_user(user("binder")).await;
    env.secret("payroll", json!({"LD_PRELOAD": "/x.so"})).await;
    let mut spec = selecting();
    spec["secretName"] = "payroll".into();
    spec["injection"] = json!({"envFrom": {}, "optional": true});
    let stolen = binder.create(binding("stolen", spec)).await.unwrap();
    assert!(!is_labelled(&stolen), "{stolen:#}");
    let message = env.until_says(BINDING, "stolen", "Injected=False SecretNotOwned").await;
    assert!(message.contains("\"payroll\" exists and does not belong to this binding"), "{message}");
    assert!(!has_volume(&with_volumes(env.try_create(web()).await.unwrap()), &stolen));

    // An own Secret is injected, as soon as the operator has written it.
    env.ready_instance(json!({})).await;
    let own = binder.create(bound("own")).await.unwrap();
    assert!(!is_labelled(&own), "{own:#}");
    env.until(BINDING, "own", is_labelled).await;
    eventually("pods get it", PATIENCE, async || {
        let pod = with_volumes(env.try_create(web()).await?);
        if has_volume(&pod, &own) && !has_volume(&pod, &stolen) { Ok(()) } else { Err(format!("{pod:#}")) }
    })
    .await;
}

/// The name of a Secret can be occupied before the Secret exists. Then every pod that the binding selects would get
/// what another user puts there later. Seen to fail when a vacant name was enough.
#[tokio::test]
async fn a_secret_that_gets_the_name_of_a_binding_later_is_not_injected() {
    let env = env().await;
    env.let_write_bindings("binder").await;
    let binder = env.as_user(user("binder")).await;
    binder.create(binding("squat", selecting())).await.unwrap();
    env.until_says(BINDING, "squat", "Ready=False ReferencesNonexistentInstance").await;
    assert!(!is_labelled(&env.get(BINDING, "squat").await.unwrap()), "the name is vacant");

    // The binding's own Secret is injected, until another one takes its place.
    env.ready_instance(json!({})).await;
    let own = binder.create(bound("own")).await.unwrap();
    env.until_ready(BINDING, "own").await;
    env.until(BINDING, "own", is_labelled).await;
    let foreign = async || {
        env.delete("Secret", "own").await.ok();
        env.create(json!({"kind": "Secret", "metadata": {"name": "own"}, "stringData": {"pay": "roll"}}))
            .await
    };
    eventually("another Secret takes the place", PATIENCE, foreign).await;
    env.until_says(BINDING, "own", "Injected=False SecretNotOwned").await;
    env.until(BINDING, "own", |binding| !is_labelled(binding)).await;
    eventually("pods do not get it", PATIENCE, async || {
        let pod = with_volumes(env.try_create(web()).await?);
        if has_volume(&pod, &own) { Err(format!("{pod:#}")) } else { Ok(()) }
    })
    .await;
}

/// `has_volume` needs the list.
fn with_volumes(mut pod: Value) -> Value {
    if pod["spec"]["volumes"].is_null() {
        pod["spec"]["volumes"] = json!([]);
    }
    pod
}

/// Whose author may read the Secret injects at once: a pod that comes right after it is held until there are credentials.
#[tokio::test]
async fn the_label_is_the_policys_at_creation_and_the_operators_afterwards() {
    let namespace = namespace().await;
    let created = namespace.create(binding("db", selecting())).await.unwrap();
    assert!(is_labelled(&created));
    assert!(
        !is_labelled(&namespace.try_create(binding("none", json!({}))).await.unwrap()),
        "it selects nothing"
    );
    let unlabelled = json!({"metadata": {"labels": {LABEL: null}}});
    assert!(is_labelled(&namespace.try_patch(BINDING, "db", unlabelled.clone()).await.unwrap()));
    let no_pods = json!({"spec": {"podSelector": null}});
    assert!(!is_labelled(&namespace.try_patch(BINDING, "db", no_pods).await.unwrap()));
    // What may be in the Secret depends on envFrom. The operator looks first.
    let all_keys = json!({"spec": {"injection": {"envFrom": {}}}});
    assert!(!is_labelled(&namespace.try_patch(BINDING, "db", all_keys).await.unwrap()));
    let operator = namespace.as_operator().await;
    assert!(!is_labelled(&operator.try_patch(BINDING, "db", unlabelled).await.unwrap()));
    let finalizers = json!({"metadata": {"finalizers": []}});
    assert!(is_labelled(&operator.try_patch(BINDING, "db", finalizers).await.unwrap()));
}

/// A hostile broker's credentials are not code, neither at once nor if `envFrom` comes later.
#[tokio::test]
async fn no_entry_of_a_broker_becomes_a_variable_that_runs_code() {
    let env = env().await;
    env.ready_instance(json!({})).await;
    let credentials =
        json!({"credentials": {"uri": "u", "LD_PRELOAD": "/bindings/db/x.so", "https_proxy": "http://e"}});
    for _ in 0..3 {
        env.broker.before(Endpoint::Bind, answer(201, &credentials));
    }
    let mut spec = selecting();
    spec["injection"] = json!({"envFrom": {}});
    env.binding("first", spec).await;
    env.until_ready(BINDING, "first").await;
    let keys = env.entries("first").await;
    assert!(
        keys.contains_key("uri") && !keys.contains_key("LD_PRELOAD") && !keys.contains_key("https_proxy")
    );

    // As files they may stay.
    env.binding("later", selecting()).await;
    env.until_ready(BINDING, "later").await;
    assert!(env.entries("later").await.contains_key("LD_PRELOAD"));
    let changed = env.patch(BINDING, "later", json!({"spec": {"injection": {"envFrom": {}}}})).await.unwrap();
    assert!(!is_labelled(&changed));
    env.until(BINDING, "later", is_labelled).await;
    assert!(
        !env.entries("later").await.contains_key("LD_PRELOAD"),
        "the label came after the change of the Secret"
    );
    env.until(BINDING, "later", |binding| condition(binding, "Injected=False").is_none()).await;
}

#[tokio::test]
async fn a_variable_that_runs_code_has_to_be_asked_for() {
    let namespace = namespace().await;
    let with = |name: &str, allowed: bool| {
        let mut spec = selecting();
        spec["injection"] = json!({"env": [{"name": name, "key": "k"}], "allowUnsafeVariables": allowed});
        binding("db", spec)
    };
    for name in ["LD_PRELOAD", "PATH", "JAVA_TOOL_OPTIONS", "http_proxy", "NODE_OPTIONS", "GIT_SSH_COMMAND"] {
        let refused = namespace.try_create(with(name, false)).await.unwrap_err();
        assert!(refused.contains("set allowUnsafeVariables"), "{refused}");
        namespace.try_create(with(name, true)).await.unwrap();
    }
    for name in ["URI", "path", "DATABASE_URL", "MY_PATH", "PGHOST"] {
        namespace.try_create(with(name, false)).await.unwrap();
    }
}
