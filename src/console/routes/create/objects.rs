//! The objects of a new instance: what would be sent, whether the API server would accept it, and how it is created.
//!
//! `creation` creates them.

use std::collections::BTreeSet;

use crate::crd::{ClusterServiceClass, ServiceClass, ServiceInstance};
use axum::response::{IntoResponse, Redirect, Response};
use futures::join;
use k8s_openapi::api::core::v1::Secret;
use maud::{Markup, html};

use super::Creation;
use crate::console::answer::failure::Failure;
use crate::console::answer::page::{Page, Section};
use crate::console::kube_api::{Mode, Selection};
use crate::console::pages::parts::foreign;
use crate::console::pages::problems::Problems;
use crate::console::pages::review::{ReviewPage, page, price_sentence};
use crate::console::routes::creation::{NotCreated, Ownership, create, find_same, secret};
use crate::console::routes::drafting::{sealed, secret_sentence};
use crate::console::views::draft::Draft;
use crate::console::views::instance;
use crate::console::views::manifest;
use crate::console::views::new_instance::{Naming, Reference, instance as new_instance};
use crate::console::views::offering::Scope;
use crate::console::views::parameter_secret::{Sources, redacted, secret_name};
use crate::console::views::plan::Plan;

/// What is sent.
struct Objects {
    instance: ServiceInstance,
    secret: Option<Secret>,
}

impl Creation {
    /// Shows what would be sent, if nothing is wrong with it.
    pub(super) async fn review(&self, draft: &Draft) -> Result<Response, Failure> {
        let Some(plan) = self.plan(&draft.plan) else {
            return self.show_draft(draft, false, self.vanished());
        };
        let problems = self.problems_of(draft, plan);
        if !problems.is_empty() {
            return self.show_draft(draft, false, problems);
        }
        let objects = match self.objects(draft, plan).await {
            Ok(objects) => objects,
            Err(problems) => return self.show_draft(draft, false, problems),
        };
        let problems = self.rehearse(&objects).await?;
        if !problems.is_empty() {
            return self.show_draft(draft, false, problems);
        }
        Ok(self.review_page(draft, plan, &objects)?.into_response())
    }

    /// Creates the instance.
    pub(super) async fn create(&self, draft: &Draft) -> Result<Response, Failure> {
        let Some(plan) = self.plan(&draft.plan) else {
            return self.show_draft(draft, false, self.vanished());
        };
        let objects = match self.objects(draft, plan).await {
            Ok(objects) => objects,
            Err(problems) => return self.show_draft(draft, false, problems),
        };
        let Objects { instance, secret } = objects;
        let secret = secret.map(|secret| (secret, Ownership::OfObject));
        let problems = match create(&self.visit.cluster, &instance, secret).await {
            Ok(_) => {
                let address = instance::address(&self.namespace, &draft.name);
                return Ok(Redirect::to(&address).into_response());
            }
            Err(NotCreated::Secret(failure)) => self.secret_problems(draft, failure).await?,
            Err(NotCreated::Object { failure, left }) => {
                let problems = self.instance_problems(&draft.name, failure)?;
                problems.and(left.map(|secret| self.left(&secret)).unwrap_or_default())
            }
        };
        self.show_draft(draft, false, problems)
    }

    fn left(&self, secret: &str) -> Problems {
        Problems::text(self.visit.language().pick(
            format!(
                "The Secret {secret} was created and is still there. Look whether the instance exists: if not, delete \
                 the Secret."
            ),
            format!("Secret {secret} 已创建且仍然存在。请检查实例是否存在:如果不存在,请删除该 Secret。"),
        ))
    }

    /// The objects that a draft stands for.
    async fn objects(&self, draft: &Draft, plan: &Plan) -> Result<Objects, Problems> {
        let confidential = draft.confidential();
        let none = BTreeSet::new();
        let change = Sources::of(&draft.name, &[]).changed(&confidential, &none, &none, &draft.suffix);
        let Some(change) = change else {
            let language = self.visit.language();
            let english = "At most 64 parameters can be kept in Secrets.";
            return Err(Problems::text(language.pick(english, "最多 64 个参数可以保存在 Secret 中。")));
        };
        let reference = Reference { class: &self.class, plan, naming: self.naming(plan).await };
        let instance = new_instance(&self.namespace, &draft.name, reference, &draft.inline(), change.sources);
        let name = secret_name(&draft.name);
        let secret = (!change.added.is_empty()).then(|| secret(&self.namespace, &name, change.added));
        Ok(Objects { instance, secret })
    }

    /// Kubernetes names if classes of several brokers have the same external name: the operator would refuse it.
    async fn naming(&self, plan: &Plan) -> Naming {
        let preferred = Naming::preferred(&self.class, plan);
        if preferred == Naming::Kubernetes {
            return preferred;
        }
        let namesakes = Selection::fields(format!("spec.externalName={}", self.class.external_name));
        let (cluster, namespace) = (&self.visit.cluster, self.class.scope.namespace());
        let count = match self.class.scope {
            Scope::Cluster => {
                cluster.list::<ClusterServiceClass>(namespace, &namesakes).await.map(|list| list.len())
            }
            Scope::Namespace(_) => {
                cluster.list::<ServiceClass>(namespace, &namesakes).await.map(|list| list.len())
            }
        };
        if count.is_ok_and(|count| count > 1) { Naming::Kubernetes } else { preferred }
    }

    /// Asks the API server whether it would accept the objects.
    async fn rehearse(&self, objects: &Objects) -> Result<Problems, Failure> {
        let cluster = &self.visit.cluster;
        let name = objects.instance.metadata.name.as_deref().unwrap_or_default();
        let secret = async {
            match &objects.secret {
                Some(secret) => cluster.create_in(secret, Mode::DryRun).await.map(drop),
                None => Ok(()),
            }
        };
        let (instance, secret) = join!(cluster.create_in(&objects.instance, Mode::DryRun), secret);
        let mut problems = Problems::default();
        if let Err(failure) = instance {
            problems = problems.and(self.instance_problems(name, failure)?);
        }
        if let (Err(failure), true, Some(secret)) = (secret, problems.name.is_empty(), &objects.secret)
            && find_same(cluster, secret).await.is_none()
        {
            problems = problems.and(self.taken_secret(name, failure)?);
        }
        Ok(problems)
    }

    fn instance_problems(&self, name: &str, failure: Failure) -> Result<Problems, Failure> {
        let language = self.visit.language();
        match &failure {
            Failure::Rejected(_, rejection) if rejection.is_name_taken() => {
                Ok(Problems::taken(name, instance::address(&self.namespace, name), language))
            }
            _ => Problems::of_failure(failure, language),
        }
    }

    /// After a double click, the Secret exists because the instance does.
    async fn secret_problems(&self, draft: &Draft, failure: Failure) -> Result<Problems, Failure> {
        let found = self.visit.cluster.get::<ServiceInstance>(Some(&self.namespace), &draft.name).await;
        if found.is_ok() {
            let address = instance::address(&self.namespace, &draft.name);
            return Ok(Problems::taken(&draft.name, address, self.visit.language()));
        }
        self.taken_secret(&draft.name, failure)
    }

    fn taken_secret(&self, name: &str, failure: Failure) -> Result<Problems, Failure> {
        let language = self.visit.language();
        match &failure {
            Failure::Rejected(_, rejection) if rejection.is_name_taken() => {
                let secret = secret_name(name);
                Ok(Problems::of_name(language.pick(
                    format!("There is a Secret {secret} already. Choose another name for the instance."),
                    format!("Secret {secret} 已存在。请为实例选择其他名称。"),
                )))
            }
            _ => Problems::of_failure(failure, language),
        }
    }

    fn review_page(&self, draft: &Draft, plan: &Plan, objects: &Objects) -> Result<Page, Failure> {
        let language = self.visit.language();
        let (name, namespace) = (&draft.name, &self.namespace);
        let mut manifests = vec![("ServiceInstance".to_owned(), manifest::of(&objects.instance, &[]))];
        let mut commands = vec![format!("kubectl create --namespace {namespace} --filename instance.yaml")];
        let secret = secret_name(name);
        if let Some(data) = objects.secret.as_ref().and_then(|secret| secret.data.as_ref()) {
            let shown = redacted(namespace, &secret, data);
            manifests.insert(0, ("Secret".to_owned(), crate::console::form::to_text(&shown)));
            commands.insert(0, format!("kubectl create --namespace {namespace} --filename secret.yaml"));
        }
        let title = language.pick(format!("Create {name}?"), format!("创建 {name}?"));
        let content = ReviewPage {
            title: &title,
            breadcrumbs: self.breadcrumbs(),
            consequences: &self.consequences(draft, plan),
            manifests: &manifests,
            command: &commands.join("\n"),
            draft: &sealed(&self.visit, draft)?,
            confirm: language.pick("Create", "创建"),
            action: &self.action(&plan.name),
            back: &self.class.address(),
        };
        Ok(Page::new(Section::Catalog, title.clone(), page(&content, &self.visit)))
    }

    fn consequences(&self, draft: &Draft, plan: &Plan) -> Vec<Markup> {
        let language = self.visit.language();
        let asked = html! {
            (language.pick("The operator asks the broker ", "控制器请求服务代理 ")) (foreign(&self.class.broker))
            (language.pick(" to create the service: ", " 创建服务:")) (foreign(&self.class.title))
            (language.pick(
                ". The page of the instance shows how far it is.",
                "。实例页面会显示进度。",
            ))
        };
        let mut sentences = vec![asked, price_sentence(plan, language)];
        let names: Vec<String> = draft.confidential().into_iter().map(|(name, _)| name).collect();
        if !names.is_empty() {
            sentences.push(secret_sentence(&names, &secret_name(&draft.name), &self.visit));
        }
        sentences
    }
}
