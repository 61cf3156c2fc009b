//! A new binding: its name, its Secret, who gets the credentials, and what that means for running pods.

use crate::console::form::FilledForm;
use crate::console::language::Language;
use crate::crd::binding::Restart;
use maud::{Markup, html};

use super::fields::{Field, Problem, summary};
use super::instance_form::draft_field;
use super::parts::{banner, breadcrumbs, copyable};
use crate::console::request::visit::Visit;
use crate::console::views::application::{Application, Delivery, PodPreview, is_system_namespace};
use crate::console::views::instance;

/// The field with the binding's name.
pub const NAME: &str = "binding-name";
/// The field with the Secret's name.
pub const SECRET: &str = "secret-name";
/// The field with kind and name of the application; empty for none.
pub const APPLICATION: &str = "application";
/// The box that asks for environment variables.
pub const VARIABLES: &str = "variables";
/// The field with the prefix of the variables.
pub const PREFIX: &str = "prefix";
/// The field that says which pods are restarted.
pub const RESTART: &str = "restart";
/// The name of the buttons.
pub const BUTTON: &str = "do";
/// The button that shows what would happen.
pub const PREVIEW: &str = "preview";

/// What a user has filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entered {
    /// The name of the binding.
    pub name: String,
    /// The name of the Secret; empty: that of the binding.
    pub secret: String,
    /// Kind and name of the application; empty: only the Secret is written.
    pub application: String,
    /// Whether each entry becomes an environment variable as well.
    pub variables: bool,
    /// The prefix of the variables.
    pub prefix: String,
    /// Which pods the operator restarts.
    pub restart: Restart,
}

/// What the preview shows.
pub struct Preview<'a> {
    /// The pods that match; `None` if the user may not list pods.
    pub pods: Option<&'a [PodPreview]>,
    /// The selector; empty if no pods get anything.
    pub selector: &'a str,
    /// The binding as YAML.
    pub manifest: &'a str,
}

/// What the page of a new binding needs.
pub struct BindPage<'a> {
    /// The namespace.
    pub namespace: &'a str,
    /// The instance.
    pub instance: &'a str,
    /// What is filled in.
    pub entered: &'a Entered,
    /// The applications of the namespace.
    pub applications: &'a [Application],
    /// The kinds of applications that the user may not list.
    pub refused: &'a [String],
    /// The parameters, if the plan has a schema for them.
    pub parameters: Option<&'a FilledForm<'a>>,
    /// The sealed draft with the secrets that the form does not show; may be empty.
    pub draft: &'a str,
    /// What is wrong.
    pub problems: &'a [Problem],
    /// What would happen, if the user asked for it.
    pub preview: Option<Preview<'a>>,
}

/// The value of a choice of restarts.
pub fn restart_value(restart: Restart) -> &'static str {
    match restart {
        Restart::Always => "Always",
        Restart::OnRotation => "OnRotation",
        Restart::Never => "Never",
    }
}

/// The page.
pub fn page(page: &BindPage, visit: &Visit) -> Markup {
    let language = visit.language();
    let list = format!("/ns/{}/instances", page.namespace);
    let of_instance = instance::address(page.namespace, page.instance);
    let above = [(list.as_str(), language.pick("Instances", "实例")), (&of_instance, page.instance)];
    html! {
        (breadcrumbs(&above, language))
        div class="page-head" {
            h1 { (language.pick("New binding of ", "新建绑定:")) (page.instance) }
            p class="lead" {
                (language.pick(
                    "A binding requests credentials from the broker and stores them in a Secret.",
                    "绑定向服务代理请求凭据,并将其存入 Secret。",
                ))
            }
        }
        (summary(page.problems, language))
        @if let Some(parameters) = page.parameters { (parameters.summary(language)) }
        form method="post" action={ (of_instance) "/bind" } novalidate {
            (visit.token_field())
            (draft_field(page.draft))
            (names(page, language))
            (receivers(page, language))
            @if let Some(parameters) = page.parameters {
                section class="section" aria-labelledby="parameters-title" {
                    h2 id="parameters-title" { (language.pick("Parameters", "参数")) }
                    (parameters.render(language))
                }
            }
            div class="toolbar" {
                button class="button primary" { (language.pick("Bind", "绑定")) }
                button class="button" name=(BUTTON) value=(PREVIEW) { (language.pick("Preview", "预览")) }
                a class="button plain" href=(of_instance) { (language.pick("Cancel", "取消")) }
            }
        }
        @if let Some(preview) = &page.preview { (show_preview(preview, page, language)) }
    }
}

fn names(page: &BindPage, language: Language) -> Markup {
    let name = Field { id: NAME, label: language.pick("Name", "名称"), hint: "" };
    let secret = Field {
        id: SECRET,
        label: language.pick("Secret for the credentials", "存放凭据的 Secret"),
        hint: language.pick(
            "Empty: the name of the binding. It must not exist yet: the operator does not overwrite Secrets of others.",
            "留空则与绑定同名。该 Secret 不能已存在:控制器不会覆盖他人的 Secret。",
        ),
    };
    html! {
        section class="section" aria-labelledby="names-title" {
            h2 id="names-title" { (language.pick("Binding and Secret", "绑定与 Secret")) }
            (name.input("text", &page.entered.name, true, page.problems))
            (secret.input("text", &page.entered.secret, false, page.problems))
        }
    }
}

fn receivers(page: &BindPage, language: Language) -> Markup {
    let entered = page.entered;
    let application = Field {
        id: APPLICATION,
        label: language.pick("Who gets the credentials", "谁获得凭据"),
        hint: language.pick(
            "The pods that an application's selector matches, now and later. Their manifests need no change.",
            "应用的选择器匹配的 Pod(现有和将来的)。无需修改其清单。",
        ),
    };
    let none = language.pick("No pods: only the Secret", "没有 Pod:仅 Secret");
    let ids: Vec<String> = page.applications.iter().map(Application::id).collect();
    let own = ids.iter().map(|id| (id.as_str(), id.clone()));
    let choices: Vec<(&str, String)> = std::iter::once(("", none.to_owned())).chain(own).collect();
    html! {
        section class="section" aria-labelledby="receivers-title" {
            h2 id="receivers-title" { (language.pick("Application", "应用")) }
            (application.select(&choices, &entered.application, page.problems))
            @if !page.refused.is_empty() {
                p class="hint" {
                    (language.pick("Not listed, as you lack the right: ", "因缺少权限而未列出:"))
                    @for resource in page.refused { code translate="no" { "list " (resource) } " " }
                }
            }
            @if is_system_namespace(page.namespace) {
                (banner("waiting", &html! { p {
                    (language.pick(
                        "Pods of system namespaces never get credentials: only the Secret is written.",
                        "系统名字空间的 Pod 不会获得凭据:仅写入 Secret。",
                    ))
                } }))
            }
            (delivery(page, language))
        }
    }
}

fn delivery(page: &BindPage, language: Language) -> Markup {
    let prefix = Field {
        id: PREFIX,
        label: language.pick("Prefix of the variables", "变量前缀"),
        hint: language.pick("For example DB_. May be empty.", "例如 DB_。可以为空。"),
    };
    let restart = Field {
        id: RESTART,
        label: language.pick("Restart running pods", "重启运行中的 Pod"),
        hint: language.pick(
            "Running pods get new files by themselves, but variables and a first binding only after a restart.",
            "运行中的 Pod 会自动获得更新的文件;环境变量和首次绑定需要重启后才生效。",
        ),
    };
    let choices: Vec<(&str, String)> = [Restart::Always, Restart::OnRotation, Restart::Never]
        .into_iter()
        .map(|each| (restart_value(each), restart_text(each, language).to_owned()))
        .collect();
    html! {
        fieldset class="choices" {
            legend { (language.pick("How an application gets them", "应用如何获得凭据")) }
            p {
                (language.pick("Always as files, one for each entry of the Secret.", "始终以文件形式,Secret 的每个条目一个文件。"))
            }
            div class="check" {
                input type="checkbox" id=(VARIABLES) name=(VARIABLES) value="true" checked[page.entered.variables];
                label for=(VARIABLES) { (language.pick("Also as environment variables", "同时作为环境变量")) }
            }
            (prefix.input("text", &page.entered.prefix, false, page.problems))
            (restart.select(&choices, restart_value(page.entered.restart), page.problems))
        }
    }
}

fn restart_text(restart: Restart, language: Language) -> &'static str {
    match restart {
        Restart::Always => {
            language.pick("Whenever they lack the current credentials", "只要缺少当前凭据就重启")
        }
        Restart::OnRotation => language.pick("Only after a rotation", "仅在轮换之后"),
        Restart::Never => language.pick("Never", "从不"),
    }
}

fn show_preview(preview: &Preview, page: &BindPage, language: Language) -> Markup {
    html! {
        section class="section" id="preview" aria-labelledby="preview-title" tabindex="-1" autofocus {
            h2 id="preview-title" { (language.pick("Preview: nothing was created yet", "预览:尚未创建")) }
            @if preview.selector.is_empty() {
                p { (language.pick("Only the Secret is written. No pod changes.", "仅写入 Secret,不影响任何 Pod。")) }
            } @else {
                p {
                    (language.pick("The binding selects pods with ", "绑定选择带有以下标签的 Pod:"))
                    code translate="no" { (preview.selector) }
                    (language.pick(". Each gets:", "。每个 Pod 获得:"))
                }
                ul {
                    li { (language.pick("a file for each entry of the Secret", "Secret 的每个条目一个文件")) }
                    @if page.entered.variables {
                        li {
                            (language.pick(
                                "an environment variable for each entry: ",
                                "每个条目一个环境变量:",
                            ))
                            code translate="no" { (page.entered.prefix) "<" (language.pick("entry", "条目")) ">" }
                        }
                    }
                }
                (pods(preview.pods, language))
            }
            details id="preview-yaml" {
                summary { (language.pick("The binding as YAML", "绑定的 YAML")) }
                (copyable("YAML", preview.manifest, language))
            }
        }
    }
}

fn pods(pods: Option<&[PodPreview]>, language: Language) -> Markup {
    let Some(pods) = pods else {
        return html! {
            p class="hint" {
                (language.pick("You may not list pods, so they are not shown. You lack ", "您无权列出 Pod,因此不显示。缺少权限 "))
                code translate="no" { "list pods" }
            }
        };
    };
    if pods.is_empty() {
        let text = language.pick(
            "No pod has these labels now. Those that are created later get the credentials.",
            "目前没有 Pod 带有这些标签。之后创建的 Pod 会获得凭据。",
        );
        return html! { p { (text) } };
    }
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(language.pick("Pods", "Pod")) {
            table class="objects" {
                thead { tr {
                    th scope="col" { "Pod" }
                    th scope="col" { (language.pick("Part of", "所属")) }
                    th scope="col" { (language.pick("Files in", "文件位置")) }
                    th scope="col" { (language.pick("What happens", "影响")) }
                } }
                tbody { @for pod in pods { tr {
                    th scope="row" { (pod.name) }
                    td { (pod.workload) }
                    td {
                        @for directory in &pod.directories { code translate="no" { (directory) } br; }
                        @if pod.directories.is_empty() { "–" }
                    }
                    td { (delivery_text(pod.delivery, language)) }
                } } }
            }
        }
        @if pods.iter().any(|pod| pod.delivery == Delivery::Restart) {
            p class="hint" {
                (language.pick(
                    "Restarts follow the workload's own strategy. An administrator may have forbidden them to the \
                     operator; the binding then says which workloads to restart.",
                    "重启遵循工作负载自身的策略。管理员可能已禁止控制器重启;届时绑定会说明需要重启哪些工作负载。",
                ))
            }
        }
    }
}

fn delivery_text(delivery: Delivery, language: Language) -> &'static str {
    match delivery {
        Delivery::Restart => {
            language.pick("is restarted once the credentials are there", "凭据就绪后将被重启")
        }
        Delivery::Successor => language
            .pick("goes on without; gets them when it is created again", "继续运行但没有凭据;重新创建后获得"),
        Delivery::Never => language.pick("gets nothing: it has opted out", "不获得任何内容:已选择退出"),
    }
}
