//! The console on a real API server: what `kubectl` may not, the console may not; and what it does is done by the user.
//!
//! | file | owns |
//! |---|---|
//! | `process` | the process, and users who log in |
//! | `browser` | a browser without JavaScript: cookies, and forms as they are submitted |

mod browser;
mod process;

use serde_json::json;

use crate::cluster::cluster;
use crate::process::text;
use crate::scripted::{BINDING, INSTANCE, TestEnv, env};
use browser::{Browser, Page};
use process::{Console, log_in};

/// The rights that the requests of an address need, and the address.
struct Row {
    verb: &'static str,
    resource: &'static str,
    is_change: bool,
    path: &'static str,
}

const fn page(verb: &'static str, resource: &'static str, path: &'static str) -> Row {
    Row { verb, resource, is_change: false, path }
}

const fn change(verb: &'static str, resource: &'static str, path: &'static str) -> Row {
    Row { verb, resource, is_change: true, path }
}

/// The pages and the changes below `/ns/NAMESPACE/`.
const ROWS: [Row; 10] = [
    page("list", "serviceinstances", "instances"),
    page("get", "serviceinstances", "instances/db"),
    page("get", "servicebindings.servicecatalog.k8s.io", "bindings/db"),
    page("get", "servicebrokers", "brokers/broker"),
    change("patch", "serviceinstances", "instances/db/pause"),
    change("patch", "serviceinstances", "instances/db/resume"),
    change("patch", "servicebrokers", "brokers/broker/relist"),
    change("get", "secrets", "bindings/db/reveal"),
    change("delete", "servicebindings.servicecatalog.k8s.io", "bindings/db/delete"),
    change("delete", "serviceinstances", "instances/db/delete"),
];

async fn ready() -> TestEnv {
    let env = env().await;
    env.ready_binding(json!({}), json!({})).await;
    env
}

/// Without rights, with the role `view`, and with the role `edit`. The last one deletes what there is.
#[tokio::test]
async fn what_kubectl_may_not_the_console_may_not() {
    let (env, console) = (ready().await, Console::start());
    let key = env.entries("db").await.into_keys().next().unwrap();
    for role in ["none", "view", "edit"] {
        let browser = log_in(&console, &env.name, role).await;
        let account = format!("--as=system:serviceaccount:{}:{role}", env.name);
        for Row { verb, resource, is_change, path } in ROWS {
            let asked =
                cluster().kubectl(&["auth", "can-i", verb, resource, "--namespace", &env.name, &account]);
            let may = text(&asked).trim() == "yes";
            let address = format!("/ns/{}/{path}", env.name);
            let answer = if is_change {
                let own = [("key", key.as_str()), ("name", "db"), ("policy", "wait")];
                browser.post(&address, &own).await
            } else {
                browser.get(&address).await
            };
            let what = format!("{role}: {verb} {resource} for {address}: {answer}");
            assert_eq!(answer.status != 403, may, "{what}");
            if may {
                assert!(answer.status < 400, "{what}");
            } else {
                // Whoever may not read the object learns that first.
                let object = format!("service{}", path.split('/').next().unwrap());
                let is_unseen = is_change && role == "none";
                let (verb, resource) = if is_unseen { ("get", object.as_str()) } else { (verb, resource) };
                assert!(answer.says(verb) && answer.says(resource), "what is missing is named: {what}");
            }
        }
    }
    env.until_gone(BINDING, "db").await;
    env.until_gone(INSTANCE, "db").await;
}

#[tokio::test]
async fn without_a_user_there_is_no_page_and_no_change() {
    let (env, console) = (env().await, Console::start());
    let browser = Browser::new(&console.url);
    for Row { path, is_change, .. } in ROWS {
        let address = format!("/ns/{}/{path}", env.name);
        let answer = if is_change { browser.post(&address, &[]).await } else { browser.get(&address).await };
        let expected = if is_change { 401 } else { 303 };
        assert_eq!(answer.status, expected, "{address}: {answer}");
    }
    for forged in ["", "unknown", "a.b.c"] {
        assert_eq!(browser.log_in(forged).await.status, 401, "{forged}");
    }
}

/// The kubeconfig of the process has the token of an administrator, which no request may use.
#[tokio::test]
async fn what_the_console_does_is_done_by_its_user() {
    let (env, console) = (ready().await, Console::start());
    let browser = log_in(&console, &env.name, "edit").await;
    let before = env.get(INSTANCE, "db").await.unwrap();
    let answer = browser.post(&format!("/ns/{}/instances/db/try-now", env.name), &[]).await;
    assert_eq!(answer.status, 303, "{answer}");
    let user = format!("system:serviceaccount:{}:edit", env.name);
    let is_users = |object: &serde_json::Value| object["spec"]["userInfo"]["username"] == user.as_str();
    assert!(!is_users(&before), "{before:#}");
    env.until(INSTANCE, "db", is_users).await;
}

/// One value, and only by the request for it.
#[tokio::test]
async fn a_value_is_shown_when_it_is_asked_for_and_in_no_other_page() {
    let (env, console) = (ready().await, Console::start());
    let browser = log_in(&console, &env.name, "edit").await;
    let values = env.entries("db").await;
    let (key, value) = values.iter().find(|(_, value)| value.len() > 6).unwrap();
    let shows = |page: &Page| page.body.contains(value.as_str());
    for path in ["instances", "instances/db", "bindings/db", "instances/db/delete", "bindings/db/delete"] {
        let page = browser.get(&format!("/ns/{}/{path}", env.name)).await;
        assert!(page.status == 200 && !shows(&page), "{path}: {page}");
    }
    let revealed = browser.post(&format!("/ns/{}/bindings/db/reveal", env.name), &[("key", key)]).await;
    assert!(revealed.status == 200 && shows(&revealed), "{revealed}");
    assert_eq!(revealed.header("cache-control"), "no-store");
}
