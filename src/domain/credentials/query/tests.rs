use jsonpath_rust::JsonPath as _;
use proptest::prelude::*;
use serde_json::json;

use super::super::budget::MAX_WORK;
use super::*;

/// What a query finds and what it costs.
fn evaluated(query: &str, data: &Value) -> (Result<Vec<Value>, QueryError>, usize) {
    let mut budget = Budget::new();
    let found = find(query, data, &mut budget).map(|found| found.into_iter().cloned().collect());
    (found, budget.spent())
}

/// Each of these is as short as a URL. Before the work was counted, the first kept a thread busy for ever. Seen to fail
/// without the charges in `children` and `weight`: nothing stops the evaluation.
#[test]
fn no_query_costs_more_than_the_budget() {
    let wide: Value = (0..20_000).map(|index| (format!("k{index}"), json!("x"))).collect();
    let nested = (0..100).fold(json!([1, 2]), |inner, _| json!([inner, 1]));
    let list =
        Value::Array((0..2_000).map(|_| json!({"a": "y".repeat(500), "b": "y".repeat(500)})).collect());
    let digits = serde_json::from_str(&format!("[{}]", vec!["1".repeat(5_000); 200].join(","))).unwrap();
    let attacks = [
        (r#"$[?@[?@[?@=="zz"]]]"#, &wide),
        ("$..*..*..*..*..*", &nested),
        ("$..[*][*,*,*,*][*,*,*,*]..[*,*,*,*,*]..*", &nested),
        ("$[*,*,*,*,*,*,*,*][?@ == @]", &list),
        ("$..[?@..[?@..[?@..* == 1]]]", &nested),
        ("$[?@ < @ || @ < @ || @ < @ || @ == @ || @ == @]", &digits),
    ];
    for (query, data) in attacks {
        let (_, work) = evaluated(query, data);
        assert!(work <= MAX_WORK, "{query}: {work}");
    }
    // What refers to the root or calls a function is not evaluated at all.
    for query in [r#"$[?$[?$[?@=="zz"]]]"#, "$[?$.k1 == @]", "$[?count($..*) > 1]", "$[?search(@, 'x+x+y')]"]
    {
        let (found, work) = evaluated(query, &wide);
        assert_eq!(found, Err(QueryError::Unsupported), "{query}");
        assert!(work < 25_000, "{query}: {work}");
    }
    let (found, work) = evaluated("$..*..*..*..*..*", &json!([wide, nested]));
    assert_eq!(found, Err(QueryError::TooMuchWork));
    assert!(work <= MAX_WORK);
}

/// A template over ordinary credentials is far from the budget: 256 transforms fit.
#[test]
fn ordinary_queries_are_cheap() {
    let data = json!({"uri": "u", "nodes": [{"host": "a", "port": 1}, {"host": "b", "port": 2}]});
    for query in ["$.uri", "$.nodes[0].host", "$..host", "$.nodes[?@.port == 2].host"] {
        let (found, work) = evaluated(query, &data);
        assert!(found.is_ok_and(|found| !found.is_empty()), "{query}");
        assert!(work < MAX_WORK / 256 / 4, "{query}: {work}");
    }
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        (-2..3_i64).prop_map(Value::from),
        Just(json!(1.5)),
        "[ab]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let members = prop::collection::btree_map("[abc]", inner.clone(), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            members.prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn queries() -> impl Strategy<Value = String> {
    let singular = prop::collection::vec(prop::sample::select(&[".a", ".b", "[0]", "[-1]"][..]), 0..3)
        .prop_map(|segments| format!("@{}", segments.concat()));
    let operand = prop_oneof![
        3 => singular,
        1 => prop::sample::select(&["1", "-1", "1.5", "'a'", "true", "null"][..]).prop_map(str::to_owned),
    ];
    let operator = prop::sample::select(&["==", "!=", "<", "<=", ">", ">="][..]);
    let comparison = (operand.clone(), operator, operand)
        .prop_map(|(left, operator, right)| format!("{left} {operator} {right}"));
    let exists = prop::sample::select(&["@.a", "!@.b", "@[*]", "@..c", "!@[0]"][..]).prop_map(str::to_owned);
    let atom = prop_oneof![comparison, exists];
    let filter =
        (atom.clone(), prop::sample::select(&["&&", "||"][..]), atom).prop_flat_map(|(left, and, right)| {
            prop::sample::select(vec![
                left.clone(),
                format!("{left} {and} {right}"),
                format!("!({left} {and} {right})"),
            ])
        });
    let plain = prop::sample::select(
        &[
            ".a",
            ".b",
            "[0]",
            "[-1]",
            "[*]",
            ".*",
            "[1:]",
            "[:-1]",
            "[::2]",
            "[::-1]",
            "[2:0:-1]",
            "[::0]",
            "..a",
            "..[0]",
            "..*",
            "['a','b']",
        ][..],
    );
    let segment = prop_oneof![3 => plain.prop_map(str::to_owned), 1 => filter.prop_map(|filter| format!("[?{filter}]"))];
    prop::collection::vec(segment, 0..4).prop_map(|segments| format!("${}", segments.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// `jsonpath-rust` is the reference.
    #[test]
    fn the_values_are_those_of_the_reference(query in queries(), data in values()) {
        let expected: Vec<Value> = data.query(&query).unwrap().into_iter().cloned().collect();
        let (found, work) = evaluated(&query, &data);
        prop_assert_eq!(found.as_ref(), Ok(&expected), "{}", query);
        prop_assert!(work >= expected.len().saturating_sub(1));
    }
}
