//! Problems are shown at their fields, and in the summary.

use crate::console::language::Language;
use serde_json::json;

use super::{Page, form};
use crate::console::form::{Existing, Problem};

fn problem(pointer: &str) -> Problem {
    Problem { pointer: pointer.to_owned(), message: format!("<b> {pointer} is wrong") }
}

#[test]
fn a_problem_is_shown_at_its_field_or_at_the_nearest_around_it() {
    let form = form(&json!({"properties": {
        "a/b": {"properties": {"c": {"type": "string"}, "d": {"type": "boolean"}}}, "free": {}
    }}));
    for (pointer, id) in [
        ("/a~1b/c", "parameters.a_2f_b.c"),
        ("/a~1b/d", "parameters.a_2f_b.d"),
        ("/a~1b/missing/0", "parameters.a_2f_b"),
        ("/free/1/x", "parameters.free"),
    ] {
        let page = Page::of(&form.fill(&Existing::default()).with_problems(vec![problem(pointer)]));
        assert_eq!(page.count(&format!(".problems a[href='#{id}']")), 1, "{pointer}");
        assert_eq!(page.count(&format!("[id='{id}-error']")), 1, "{pointer}");
        assert_eq!(page.count(&format!("[id='{id}'][aria-describedby~='{id}-error']")), 1, "{pointer}");
        assert!(page.html.contains("&lt;b&gt;"));
    }
}

#[test]
fn a_problem_without_a_field_is_in_the_summary_only() {
    let form = form(&json!({"properties": {"a": {"type": "string"}}}));
    let problems = vec![problem(""), problem("/unknown"), problem("no pointer")];
    let page = Page::of(&form.fill(&Existing::default()).with_problems(problems));
    assert_eq!(page.count(".problems[role=alert][tabindex='-1'] li"), 3);
    assert_eq!(page.count(".problems a") + page.count(".error"), 0);
}

#[test]
fn without_problems_there_is_no_summary() {
    let form = form(&json!({"properties": {"a": {"type": "string"}}}));
    assert_eq!(form.fill(&Existing::default()).summary(Language::English).into_string(), "");
}

#[test]
fn required_is_said_in_words_in_both_languages() {
    let form = form(&json!({"properties": {"a": {"type": "string"}}, "required": ["a"]}));
    let filled = form.fill(&Existing::default());
    assert!(filled.render(Language::English).into_string().contains("(required)"));
    assert!(filled.render(Language::Chinese).into_string().contains("(必填)"));
}

#[test]
fn enter_presses_no_button_of_the_form() {
    let form = form(&json!({"properties": {"a": {"type": "array", "items": {"type": "string"}}}}));
    let html = form.fill(&Existing::default()).render(Language::English).into_string();
    assert!(html.starts_with("<button class=\"visually-hidden\" type=\"submit\""));
}
