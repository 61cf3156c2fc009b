//! What holds for every template and every value.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{ORIGIN, annotated, parse, random, resolve, template, values};
use crate::crd::template::Template;
use crate::template::expression::Expression;
use crate::template::substitute::{Piece, Substitution, pieces};
use crate::template::{Definition, Images, Inputs, Platform, Values, credentials, pod_problem, readiness};

fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        any::<String>(),
        "[${}A-C.\\[\\]?(')\"=@*:0-9]{0,12}",
        Just("[{\"from\":{\"name\":\"tool:1\"},\"fieldPath\":\"a[0].b\"}]".to_owned()),
        Just("true".to_owned()),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    let key = prop_oneof![
        Just("metadata"),
        Just("annotations"),
        Just("name"),
        Just("kind"),
        Just("apiVersion"),
        Just("labels"),
        Just("status"),
        Just("conditions"),
        Just("spec"),
        Just("data"),
        Just("namespace"),
        Just("${A}"),
        Just("template.openshift.io/expose-k"),
        Just("image.openshift.io/triggers"),
        Just("servicecatalog.k8s.io/plans"),
        Just("servicecatalog.k8s.io/schema.A"),
        Just("containerStatuses"),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((key.clone(), inner), 0..6).prop_map(|members| Value::Object(
                members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
            )),
        ]
    })
}

fn class() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("a-f"), Just("A-Z0-9"), Just("\\d"), Just("\\w")]
}

fn kind() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({"apiVersion": "v1", "kind": "Secret"})),
        Just(json!({"apiVersion": "apps/v1", "kind": "Deployment"})),
        Just(json!({"apiVersion": "apps/v1", "kind": "StatefulSet"})),
        Just(json!({"apiVersion": "batch/v1", "kind": "Job"})),
        Just(json!({"apiVersion": "v1", "kind": "Pod"})),
    ]
}

proptest! {
    #[test]
    fn no_template_and_no_object_makes_the_core_panic(
        objects in proptest::collection::vec(any_json(), 0..5),
        annotations in proptest::collection::btree_map(
            prop_oneof![
                Just("servicecatalog.k8s.io/plans"), Just("servicecatalog.k8s.io/schema.A"),
                Just("servicecatalog.k8s.io/immutable"), Just("tags"), Just("servicecatalog.k8s.io/version"),
            ],
            any::<String>(), 0..4,
        ),
        parameter in (any::<String>(), "[\\[\\]{}a-z\\\\-]{0,9}", "[${}A]{0,5}"),
        given in any_json(),
    ) {
        let (name, from, value) = parameter;
        let template: Template = serde_json::from_value(json!({
            "metadata": {"annotations": annotations}, "objects": objects,
            "parameters": [
                {"name": "A", "value": value},
                {"name": name, "generate": "expression", "from": from},
            ],
        })).unwrap();
        let platform = Platform { images: &Images::default(), is_served: &|_, _| true };
        if let Ok(definition) = Definition::parse(&template, &platform) {
            let (plan, given) = (&definition.plans[0], json!({"A": given}));
            let (given, stored) = (given.as_object().unwrap(), &Values::new());
            let inputs = Inputs { plan, given, stored, origin: ORIGIN };
            if let Ok(values) = definition.resolve(&inputs, &mut random()) {
                let _ = definition.objects(plan, &values, "i-1", platform.images);
                let _ = definition.binding_objects(plan, &values, "i-1", "b-1", &Images::default());
                let _ = (definition.message(&values), definition.creation_schema(plan));
            }
        }
        let _ = credentials(&objects);
    }

    #[test]
    fn no_live_object_makes_the_core_panic(
        status in any_json(), spec in any_json(), kind in kind(), metadata in any_json(),
    ) {
        let mut object = kind;
        object["status"] = status;
        object["spec"] = spec;
        object["metadata"] = metadata;
        let _ = (readiness(&object), pod_problem(&object), credentials(&[object]));
    }

    #[test]
    fn substitution_is_one_pass_and_leaves_unknown_names(
        parts in proptest::collection::vec(("[a-z${} ]{0,4}", "[ABC]"), 0..6),
        a in "[${}ABx]{0,8}", b in "[${}ABx]{0,8}",
    ) {
        let text: String = parts.iter().flat_map(|(text, name)| [text, "${", name, "}"]).collect();
        let values = values([("A", &a), ("B", &b)]);
        let substituted = Substitution::new(&values, 10_000).text(&text).unwrap();
        let expected: String = pieces(&text).map(|piece| match piece {
            Piece::Text(text) => text.to_owned(),
            Piece::Reference { name: "A", .. } => a.clone(),
            Piece::Reference { name: "B", .. } => b.clone(),
            Piece::Reference { written, .. } => written.to_owned(),
        }).collect();
        prop_assert_eq!(&substituted, &expected);
        let pieces_again: String = pieces(&text).map(|piece| match piece {
            Piece::Text(text) | Piece::Reference { written: text, .. } => text,
        }).collect();
        prop_assert_eq!(pieces_again, text.clone());
        prop_assert_eq!(Substitution::new(&Values::new(), 10_000).text(&text), Ok(text));
    }

    #[test]
    fn generated_text_matches_its_expression(
        classes in proptest::collection::vec((class(), 1..40_usize), 1..4),
    ) {
        let parts: Vec<_> = classes.iter().map(|(class, length)| format!("x[{class}]{{{length}}}")).collect();
        let text = parts.concat();
        let value = Expression::parse(&text).unwrap().generate(&mut random());
        let mut rest = &value[..];
        for (class, length) in classes {
            rest = rest.strip_prefix('x').unwrap();
            let (drawn, after) = rest.split_at(length);
            let fits = |it: char| match class {
                "a-f" => ('a'..='f').contains(&it),
                "A-Z0-9" => it.is_ascii_uppercase() || it.is_ascii_digit(),
                "\\d" => it.is_ascii_digit(),
                _ => it.is_ascii_alphanumeric() || it == '_',
            };
            prop_assert!(drawn.chars().all(fits), "{}", value);
            rest = after;
        }
        prop_assert_eq!(rest, "");
    }

    #[test]
    fn a_repeated_resolve_changes_nothing(
        given in proptest::collection::btree_map(
            prop_oneof![Just("A"), Just("B"), Just("G"), Just("INSTANCE_NAME")],
            prop_oneof![Just(json!(null)), Just(json!("")), Just(json!(5)), Just(json!("${A}"))], 0..4,
        ),
        repeats in any::<bool>(),
    ) {
        let parameters = json!([
            {"name": "A", "value": "${INSTANCE_ID}"}, {"name": "B"}, {"name": "INSTANCE_NAME"},
            {"name": "G", "generate": "expression", "from": "[a-z]{8}", "required": true},
        ]);
        let template = template(parameters, json!({}));
        let definition = parse(annotated(template, "servicecatalog.k8s.io/immutable", "A,G")).unwrap();
        let first = resolve(&definition, json!(given), &Values::new()).unwrap();
        let again = if repeats { json!(given) } else { json!({}) };
        prop_assert_eq!(resolve(&definition, again, &first), Ok(first));
    }
}
