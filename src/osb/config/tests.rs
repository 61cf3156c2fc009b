use super::*;

fn config(url: &str) -> Config {
    Config {
        url: url.to_owned(),
        chosen_by: ChosenBy::Administrator,
        allowed_addresses: Arc::default(),
        authentication: Authentication::None,
        ca_bundle: None,
        insecure_skip_tls_verify: false,
        max_catalog_plans: 100,
        memory: AnswerMemory::default(),
        lookups: NameLookups::default(),
        timeout: DEFAULT_TIMEOUT,
        observer: None,
    }
}

fn complaint(config: &Config) -> String {
    crate::osb::Client::new(config).err().unwrap().to_string()
}

#[test]
fn unusable_urls_are_explained_without_repeating_them() {
    let scheme = "it must begin with http:// or https://";
    let cases = [
        ("", "relative URL without a base"),
        ("broker", "relative URL without a base"),
        ("broker.example:8080", scheme),
        ("ftp://jane:secret@broker", scheme),
        ("unix:/var/run/broker", scheme),
        ("http://", "empty host"),
        ("http://broker:port", "invalid port number"),
        ("http://broker?secret=1", "it must have neither a query nor a fragment"),
        ("http://broker#fragment", "it must have neither a query nor a fragment"),
    ];
    for (url, reason) in cases {
        assert_eq!(complaint(&config(url)), format!("the broker's URL is invalid: {reason}"), "{url}");
    }
}

#[test]
fn usable_urls_are_accepted() {
    for url in
        ["http://broker", "https://broker:8443/prefix/", " http://broker\n", "http://jane:secret@[::1]:80"]
    {
        assert!(crate::osb::Client::new(&config(url)).is_ok(), "{url}");
    }
}

#[test]
fn unusable_credentials_are_explained_without_repeating_them() {
    let basic = |username: &str| Authentication::Basic {
        username: username.to_owned(),
        password: SecretString::from("any\nthing:ü"),
    };
    let bearer = |token: &str| Authentication::Bearer { token: SecretString::from(token) };
    let cases = [
        (basic("jane"), None),
        (basic("ja:ne"), Some("the user name must not contain a colon")),
        (bearer("abc.def-~+/="), None),
        (bearer(&"a".repeat(8 * 1024 - 7)), None),
        (bearer(&"a".repeat(8 * 1024 - 6)), Some("the header with them would be longer than 8 KiB")),
        (
            bearer("abc\n"),
            Some("the token contains a character that a header cannot carry, such as a line break"),
        ),
    ];
    for (authentication, reason) in cases {
        let config = Config { authentication, ..config("http://broker") };
        let expected = reason.map(|reason| format!("the credentials for the broker are invalid: {reason}"));
        assert_eq!(crate::osb::Client::new(&config).err().map(|error| error.to_string()), expected);
    }
}

#[test]
fn unusable_ca_bundles_are_explained() {
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n";
    for bundle in ["", "no PEM", "-----BEGIN KEY-----\nAAAA\n-----END KEY-----\n", garbage, broken] {
        for url in ["http://broker", "https://broker"] {
            let config = Config { ca_bundle: Some(bundle.into()), ..config(url) };
            let complaint = complaint(&config);
            assert!(complaint.starts_with("the broker's CA bundle is invalid: "), "{complaint}");
        }
    }
}

#[test]
fn the_ca_bundle_of_a_tenant_has_a_limit() {
    let bundle = |bytes| Some(vec![b'\n'; bytes]);
    for (chosen_by, bytes, is_too_large) in [
        (ChosenBy::Tenant, MAX_CA_BUNDLE_BYTES, false),
        (ChosenBy::Tenant, MAX_CA_BUNDLE_BYTES + 1, true),
        (ChosenBy::Administrator, MAX_CA_BUNDLE_BYTES + 1, false),
    ] {
        let complaint =
            complaint(&Config { chosen_by, ca_bundle: bundle(bytes), ..config("https://broker") });
        assert_eq!(complaint.ends_with("it is larger than 64 KiB"), is_too_large, "{complaint}");
    }
}

#[test]
fn secrets_are_not_shown() {
    let bearer = Authentication::Bearer { token: SecretString::from("s3cret") };
    let value =
        Config { authentication: bearer.clone(), ..config("http://b") }.authorization().unwrap().unwrap();
    assert!(!format!("{bearer:?} {value:?}").contains("s3cret"));
}
