//! Whatever brokers and users write into objects, pages stay what they are.

use std::collections::HashSet;

use scraper::{ElementRef, Html, Selector};

use crate::console::testing::{Api, Browser, Mood, routes, samples};

fn all<'a>(html: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    html.select(&Selector::parse(selector).unwrap()).collect()
}

/// Checks a page, and returns what is wrong with it.
fn problems(html: &Html) -> Vec<String> {
    let mut problems = Vec::new();
    if !html.errors.is_empty() {
        problems.push(format!("does not parse: {:?}", html.errors));
    }
    let ids: Vec<&str> = all(html, "[id]").iter().filter_map(|element| element.attr("id")).collect();
    let known: HashSet<&str> = ids.iter().copied().collect();
    if known.len() != ids.len() {
        problems.push(format!("ids are not unique: {ids:?}"));
    }
    for count in
        [("h1", 1), ("main", 1), ("title", 1), ("script", 1), ("html[lang]", 1), ("iframe, object, embed", 0)]
    {
        if all(html, count.0).len() != count.1 {
            problems.push(format!("{} times {}", all(html, count.0).len(), count.0));
        }
    }
    for element in all(html, "*") {
        problems.extend(problems_of(element, &known));
    }
    for form in all(html, "form[method=post]") {
        if form.select(&Selector::parse("input[name=form-token]").unwrap()).next().is_none() {
            problems.push(format!("a form has no token: {}", form.html()));
        }
    }
    problems
}

fn problems_of(element: ElementRef, ids: &HashSet<&str>) -> Vec<String> {
    let name = element.value().name();
    let text = || element.html().chars().take(300).collect::<String>();
    let mut problems = Vec::new();
    for (attribute, value) in element.value().attrs() {
        let is_resolved = match attribute {
            "for" | "list" | "aria-labelledby" | "aria-describedby" | "aria-controls" => {
                value.split_whitespace().all(|id| ids.contains(id))
            }
            "href" | "action" | "formaction" => leads_where_it_should(element, value, ids),
            "src" => value.starts_with("/assets/") || value.starts_with("data:image/"),
            _ => !attribute.starts_with("on") && attribute != "style" && attribute != "srcdoc",
        };
        if !is_resolved {
            problems.push(format!("{attribute}={value:?} in {}", text()));
        }
    }
    let is_field = matches!(name, "input" | "select" | "textarea") && element.attr("type") != Some("hidden");
    if is_field && !is_labelled(element) {
        problems.push(format!("no label: {}", text()));
    }
    let is_hidden = element.attr("aria-hidden") == Some("true");
    if matches!(name, "button" | "a") && !is_hidden && element.text().collect::<String>().trim().is_empty() {
        problems.push(format!("no name: {}", text()));
    }
    problems
}

fn leads_where_it_should(element: ElementRef, value: &str, ids: &HashSet<&str>) -> bool {
    if let Some(id) = value.strip_prefix('#') {
        return ids.contains(id);
    }
    let is_external =
        element.attr("class") == Some("external") && element.attr("rel") == Some("noopener noreferrer");
    let is_web = value.starts_with("https://") || value.starts_with("http://");
    value.starts_with('/') && !value.starts_with("//") || is_external && is_web
}

fn is_labelled(element: ElementRef) -> bool {
    let is_inside =
        element.ancestors().any(|node| node.value().as_element().is_some_and(|e| e.name() == "label"));
    let root = element.ancestors().last().and_then(|node| node.children().find_map(ElementRef::wrap));
    let has_label = element.attr("id").is_some_and(|id| {
        let selector = Selector::parse(&format!("label[for='{id}']")).unwrap();
        root.is_some_and(|root| root.select(&selector).next().is_some())
    });
    is_inside
        || has_label
        || element.attr("aria-label").is_some()
        || element.attr("aria-labelledby").is_some()
}

#[tokio::test]
async fn every_page_stays_what_it_is_whatever_objects_contain() {
    let api = Api::default();
    samples::store(&api);
    let mut browser = Browser::logged_in(&api).await;
    for language in ["en", "zh-Hans"] {
        for address in routes::private() {
            let answer = browser.get(&format!("{address}?lang={language}&q={}", "%22%3E%3Cscript%3E")).await;
            if answer.status.is_redirection() {
                continue;
            }
            let html = answer.html();
            assert_eq!(problems(&html), Vec::<String>::new(), "{address} in {language}: {}", answer.status);
            assert_eq!(all(&html, "html")[0].attr("lang"), Some(language));
        }
    }
}

#[tokio::test]
async fn pages_about_failures_are_whole_pages() {
    let api = Api::default();
    samples::store(&api);
    let mut browser = Browser::logged_in(&api).await;
    for mood in [Mood::Forbidding, Mood::Busy, Mood::Away] {
        api.set_mood(mood);
        for address in routes::private() {
            let answer = browser.get(&address).await;
            if !answer.status.is_redirection() {
                assert_eq!(problems(&answer.html()), Vec::<String>::new(), "{address}: {mood:?}");
            }
        }
    }
    let answer = Browser::with_login(&api).get("/login").await;
    assert_eq!(problems(&answer.html()), Vec::<String>::new());
}

/// The other tests would pass if pages were empty.
#[tokio::test]
async fn hostile_texts_are_shown_as_they_are() {
    let api = Api::default();
    samples::store(&api);
    let mut browser = Browser::logged_in(&api).await;
    for address in
        ["/catalog/cluster/evil", "/ns/team/instances/evil", "/ns/team/bindings/evil", "/brokers/evil"]
    {
        let answer = browser.get(address).await;
        let text: String = answer.html().root_element().text().collect();
        assert!(text.contains(samples::HOSTILE), "{address}");
        assert!(!answer.body.to_lowercase().contains("java\nscript:"), "{address}");
    }
}

#[tokio::test]
async fn no_page_shows_a_secret_value_unless_it_is_asked_for() {
    let api = Api::default();
    samples::store(&api);
    let mut browser = Browser::logged_in(&api).await;
    for address in routes::private() {
        let body = browser.get(&address).await.body;
        assert!(
            !body.contains("inline-password")
                && !body.contains("&lt;script&gt;alert(1)&lt;/script&gt;</code>")
        );
    }
    let page = "/ns/team/bindings/evil";
    let answer = browser.post_from(page, "/ns/team/bindings/evil/reveal", &[("key", "password")]).await;
    let code = all(&answer.html(), "pre code")[0].text().collect::<String>();
    assert_eq!(code, "<script>alert(1)</script>");
    assert_eq!(problems(&answer.html()), Vec::<String>::new());
}

#[tokio::test]
async fn the_forms_for_instances_stay_what_they_are() {
    let api = Api::default();
    samples::store(&api);
    let mut browser = Browser::logged_in(&api).await;
    let new = "/ns/team/new?class=cluster/evil&plan=evil";
    let edit = "/ns/team/instances/evil/edit?x=1";
    let hostile = samples::HOSTILE;
    for language in ["en", "zh-Hans"] {
        for address in [new, edit] {
            let address = format!("{address}&lang={language}");
            let answer = browser.get(&address).await;
            assert_eq!(answer.status.as_u16(), 200, "{address}");
            assert_eq!(problems(&answer.html()), Vec::<String>::new(), "{address}");
            assert!(!answer.body.contains("inline-password"), "{address}");
            for step in ["review", "show-plan", "confirm", "change", ""] {
                let fields = [
                    ("step", step),
                    ("name", hostile),
                    ("plan", "evil"),
                    ("shown-plan", "evil"),
                    ("draft", ""),
                    ("all-in-secret", hostile),
                    ("generation", hostile),
                    ("parameters", hostile),
                ];
                let answer = browser.post_from(&address, &address, &fields).await;
                assert_eq!(problems(&answer.html()), Vec::<String>::new(), "{address}: {step}");
            }
        }
    }
}
