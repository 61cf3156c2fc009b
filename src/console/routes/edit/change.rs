//! The change of an instance: what would be sent, whether the API server would accept it, and how it is made.
//!
//! New values in the Secret get new keys, so the order is: add the keys; change the instance, which then refers to them;
//! remove the old keys. If the instance is refused, the added keys are removed, or the Secret that was created for them, and
//! everything is as it was.

use crate::crd::ServiceInstance;
use axum::response::{IntoResponse, Redirect, Response};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use super::Editing;
use crate::console::answer::failure::Failure;
use crate::console::answer::page::{Page, Section};
use crate::console::kube_api::{JsonPatch, Mode};
use crate::console::pages::parts::foreign;
use crate::console::pages::problems::Problems;
use crate::console::pages::review::{ReviewPage, page, price_sentence};
use crate::console::routes::creation::{own, secret};
use crate::console::routes::drafting::{name_list, sealed, secret_sentence};
use crate::console::views::draft::Draft;
use crate::console::views::edited_instance::{Edited, plan_field};
use crate::console::views::parameter_secret::{SourceChange, Sources, redacted, secret_name};

/// How often a change is sent at most, because the operator has written the status meanwhile.
pub(super) const MAX_ATTEMPTS: usize = 4;

/// What is sent.
struct Changes {
    edited: Edited,
    /// The steps of the patch of the instance, without the precondition.
    steps: Vec<Value>,
    secret: SourceChange,
}

impl Editing {
    /// Shows what would be sent, if nothing is wrong with it.
    pub(super) async fn review(&self, draft: &Draft) -> Result<Response, Failure> {
        let changes = match self.changes(draft) {
            Ok(changes) => changes,
            Err(problems) => return self.show_draft(draft, problems),
        };
        if draft.generation != changes.edited.generation {
            return self.outdated(draft);
        }
        let problems = self.problems_of(draft, &changes.edited);
        if !problems.is_empty() {
            return self.show_draft(draft, problems);
        }
        if changes.steps.is_empty() {
            let language = self.visit.language();
            let english = "You have changed nothing.";
            return self.show_draft(draft, Problems::text(language.pick(english, "您未做任何更改。")));
        }
        let problems = self.rehearse(&changes).await?;
        if !problems.is_empty() {
            return self.show_draft(draft, problems);
        }
        Ok(self.review_page(draft, &changes)?.into_response())
    }

    /// Changes the instance.
    pub(super) async fn change(&self, draft: &Draft) -> Result<Response, Failure> {
        let changes = match self.changes(draft) {
            Ok(changes) => changes,
            Err(problems) => return self.show_draft(draft, problems),
        };
        if draft.generation != changes.edited.generation {
            return self.outdated(draft);
        }
        let created = match self.add_keys(&changes, Mode::Real).await {
            Ok(created) => created,
            Err(failure) => {
                let problems = Problems::of_failure(failure, self.visit.language())?;
                return self.show_draft(draft, problems);
            }
        };
        let failure = match self.send(&changes, draft.generation).await {
            Ok(changed) => {
                self.tidy(&changes, &changed).await;
                return Ok(Redirect::to(&self.address()).into_response());
            }
            Err(failure) => failure,
        };
        // If the answer got lost, the instance may refer to the keys.
        if !matches!(failure, Failure::Unreachable) {
            self.take_back(&changes, created).await;
        }
        match failure {
            Failure::Rejected(_, rejection) if rejection.is_outdated() => self.outdated(draft),
            failure => {
                let problems = Problems::of_failure(failure, self.visit.language())?;
                self.show_draft(draft, problems)
            }
        }
    }

    /// What a draft changes.
    fn changes(&self, draft: &Draft) -> Result<Changes, Problems> {
        let edited = self.edited(&self.parameter_form(&draft.plan));
        let Some(secret) = edited.source_change(draft, &draft.suffix) else {
            let english = "At most 64 parameters can be kept in Secrets.";
            let chinese = "最多 64 个参数可以保存在 Secret 中。";
            return Err(Problems::text(self.visit.language().pick(english, chinese)));
        };
        let plan = self.plan(&draft.plan).filter(|plan| plan.name != self.current);
        let plan = plan.map(|plan| plan_field(&self.object.spec, plan));
        let steps = edited.steps(draft, plan, &secret);
        Ok(Changes { edited, steps, secret })
    }

    /// Asks the API server whether it would accept the change.
    async fn rehearse(&self, changes: &Changes) -> Result<Problems, Failure> {
        let language = self.visit.language();
        if let Err(failure) = self.add_keys(changes, Mode::DryRun).await {
            return Problems::of_failure(failure, language);
        }
        // Without the precondition: it would fail only because the operator has written the status.
        let steps = patch_of(&changes.steps)?;
        let cluster = &self.visit.cluster;
        let answer = cluster
            .patch_by_steps::<ServiceInstance>(Some(&self.namespace), &self.name, &steps, Mode::DryRun)
            .await;
        answer.map_or_else(|failure| Problems::of_failure(failure, language), |_| Ok(Problems::default()))
    }

    /// Adds the new keys to the Secret, or creates it; returns the one that was created.
    async fn add_keys(&self, changes: &Changes, mode: Mode) -> Result<Option<Secret>, Failure> {
        let added = &changes.secret.added;
        if added.is_empty() {
            return Ok(None);
        }
        let (cluster, name) = (&self.visit.cluster, secret_name(&self.name));
        if changes.edited.sources.has_own() {
            let patch = json!({"data": added});
            let patched = cluster.patch_in::<Secret>(Some(&self.namespace), &name, &patch, mode).await;
            if !matches!(patched, Err(Failure::NotFound)) {
                return patched.map(|_| None);
            }
        }
        cluster.create_in(&secret(&self.namespace, &name, added.clone()), mode).await.map(Some)
    }

    /// Undoes [`Self::add_keys`], unless the instance refers to the keys by now: the same change was sent twice, and the
    /// other one was made.
    async fn take_back(&self, changes: &Changes, created: Option<Secret>) {
        let (cluster, namespace) = (&self.visit.cluster, Some(self.namespace.as_str()));
        let Ok(now) = cluster.get::<ServiceInstance>(namespace, &self.name).await else { return };
        let sources = Sources::of(&self.name, &now.spec.parameters_from);
        if changes.secret.added.keys().any(|key| sources.has_key(key)) {
            return;
        }
        if let Some(secret) = created {
            let (name, uid) = (secret.name_any(), secret.uid().unwrap_or_default());
            if cluster.delete::<Secret>(namespace, &name, &uid).await.is_ok() {
                return;
            }
        }
        let added: Vec<&String> = changes.secret.added.keys().collect();
        self.remove_keys(&added).await;
    }

    /// Sends the patch. Another version of the same spec is no reason to refuse: the operator writes the status.
    async fn send(&self, changes: &Changes, generation: i64) -> Result<ServiceInstance, Failure> {
        let cluster = &self.visit.cluster;
        let mut precondition = changes.edited.precondition();
        for _ in 1..MAX_ATTEMPTS {
            match self.send_once(changes, &precondition).await {
                Err(Failure::Rejected(_, rejection)) if rejection.is_outdated() => {}
                answer => return answer,
            }
            let now: ServiceInstance = cluster.get(Some(&self.namespace), &self.name).await?;
            if now.metadata.generation.unwrap_or_default() != generation {
                break;
            }
            precondition = Edited::of(&now, &[]).precondition();
        }
        self.send_once(changes, &precondition).await
    }

    async fn send_once(&self, changes: &Changes, precondition: &Value) -> Result<ServiceInstance, Failure> {
        let steps: Vec<Value> = [precondition].into_iter().chain(&changes.steps).cloned().collect();
        let (namespace, steps) = (Some(self.namespace.as_str()), patch_of(&steps)?);
        self.visit.cluster.patch_by_steps(namespace, &self.name, &steps, Mode::Real).await
    }

    /// Removes what nothing refers to any more. What is left if that fails does no harm.
    async fn tidy(&self, changes: &Changes, changed: &ServiceInstance) {
        if !changes.secret.removed.is_empty() {
            self.remove_keys(&changes.secret.removed.iter().collect::<Vec<_>>()).await;
        }
        if !changes.secret.added.is_empty() && !changes.edited.sources.has_own() {
            own(&self.visit.cluster, changed, &secret_name(&self.name)).await;
        }
    }

    async fn remove_keys(&self, keys: &[&String]) {
        if keys.is_empty() {
            return;
        }
        let data: Map<String, Value> = keys.iter().map(|key| ((*key).clone(), Value::Null)).collect();
        let name = secret_name(&self.name);
        let patch = json!({"data": data});
        if self.visit.cluster.patch::<Secret>(Some(&self.namespace), &name, &patch).await.is_err() {
            tracing::warn!(
                secret = name,
                "unused keys are left in the Secret: the API server refused the patch"
            );
        }
    }

    fn review_page(&self, draft: &Draft, changes: &Changes) -> Result<Page, Failure> {
        let language = self.visit.language();
        let (name, namespace) = (&self.name, &self.namespace);
        let patch = crate::console::form::to_text(&Value::Array(changes.steps.clone()));
        let mut manifests = vec![(language.pick("Patch of the instance", "实例补丁").to_owned(), patch)];
        let mut commands = vec![format!(
            "kubectl patch serviceinstance {name} --namespace {namespace} --type json --patch-file patch.yaml"
        )];
        if !changes.secret.added.is_empty() {
            let secret = secret_name(name);
            let shown = redacted(namespace, &secret, &changes.secret.added);
            manifests.insert(0, ("Secret".to_owned(), crate::console::form::to_text(&shown)));
            commands.insert(
                0,
                if changes.edited.sources.has_own() {
                    format!("kubectl patch secret {secret} --namespace {namespace} --patch-file secret.yaml")
                } else {
                    format!("kubectl create --namespace {namespace} --filename secret.yaml")
                },
            );
        }
        let title = language.pick(format!("Change {name}?"), format!("更改 {name}?"));
        let content = ReviewPage {
            title: &title,
            breadcrumbs: self.breadcrumbs(),
            consequences: &self.consequences(draft, changes),
            manifests: &manifests,
            command: &commands.join("\n"),
            draft: &sealed(&self.visit, draft)?,
            confirm: language.pick("Change", "更改"),
            action: &self.action(),
            back: &self.address(),
        };
        Ok(Page::new(Section::Instances, title.clone(), page(&content, &self.visit)))
    }

    fn consequences(&self, draft: &Draft, changes: &Changes) -> Vec<Markup> {
        let language = self.visit.language();
        let mut sentences = vec![html! {
            (language.pick(
                "The operator asks the broker to update the service. The page of the instance shows how far it is.",
                "控制器请求服务代理更新服务。实例页面会显示进度。",
            ))
        }];
        if let Some(plan) = self.plan(&draft.plan).filter(|plan| plan.name != self.current) {
            let before = self.plan(&self.current).map_or("–", |plan| plan.title.as_str());
            sentences.push(html! {
                (language.pick("The plan changes from ", "套餐由 ")) (foreign(before))
                (language.pick(" to ", " 更改为 ")) (foreign(&plan.title)) (language.pick(".", "。"))
            });
            sentences.push(price_sentence(plan, language));
        }
        let names: Vec<String> = draft.confidential().into_iter().map(|(name, _)| name).collect();
        if !names.is_empty() {
            sentences.push(secret_sentence(&names, &secret_name(&self.name), &self.visit));
        }
        let after = changes.edited.inline_after(draft);
        let before = changes.edited.inline.keys().chain(&changes.edited.existing.in_secrets);
        let is_gone = |name: &&String| {
            !after.contains_key(*name) && !draft.kept.contains(*name) && !names.contains(*name)
        };
        let removed: std::collections::BTreeSet<String> = before.filter(is_gone).cloned().collect();
        if !removed.is_empty() {
            let removed: Vec<String> = removed.into_iter().collect();
            sentences.push(html! {
                (language.pick("Removed, so that the broker decides: ", "移除(由服务代理决定):")) (name_list(&removed))
            });
        }
        sentences
    }
}

fn patch_of(steps: &[Value]) -> Result<JsonPatch, Failure> {
    serde_json::from_value(Value::Array(steps.to_vec())).map_err(|_| Failure::Internal)
}
