//! How does a page offer what the user may do? An action without a warning is a form; one with a warning leads to a
//! page that asks first.

use crate::console::language::Language;
use crate::console::state::{Action, Change, Subject};
use jiff::Timestamp;
use maud::{Markup, html};

use super::parts::{breadcrumbs, copyable};
use crate::console::request::visit::Visit;

/// The form field with the time at which a page was made. A rotation is requested by it, so that a double click
/// requests only one.
pub const AT: &str = "at";
/// The form field with the counter that a page has seen. An action counts only if nothing has counted since.
pub const SEEN: &str = "seen";

/// An object and what the user may do with it.
pub struct Offered<'a> {
    /// The object.
    pub subject: Subject<'a>,
    /// The address of its page.
    pub address: &'a str,
    /// The actions.
    pub actions: &'a [Action],
    /// The time at which the page is made.
    pub now: Timestamp,
}

/// The part of an address that stands for an action.
pub fn segment(action: Action) -> &'static str {
    match action {
        Action::Bind => "bind",
        Action::Edit => "edit",
        Action::Upgrade => "upgrade",
        Action::TryNow => "try-now",
        Action::Rotate => "rotate",
        Action::Reveal => "reveal",
        Action::Relist => "relist",
        Action::Pause => "pause",
        Action::Resume => "resume",
        Action::Cascade => "cascade",
        Action::Retain => "retain",
        Action::Delete => "delete",
        Action::Abandon => "abandon",
    }
}

/// The action of such a part.
pub fn of_segment(text: &str) -> Option<Action> {
    Action::ALL.into_iter().find(|action| segment(*action) == text)
}

/// The counter by which the operator is asked to act.
pub fn counter(subject: Subject<'_>) -> i64 {
    match subject {
        Subject::Instance(instance) => instance.spec.update_requests,
        Subject::ClusterBroker(broker) => broker.spec.common.relist_requests,
        Subject::Broker(broker) => broker.spec.common.relist_requests,
        Subject::Binding(_) => 0,
    }
}

/// A toolbar with the actions. Those that need a page of their own are offered by that page's room.
pub fn toolbar(offered: &Offered, visit: &Visit) -> Markup {
    let language = visit.language();
    let is_here = |action: &&Action| !matches!(action.change(offered.subject, offered.now), Change::Page);
    html! {
        div class="toolbar" {
            @if offered.actions.contains(&Action::Bind) {
                a class="button primary" href={ (offered.address) "/" (segment(Action::Bind)) }
                    title=(Action::Bind.explanation(language)) { (Action::Bind.label(language)) }
            }
            @if offered.actions.contains(&Action::Edit) {
                a class="button" href={ (offered.address) "/" (segment(Action::Edit)) }
                    title=(Action::Edit.explanation(language)) { (Action::Edit.label(language)) }
            }
            @for action in offered.actions.iter().filter(is_here) {
                @if action.warning(language).is_some() {
                    a class={ "button " (if *action == Action::Delete { "danger" } else { "" }) }
                        href={ (offered.address) "/" (segment(*action)) }
                        title=(action.explanation(language)) {
                        (action.label(language)) "…"
                    }
                } @else {
                    (form(offered, *action, visit, false))
                }
            }
        }
    }
}

/// The form that carries an action out.
pub fn form(offered: &Offered, action: Action, visit: &Visit, is_danger: bool) -> Markup {
    let language = visit.language();
    html! {
        form method="post" action={ (offered.address) "/" (segment(action)) } {
            (visit.token_field())
            input type="hidden" name=(AT) value=(offered.now);
            input type="hidden" name=(SEEN) value=(counter(offered.subject));
            button class={ "button " (look(action, is_danger)) }
                title=(action.explanation(language)) {
                (action.label(language))
            }
        }
    }
}

/// What brings an object on is more prominent than what holds it back. An upgrade can wait.
fn look(action: Action, is_danger: bool) -> &'static str {
    match action {
        _ if is_danger => "danger",
        Action::TryNow | Action::Resume => "primary",
        _ => "",
    }
}

/// The page that asks before an action.
pub fn confirmation(offered: &Offered, action: Action, visit: &Visit) -> Markup {
    let language = visit.language();
    let name = offered.subject.name();
    html! {
        (breadcrumbs(&[(offered.address, name)], language))
        h1 { (question(action, name, language)) }
        p { (action.explanation(language)) }
        @if let Some(warning) = action.warning(language) { p class="banner bad" { (warning) } }
        div class="toolbar" {
            (form(offered, action, visit, action.warning(language).is_some()))
            a class="button" href=(offered.address) { (language.pick("Cancel", "取消")) }
        }
        @if let Some(command) = action.kubectl(offered.subject, offered.now) {
            (copyable(language.pick("The same with kubectl", "等效的 kubectl 命令"), &command, language))
        }
    }
}

fn question(action: Action, name: &str, language: Language) -> String {
    let label = action.label(language);
    language.pick(format!("{label}: {name}?"), format!("{label}:{name}?"))
}
