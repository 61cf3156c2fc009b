use serde_json::json;

use super::*;
use crate::domain::credentials::tests::{META, all_entries, entries};

fn described(credentials: &Value, meta: &Meta) -> (Value, Value) {
    let entries = all_entries(credentials, &json!([]), meta);
    (entries["type"].clone(), entries["provider"].clone())
}

#[test]
fn the_type_is_found_from_uris_tags_and_names() {
    let cases: &[(Value, &str, &[&str], &str)] = &[
        (json!({}), "Acme DB", &[], "acme-db"),
        (json!({}), "!!", &[], "service"),
        (json!({}), "PostgreSQL", &[], "postgresql"),
        (json!({}), "postgres", &["fast", "MariaDB", "redis"], "mysql"),
        (json!({"uri": "rediss://h"}), "postgres", &["mysql"], "redis"),
        (json!({"url": "x://h", "jdbcUrl": "jdbc:postgresql://h/d"}), "x", &["mysql"], "postgresql"),
        (json!({"uri": "x://h"}), "x", &["mysql"], "mysql"),
        (json!({"type": "kafka", "uri": "redis://h"}), "x", &["mysql"], "kafka"),
        (json!({"type": "", "uri": "redis://h"}), "x", &[], "redis"),
        (json!({"type": null}), "x", &[], "x"),
    ];
    for (credentials, service, tags, expected) in cases {
        let tags: Vec<_> = tags.iter().map(|&tag| tag.to_owned()).collect();
        let meta = Meta { service, tags: &tags, ..META };
        let (kind, provider) = described(credentials, &meta);
        assert_eq!((kind, provider), (json!(expected), json!("acme")), "{credentials} {service}");
    }
}

#[test]
fn the_catalog_and_the_binding_can_tell_type_and_provider() {
    let plan = json!({"servicebinding.io/type": "plan's", "servicebinding.io/provider": ""});
    let class = json!({"servicebinding.io/type": "class's", "servicebinding.io/provider": "class's"});
    let display = json!({"providerDisplayName": "Acme, Inc."});
    let both = Meta { plan_metadata: Some(&plan), class_metadata: Some(&class), ..META };
    let display = Meta { class_metadata: Some(&display), ..META };
    let wanted = Meta { type_: "user's", provider: "user's", ..both };
    let nothing = json!({"uri": "redis://h"});
    let broker = json!({"type": "broker's", "provider": "broker's"});
    let cases = [
        (&nothing, display, "redis", "acme-inc"),
        (&nothing, both, "plan's", "class's"),
        (&broker, both, "broker's", "broker's"),
        (&broker, wanted, "user's", "user's"),
    ];
    for (credentials, meta, kind, provider) in cases {
        assert_eq!(described(credentials, &meta), (json!(kind), json!(provider)), "{credentials} {meta:?}");
    }
}

#[test]
fn names_are_added_where_they_are_free() {
    let pem = "-----BEGIN CERTIFICATE-----\nMII";
    let cases = [
        (
            json!({"hostname": "h", "server": "s", "user": "u", "passwd": "p", "dbname": "d"}),
            json!({"host": "h", "username": "u", "password": "p", "database": "d"}),
        ),
        (
            json!({"hostname": "not a host", "server": "s", "user": "", "url": "nonsense"}),
            json!({"host": "s"}),
        ),
        (json!({"ca": "no", "tls_ca": pem, "client_key": "no"}), json!({"certificates": pem})),
        (json!({"jdbcUrl": "jdbc:x:y", "url": "/path"}), json!({"jdbc-url": "jdbc:x:y"})),
        (json!({"host": "h", "hostname": "x", "username": "", "user": "u"}), json!({})),
    ];
    for (credentials, added) in cases {
        assert_added(&credentials, &added);
    }
}

#[test]
fn uris_are_taken_apart() {
    let all = json!({"host": "db.example", "port": "5433", "username": "u@x", "password": "p/w%zz%+1", "database": "shop"});
    let cases = [
        (json!({"uri": "postgres://u%40x:p%2Fw%zz%+1@db.example:5433/shop?sslmode=require"}), all),
        (
            json!({"url": "mysql://u@[2001:db8::1]/d", "username": "broker"}),
            json!({"uri": "mysql://u@[2001:db8::1]/d", "host": "2001:db8::1", "database": "d"}),
        ),
        (json!({"uri": "amqp://h/vhost"}), json!({"host": "h"})),
        (json!({"uri": "mongodb://a:1,b:2/d"}), json!({})),
        (json!({"uri": "postgres://h/a/b", "url": "x://y"}), json!({"host": "h"})),
        (json!({"uri": "postgres://h:1/a", "port": 2, "host": null}), json!({"host": "h", "database": "a"})),
    ];
    for (credentials, added) in cases {
        assert_added(&credentials, &added);
    }
}

fn assert_added(credentials: &Value, added: &Value) {
    let mut actual = entries(credentials, &json!([]));
    let names = actual.as_object_mut().unwrap();
    names.retain(|name, _| credentials.get(name).is_none_or(Value::is_null));
    assert_eq!(&actual, added, "{credentials}");
}

#[test]
fn what_the_user_took_away_does_not_come_back() {
    let transforms = json!([
        {"removeKey": {"key": "password"}}, {"renameKey": {"from": "user", "to": "login"}},
        {"removeKey": {"key": "username"}}, {"removeKey": {"key": "port"}}, {"removeKey": {"key": "type"}},
    ]);
    let credentials = json!({"uri": "redis://u:p@h:1", "password": "p", "user": "u", "type": "x"});
    let expected = json!({"uri": "redis://u:p@h:1", "host": "h", "login": "u"});
    assert_eq!(entries(&credentials, &transforms), expected);
    assert_eq!(all_entries(&credentials, &transforms, &META)["type"], "redis");
}
