use proptest::prelude::*;

use super::*;

const SMALL: Properties = Properties {
    name: "small-id",
    external_name: "Small",
    external_id: "small_ID",
    free: true,
    class: "mysql-id",
};

fn elements(elements: &[&str]) -> Vec<String> {
    elements.iter().map(|&element| element.to_owned()).collect()
}

fn admits(restriction: &[&str]) -> bool {
    Restriction::of_plans(&elements(restriction)).unwrap().admits(&SMALL)
}

#[test]
fn all_requirements_must_hold() {
    let cases: &[(&[&str], bool)] = &[
        (&[], true),
        (&["name=small-id"], true),
        (&["name==small-id"], true),
        (&["name = other"], false),
        (&["name!=abc"], true),
        (&["name != small-id"], false),
        (&["spec.externalName in (Small, Large)"], true),
        (&["spec.externalName in (small)"], false),
        (&["spec.externalName   notin   (Baz,   Barf)"], true),
        (&["spec.externalName notin(Small)"], false),
        (&["spec.externalID in (small_ID,x)"], true),
        (&["spec.free=true"], true),
        (&["spec.free=false"], false),
        (&["spec.clusterServiceClass.name=mysql-id"], true),
        (&["spec.serviceClass.name!=mysql-id"], false),
        (&["name=small-id", "spec.free=false"], false),
        (&["name=small-id", "spec.free=true"], true),
        (&["name in (small-id, x),spec.free=true, spec.externalName!=x"], true),
        (&["name in (a)", "name in (b)"], false),
        (&["spec.externalName="], false),
        (&["spec.externalName in ()"], false),
    ];
    for (restriction, expected) in cases {
        assert_eq!(admits(restriction), *expected, "{restriction:?}");
    }
}

#[test]
fn values_may_hold_what_labels_may_not() {
    let properties = Properties { external_name: "Größe L (v2)/a=b", ..Properties::default() };
    for requirement in ["spec.externalName=Größe L (v2)/a=b", "spec.externalName notin (Größe L)"] {
        let restriction = Restriction::of_classes(&elements(&[requirement])).unwrap();
        assert!(restriction.admits(&properties), "{requirement}");
    }
}

#[test]
fn an_invalid_restriction_is_refused_and_explained() {
    let property = "Invalid property: ";
    let cases = [
        ("this throws an error", property),
        ("spec.free=true", property),
        ("spec.clusterServiceClass.name=x", property),
        ("spec.externalname=x", property),
        ("name", "expected =, ==, !=, in or notin"),
        ("name, spec.externalID=x", "expected =, ==, !=, in or notin"),
        ("name > 5", "expected =, ==, !=, in or notin"),
        ("name inside (x)", "values in parentheses"),
        ("!name", "expected the name of a property"),
        ("", "expected the name of a property"),
        ("name=x,", "expected the name of a property"),
        ("name in x", "values in parentheses"),
        ("name in (x", "closing parenthesis"),
        ("name in (x) name in (y)", "expected a comma"),
    ];
    for (text, expected) in cases {
        let error = Restriction::of_classes(&elements(&[text])).unwrap_err().to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "(name|spec\\.free)?[ =!,()a-n]{0,20}") {
        let _ = Restriction::of_plans(&[text]);
    }

    #[test]
    fn a_set_and_its_complement_never_agree(
        values in prop::collection::vec("[a-c]{1,2}", 1..4),
        name in "[a-c]{1,2}",
    ) {
        let set = values.join(", ");
        let properties = Properties { name: &name, ..Properties::default() };
        let [inside, outside] = ["in", "notin"].map(|operator| {
            let text = format!("name {operator} ({set})");
            Restriction::of_classes(&[text]).unwrap().admits(&properties)
        });
        prop_assert_eq!(inside, values.contains(&name));
        prop_assert_ne!(inside, outside);
    }
}
