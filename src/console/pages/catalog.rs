//! The catalog: all classes that the user may see, as tiles.

use crate::console::language::Language;
use maud::{Markup, html};

use super::parts::{badge, banner, copyable, empty, foreign, icon};
use crate::console::views::catalog::{Catalog, Filter, Tile};

/// A broker that does not work: its name, the address of its page, and why.
pub struct BrokenBroker {
    /// Its name.
    pub name: String,
    /// The address of its page.
    pub address: String,
    /// Why, in a sentence.
    pub why: String,
}

/// What the catalog page needs.
pub struct CatalogPage<'a> {
    /// The classes.
    pub catalog: &'a Catalog,
    /// The query.
    pub filter: &'a Filter,
    /// The brokers that do not work.
    pub broken: &'a [BrokenBroker],
    /// Whether the user may not list the cluster-wide classes.
    pub is_refused: bool,
    /// Whether the cluster surely has no broker.
    pub has_no_broker: bool,
    /// The user, for the command that grants the right.
    pub user: &'a str,
}

/// The page.
pub fn page(page: &CatalogPage, language: Language) -> Markup {
    let CatalogPage { catalog, filter, .. } = page;
    html! {
        div class="page-head" {
            h1 { (language.pick("Catalog", "目录")) }
            p class="lead" {
                (language.pick(
                    "Services that you can create in your namespaces.",
                    "您可以在名字空间中创建的服务。",
                ))
            }
        }
        @for broker in page.broken { (broken(broker, language)) }
        @if page.is_refused { (refused(page.user, language)) }
        @if page.has_no_broker && catalog.total == 0 {
            (no_broker(language))
        } @else if catalog.total > 0 {
            (search(catalog, filter, language))
            (results(catalog, filter, language))
        } @else if !page.is_refused {
            (empty(language.pick("No services yet", "尚无服务"), &html! {
                p {
                    (language.pick(
                        "The brokers have published no classes for you to see.",
                        "服务代理尚未发布您可见的服务类。",
                    ))
                }
                p { a class="button" href="/brokers" { (language.pick("Look at the brokers", "查看服务代理")) } }
            }))
        }
    }
}

fn search(catalog: &Catalog, filter: &Filter, language: Language) -> Markup {
    let any = language.pick("All", "全部");
    let categories = catalog.categories.iter().map(|(tag, _)| tag);
    html! {
        form class="filters" method="get" action="/catalog" role="search" {
            div class="field grow" {
                label for="q" { (language.pick("Search", "搜索")) }
                input id="q" name="q" type="search" value=(filter.q) maxlength="200";
            }
            (choice("category", language.pick("Category", "类别"), any, categories, &filter.category))
            @if catalog.brokers.len() > 1 {
                @let label = language.pick("Broker", "服务代理");
                (choice("broker", label, any, catalog.brokers.iter(), &filter.broker))
            }
            @if catalog.providers.len() > 1 {
                @let label = language.pick("Provider", "提供商");
                (choice("provider", label, any, catalog.providers.iter(), &filter.provider))
            }
            div class="checks" {
                (check("free", language.pick("Free", "免费"), !filter.free.is_empty()))
                (check("bindable", language.pick("Bindable", "可绑定"), !filter.bindable.is_empty()))
                @if catalog.withdrawn > 0 {
                    (check("all", language.pick("Also withdrawn", "包括已撤回"), !filter.all.is_empty()))
                }
            }
            button class="button primary" { (language.pick("Search", "搜索")) }
            @if filter.is_active() {
                a class="button plain" href="/catalog" { (language.pick("Clear", "清除")) }
            }
        }
    }
}

fn choice<'a>(
    name: &str,
    label: &str,
    any: &str,
    choices: impl Iterator<Item = &'a String>,
    chosen: &str,
) -> Markup {
    html! {
        div class="field" {
            label for=(name) { (label) }
            select id=(name) name=(name) {
                option value="" { (any) }
                @for choice in choices { option value=(choice) selected[choice == chosen] { (choice) } }
            }
        }
    }
}

fn check(name: &str, label: &str, is_checked: bool) -> Markup {
    html! {
        label class="check" { input type="checkbox" name=(name) value="1" checked[is_checked]; (label) }
    }
}

fn results(catalog: &Catalog, filter: &Filter, language: Language) -> Markup {
    let (found, total) = (catalog.tiles.len(), catalog.total - catalog.withdrawn);
    html! {
        p class="count" {
            @if filter.is_active() {
                (language.pick(format!("{found} of {total} services"), format!("{total} 个服务中的 {found} 个")))
            } @else {
                (language.pick(format!("{found} services"), format!("{found} 个服务")))
            }
        }
        @if catalog.tiles.is_empty() {
            (empty(language.pick("Nothing matches", "没有匹配项"), &html! {
                p { a class="button" href="/catalog" { (language.pick("Show all services", "显示所有服务")) } }
            }))
        }
        ul class="tiles" {
            @for tile in &catalog.tiles { li { (one(tile, language)) } }
        }
    }
}

fn one(tile: &Tile, language: Language) -> Markup {
    let offering = &tile.offering;
    let byline = if offering.provider.is_empty() { &offering.broker } else { &offering.provider };
    html! {
        a class="tile" href=(offering.address()) {
            span class="tile-head" {
                (icon(&offering.icon))
                span class="tile-name" {
                    strong { (foreign(&offering.title)) }
                    span class="byline" { (foreign(byline)) }
                }
            }
            span class="summary" { (foreign(&offering.summary)) }
            span class="badges" {
                @if tile.is_free { (badge(language.pick("free", "免费"), "good")) }
                @if offering.scope.namespace().is_some() { (badge(language.pick("namespaced", "名字空间内"), "")) }
                @if !tile.is_bindable { (badge(language.pick("not bindable", "不可绑定"), "")) }
                @if offering.is_withdrawn { (badge(language.pick("withdrawn", "已撤回"), "bad")) }
            }
        }
    }
}

fn broken(broker: &BrokenBroker, language: Language) -> Markup {
    banner(
        "waiting",
        &html! {
            p {
                (language.pick("Broker ", "服务代理 "))
                a href=(broker.address) { (broker.name) } (language.pick(": ", ":")) (broker.why)
            }
        },
    )
}

fn refused(user: &str, language: Language) -> Markup {
    let command = format!(
        "kubectl create clusterrolebinding catalog-readers --clusterrole service-catalog-catalog-reader \
         --user {}",
        crate::console::state::quoted(user)
    );
    banner(
        "waiting",
        &html! {
            p {
                (language.pick("You lack the right ", "您缺少权限 "))
                code translate="no" { "list clusterserviceclasses.servicecatalog.k8s.io" }
                (language.pick(
                    ", so only services of this namespace are shown. An administrator grants it with:",
                    ",因此仅显示此名字空间的服务。管理员可以这样授予:",
                ))
            }
            (copyable(language.pick("Command", "命令"), &command, language))
        },
    )
}

const BROKER_MANIFEST: &str = "apiVersion: servicecatalog.k8s.io/v1beta1
kind: ClusterServiceBroker
metadata:
  name: my-broker
spec:
  url: https://broker.example.com
  authInfo:
    basic:
      secretRef: {namespace: my-namespace, name: my-broker-login}
";

fn no_broker(language: Language) -> Markup {
    empty(
        language.pick("No broker yet", "尚无服务代理"),
        &html! {
            p {
                (language.pick(
                    "Services come from brokers. An administrator registers one with kubectl apply:",
                    "服务来自服务代理。管理员可以用 kubectl apply 注册一个:",
                ))
            }
            (copyable(language.pick("Manifest of a broker", "服务代理清单"), BROKER_MANIFEST, language))
        },
    )
}
