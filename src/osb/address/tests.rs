use super::*;

fn resolver(url: &str, allowed: &str, chosen_by: ChosenBy) -> Result<Resolver, Refused> {
    let allowed = Arc::new(allowed.parse().unwrap());
    Resolver::new(&Url::parse(url).unwrap(), &allowed, chosen_by, &NameLookups::default())
}

const ANYWHERE: &str = "0.0.0.0/0,::/0";

#[test]
fn the_default_is_anywhere_but_special_addresses() {
    assert_eq!(AllowedAddresses::default(), ANYWHERE.parse().unwrap());
    assert_eq!(SPECIAL_NETWORKS.len(), SPECIAL.len());
}

/// The forms are those in which browsers and libc accept addresses, too.
#[test]
fn special_addresses_in_a_url_are_refused_in_any_form() {
    for host in [
        "127.0.0.1",
        "127.8.8.8",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "0.0.0.0",
        "0",
        "[::]",
        "169.254.169.254",
        "2852039166",
        "[::ffff:169.254.169.254]",
        "[fe80::1]",
        "224.0.0.1",
        "[ff02::1]",
        "255.255.255.255",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "[fd20:ce::254]",
        "[fd00:c1::a9fe:a9fe]",
        "[fd00:42::42]",
        "[fec0::1]",
        "[::ffff:0:127.0.0.1]",
        "[64:ff9b:1::a00:1]",
        "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
        "[2001:db8::5efe:127.0.0.1]",
        "[2001:db8::200:5efe:a9fe:a9fe]",
        "[fe80::5efe:10.0.0.1]",
    ] {
        let url = format!("http://{host}:8080/prefix");
        assert!(resolver(&url, ANYWHERE, ChosenBy::Tenant).is_err(), "{host}");
        assert!(resolver(&url, ANYWHERE, ChosenBy::Administrator).is_ok(), "{host}");
    }
    for host in [
        "10.0.0.1",
        "192.168.0.1",
        "203.0.113.7",
        "[2001:db8::1]",
        "[fd00::1]",
        "[fd20:ce::253]",
        "[2001:1::1]",
        "[2001:db8::5efe:10.0.0.1]",
        "[64:ff9b::10.0.0.1]",
        "broker",
        "127.0.0.1.example",
    ] {
        assert!(resolver(&format!("http://{host}"), ANYWHERE, ChosenBy::Tenant).is_ok(), "{host}");
    }
}

#[test]
fn a_special_address_is_allowed_by_an_entry_inside_of_its_network() {
    for (allowed, address, is_allowed) in [
        ("127.0.0.0/8", "127.0.0.1", true),
        ("127.0.0.1", "127.0.0.1", true),
        ("127.0.0.2", "127.0.0.1", false),
        ("0.0.0.0/0,169.254.169.0/24", "169.254.169.254", true),
        ("0.0.0.0/0,169.254.169.0/24", "169.254.1.1", false),
        ("126.0.0.0/7", "127.0.0.1", false),
        ("::1", "[::1]", true),
        ("10.0.0.0/8", "10.1.2.3", true),
        ("10.0.0.0/8", "11.1.2.3", false),
        ("10.0.0.0/8", "[::ffff:10.1.2.3]", true),
        ("10.0.0.0/8", "[2001:db8::5efe:10.1.2.3]", true),
        ("2001:db8::/32", "[2001:db8::5efe:10.1.2.3]", false),
        ("64:ff9b:1::/48", "[64:ff9b:1::10.1.2.3]", true),
        ("", "11.1.2.3", false),
    ] {
        let resolver = resolver(&format!("http://{address}"), allowed, ChosenBy::Tenant);
        assert_eq!(resolver.is_ok(), is_allowed, "{allowed} {address}");
    }
}

#[test]
fn names_are_judged_by_the_addresses_that_they_have() {
    use ChosenBy::{Administrator, Tenant};
    for (name, allowed, chosen_by, addresses, usable) in [
        ("broker", ANYWHERE, Tenant, vec!["10.0.0.1", "127.0.0.1", "::1"], vec!["10.0.0.1"]),
        ("broker", ANYWHERE, Tenant, vec!["169.254.169.254"], vec![]),
        ("broker", ANYWHERE, Administrator, vec!["169.254.169.254"], vec![]),
        ("localhost", ANYWHERE, Tenant, vec!["127.0.0.1"], vec![]),
        ("localhost", ANYWHERE, Administrator, vec!["127.0.0.1"], vec!["127.0.0.1"]),
        ("broker", "192.0.2.0/24", Tenant, vec!["10.0.0.1"], vec![]),
        ("broker", "192.0.2.0/24", Administrator, vec!["10.0.0.1"], vec!["10.0.0.1"]),
        ("broker", "broker", Tenant, vec!["10.0.0.1", "127.0.0.1"], vec!["10.0.0.1"]),
        ("a.b.example", "*.B.example", Tenant, vec!["10.0.0.1"], vec!["10.0.0.1"]),
        ("b.example", "*.b.example", Tenant, vec!["10.0.0.1"], vec![]),
        ("ab.example", "*.b.example", Tenant, vec!["10.0.0.1"], vec![]),
    ] {
        let sockets = |list: &[&str]| -> Vec<SocketAddr> {
            list.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 0)).collect()
        };
        let resolver = resolver(&format!("http://{name}"), allowed, chosen_by).unwrap();
        let found = resolver.usable(name, sockets(&addresses)).unwrap_or_default();
        assert_eq!(found, sockets(&usable), "{name} {allowed} {chosen_by:?}");
        // A proxy may be anywhere.
        assert_eq!(resolver.usable("proxy", sockets(&addresses)), Ok(sockets(&addresses)));
    }
}

#[test]
fn what_is_no_address_is_explained() {
    for text in ["10.0.0.0/33", "a b", "a.*.example", "*", "http://broker", "10.0.0"] {
        let error = text.parse::<AllowedAddresses>().unwrap_err();
        assert!(error.contains(text) && error.contains("neither a network"), "{error}");
    }
    assert_eq!(" 10.0.0.1 , ,".parse::<AllowedAddresses>().unwrap().networks.len(), 1);
}
