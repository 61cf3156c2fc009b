use serde_json::{Value, json};

use super::{Path, Rendered, Text, TooMuch};

fn data() -> Value {
    json!({
        "data": {"a": "1", "tls.crt": "dot", "b": {"a": true}},
        "list": [{"name": "x", "v": 1}, {"name": "y", "v": 2}, {"v": [1, 2]}, {"name": "q\"z"}],
        "pair": [{"name": "x", "v": 1}, {"name": "y", "v": 2}],
        "empty": [],
        "nothing": null,
    })
}

fn rendered(text: &str) -> Rendered {
    Text::parse(text).unwrap_or_else(|why| panic!("{text}: {why}")).render(&data(), 1000).unwrap()
}

/// The results are those of kubectl 1.37, `kubectl annotate --local -o jsonpath=…`.
#[test]
fn expressions_find_what_kubectl_finds() {
    for (text, expected) in [
        ("{.data.a}", "1"),
        ("{$.data.a}", "1"),
        ("{ .data.a }", "1"),
        ("{['data'].a}", "1"),
        ("{.data['a']}", "1"),
        ("{.data.tls\\.crt}", "dot"),
        ("{.data['tls\\.crt']}", "dot"),
        ("x://{.data.a}:{.list[0].v}/", "x://1:1/"),
        ("{.data.a}{\"-\\t\"}{'\"'}", "1-\t\""),
        ("{.data.a}}", "1}"),
        ("{.list[0].name}\\n", "x\\n"),
        ("{.list[*].v}", "1 2 [1,2]"),
        ("{.list[0,1].name}", "x y"),
        ("{.data['a','tls\\.crt']}", "1 dot"),
        ("{.list[-3].v}", "2"),
        ("{.list[0:2].name}", "x y"),
        ("{.list[2:].v}", "[1,2]"),
        ("{.list[::2].name}", "x"),
        ("{.list[-2:].name}", "q\"z"),
        ("{.list[?(.name==\"x\")].v}", "1"),
        ("{.list[?(@.name=='y')].v}", "2"),
        ("{.list[?(@.name == \"y\")].v}", "2"),
        ("{.list[?(@.name=='q\"z')].name}", "q\"z"),
        ("{.list[?(@.name==\"q\\\"z\")].name}", "q\"z"),
        ("{.list[?(@.name!=\"x\")].name}", "y q\"z"),
        ("{.list[?(@.name)].name}", "x y q\"z"),
        ("{.pair[?(@.v>1)].name}", "y"),
        ("{.pair[?(@.v<=1)].name}", "x"),
        ("{.pair[?(@.v==1)].name}", "x"),
        ("{.data.b}", "{\"a\":true}"),
        ("{.list..name}", "x y q\"z"),
        ("{..b.a}", "true"),
        ("{.data.*}", "1 {\"a\":true} dot"),
        ("{.nothing}", "null"),
        ("a{.missing.x}b{.data.a}", "ab1"),
        ("{.data.a .list[0].name}", ""),
        ("", ""),
        ("plain", "plain"),
    ] {
        assert_eq!(rendered(text).text, expected, "{text}");
    }
}

#[test]
fn a_dot_in_a_quoted_name_needs_no_escape() {
    assert_eq!(rendered("{.data['tls.crt']}").text, "dot");
    assert_eq!(rendered("{.data[\"tls.crt\"]}").text, "dot");
}

#[test]
fn a_step_into_the_wrong_type_finds_nothing() {
    for text in [
        "{.empty[0]}",
        "{.list[9].v}",
        "{.data[0]}",
        "{.data.a.b}",
        "{.data[?(.a)]}",
        "{.list[?(.v==\"1\")]}",
    ] {
        assert_eq!(rendered(text), Rendered { text: String::new(), found_nothing: true }, "{text}");
    }
}

#[test]
fn only_text_whose_expressions_all_find_nothing_has_found_nothing() {
    assert!(rendered("x://{.missing}").found_nothing);
    assert!(!rendered("x://{.missing}{.data.a}").found_nothing);
    assert!(!rendered("x").found_nothing);
}

#[test]
fn invalid_texts_are_refused() {
    for text in [
        "{",
        "{.a",
        "{.a['b}",
        "{.a[b]}",
        "{.a[]}",
        "{.a[0}",
        "{.a[1:2:0]}",
        "{.a[1:2:3:4]}",
        "{.a[1:2:-1]}",
        "{.}",
        "{a}",
        "{range .a[*]}{.b}{end}",
        "{.a[?(.b&&.c)]}",
        "{.a[?(.b==1 || .c==2)]}",
        "{.a[?(.b[?(.c)])]}",
        "{....a}",
        "{\"\\x\"}",
        "{-}",
        "{1.2.3}",
        "{.a[?(.b}",
        "{.a[?(.b=='x)]}",
        "{.a\\",
        "{.a[99999999999999999999]}",
    ] {
        assert!(Text::parse(text).is_err(), "{text}");
    }
    assert!(Text::parse(&"x".repeat(5000)).is_err());
}

#[test]
fn results_and_work_are_limited() {
    let text = Text::parse("{.data.a}{.data.a}").unwrap();
    assert_eq!(text.render(&data(), 1), Err(TooMuch));
    let mut deep = json!(1);
    for _ in 0..100 {
        deep = json!({"a": [deep.clone(), deep.take()]});
        if deep.to_string().len() > 100_000 {
            break;
        }
    }
    let text = Text::parse(&format!("{{{}}}", "..a".repeat(50))).unwrap();
    assert_eq!(text.render(&deep, 1000), Err(TooMuch));
}

#[test]
fn a_path_sets_the_member_that_it_names() {
    let template = json!({"spec": {"containers": [{"name": "a"}, {"name": "b", "image": " "}]}});
    for (path, index) in [
        ("spec.containers[0].image", 0),
        (".spec.containers[1].image", 1),
        ("spec.containers[-1].image", 1),
        ("spec.containers[?(@.name==\"b\")].image", 1),
    ] {
        let mut object = template.clone();
        assert!(Path::parse(path).unwrap().set(&mut object, "img"), "{path}");
        assert_eq!(object["spec"]["containers"][index]["image"], json!("img"), "{path}");
    }
    for path in ["spec.containers[2].image", "spec.containers.image", "spec.containers[0]", "spec..image", ""]
    {
        let mut object = template.clone();
        assert!(!Path::parse(path).unwrap().set(&mut object, "img"), "{path}");
        assert_eq!(object, template);
    }
}
