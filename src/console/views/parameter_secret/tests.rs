use super::*;

fn map(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).unwrap()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn source(name: &str, key: &str) -> ParametersFromSource {
    let reference = SecretKeyReference { name: name.to_owned(), key: key.to_owned() };
    ParametersFromSource { secret_key_ref: Some(reference) }
}

#[test]
fn each_parameter_has_a_key_of_its_own() {
    let text = r#"{"password": "p", "API key/ü": {"a": [1.50]}}"#;
    let set: Map<String, Value> = serde_json::from_str(text).unwrap();
    let change = Sources::of("db", &[]).changed(&set, &names(&[]), &names(&[]), "x7k2").unwrap();
    assert_eq!(change.added["password.x7k2"].0, br#"{"password":"p"}"#);
    let (other, value) = change.added.iter().find(|(key, _)| key.starts_with("sha256-")).unwrap();
    assert!(other.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte)), "{other}");
    assert_eq!(value.0, r#"{"API key/ü":{"a":[1.50]}}"#.as_bytes());
    let sources = Sources::of("db", &change.sources);
    assert!(sources.holds("password") && sources.holds("API key/ü") && !sources.holds("size"));
    assert_eq!(sources.names(), names(&["password"]));
}

#[test]
fn a_replaced_value_gets_a_new_key_and_the_others_stay() {
    let all = [
        source("mine", "all"),
        source("db-parameters", "password.old1"),
        source("db-parameters", "token.old1"),
    ];
    let sources = Sources::of("db", &all);
    assert!(sources.has_own());
    let set = map(json!({"password": "new"}));
    let known = names(&["password", "token"]);
    let change = sources.changed(&set, &names(&["token"]), &known, "new1").unwrap();
    let expected = [&all[0], &all[2], &source("db-parameters", "password.new1")].map(Clone::clone);
    assert_eq!(change.sources, expected);
    assert_eq!(change.removed, ["password.old1"]);
}

#[test]
fn a_removed_parameter_leaves_the_secret_and_an_unknown_one_stays() {
    let all = [source("db-parameters", "token.old1"), source("db-parameters", "sha256-00.old1")];
    let change =
        Sources::of("db", &all).changed(&Map::new(), &names(&[]), &names(&["token"]), "new1").unwrap();
    assert_eq!((change.sources, change.removed), (vec![all[1].clone()], vec!["token.old1".to_owned()]));
}

#[test]
fn more_parameters_than_an_instance_may_refer_to_are_refused() {
    let set: Map<String, Value> = (0..65).map(|index| (index.to_string(), Value::Null)).collect();
    assert_eq!(Sources::of("db", &[]).changed(&set, &names(&[]), &names(&[]), "x"), None);
}

#[test]
fn a_shown_secret_has_no_values() {
    let set = map(json!({"password": "hunter2"}));
    let change = Sources::of("db", &[]).changed(&set, &names(&[]), &names(&[]), "x").unwrap();
    assert!(!redacted("team", "db-parameters", &change.added).to_string().contains("hunter2"));
}
