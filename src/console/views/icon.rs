//! Which picture stands for a class? The console fetches none; the browser loads only what is part of the catalog, or
//! from the origins that the administrator has allowed.

use url::Url;

use super::metadata::Metadata;

/// The largest image that is part of a page, in bytes of its address.
const MAX_INLINE_BYTES: usize = 16 * 1024;
/// How much all images that are part of one page may take.
const MAX_INLINE_BYTES_OF_PAGE: usize = 48 * 1024;
/// How many colours pictures without an image have.
const TONES: u32 = 8;

/// Types of images that browsers show. In `<img>`, SVG runs no script and loads nothing.
const TYPES: [&str; 8] = ["png", "jpeg", "gif", "webp", "avif", "svg+xml", "x-icon", "vnd.microsoft.icon"];

/// The built-in pictures, and the words in OpenShift's icon classes, names and tags that they stand for.
const BUILT_IN: [(&str, &[&str]); 7] = [
    ("cache.svg", &["redis", "memcached", "cache", "hazelcast", "datagrid", "infinispan", "valkey"]),
    (
        "database.svg",
        &[
            "postgresql",
            "postgres",
            "mysql",
            "mariadb",
            "mongodb",
            "database",
            "cassandra",
            "sql",
            "cockroachdb",
            "couchbase",
            "db2",
            "oracle",
            "influxdb",
            "neo4j",
            "etcd",
        ],
    ),
    (
        "queue.svg",
        &["rabbitmq", "kafka", "amq", "activemq", "nats", "queue", "messaging", "mqtt", "pulsar", "sqs"],
    ),
    ("search.svg", &["elasticsearch", "opensearch", "search", "solr"]),
    ("storage.svg", &["s3", "storage", "bucket", "minio", "gluster", "ceph", "volume", "blob", "registry"]),
    (
        "code.svg",
        &[
            "python", "ruby", "dotnet", "nodejs", "node", "openjdk", "java", "php", "perl", "go", "golang",
            "rust", "rails", "django", "jenkins", "wildfly", "tomcat", "nginx", "httpd", "git",
        ],
    ),
    ("template.svg", &["template", "quickstart"]),
];

/// The words from which an icon is chosen.
pub struct Words<'a> {
    /// The name in the broker's catalog.
    pub name: &'a str,
    /// The tags.
    pub tags: &'a [String],
}

/// The picture of a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Icon {
    /// What is in it.
    pub picture: Picture,
    /// The colour behind it: 0 to 7.
    pub tone: u32,
}

/// What is in a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Picture {
    /// An image with this address: `data:`, or of an allowed origin.
    Image(String),
    /// A file of the console.
    BuiltIn(&'static str),
    /// The first character of the name.
    Monogram(char),
}

/// Which images a page may have.
pub struct Icons<'a> {
    origins: &'a [String],
    bytes_left: usize,
}

impl<'a> Icons<'a> {
    /// For a page, with the origins that the administrator has allowed.
    pub fn new(origins: &'a [String]) -> Self {
        Self { origins, bytes_left: MAX_INLINE_BYTES_OF_PAGE }
    }

    /// The icon of a class.
    pub fn of_class(&mut self, metadata: &Metadata, words: &Words) -> Icon {
        let image = metadata.image().filter(|address| self.may_show(address));
        let picture = match image {
            Some(address) => Picture::Image(address.to_owned()),
            None => picture_of(metadata.icon_class(), words),
        };
        Icon { picture, tone: tone(words.name) }
    }

    fn may_show(&mut self, address: &str) -> bool {
        if is_inline_image(address) {
            let fits = address.len() <= MAX_INLINE_BYTES.min(self.bytes_left);
            self.bytes_left -= if fits { address.len() } else { 0 };
            return fits;
        }
        let origin = Url::parse(address).map(|url| url.origin().ascii_serialization());
        address.len() <= 2048 && origin.is_ok_and(|origin| self.origins.contains(&origin))
    }
}

/// The icon of something of which only the name is known.
pub fn of_name(name: &str) -> Icon {
    Icon { picture: picture_of(None, &Words { name, tags: &[] }), tone: tone(name) }
}

fn picture_of(icon_class: Option<&str>, words: &Words) -> Picture {
    let texts =
        icon_class.into_iter().chain([words.name]).chain(words.tags.iter().take(20).map(String::as_str));
    let built_in = texts.take(22).find_map(built_in);
    let first = || words.name.chars().find(|character| character.is_alphanumeric());
    let monogram = || Picture::Monogram(first().and_then(|first| first.to_uppercase().next()).unwrap_or('?'));
    built_in.map_or_else(monogram, Picture::BuiltIn)
}

fn built_in(text: &str) -> Option<&'static str> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric()).take(16);
    words.into_iter().find_map(|word| {
        let stands_for =
            |(_, known): &&(&str, &[&str])| known.iter().any(|known| word.eq_ignore_ascii_case(known));
        BUILT_IN.iter().find(stands_for).map(|(file, _)| *file)
    })
}

fn is_inline_image(address: &str) -> bool {
    let kind = address.strip_prefix("data:image/").and_then(|rest| rest.split([';', ',']).next());
    kind.is_some_and(|kind| TYPES.contains(&kind))
}

/// The same name has the same colour on every page.
fn tone(name: &str) -> u32 {
    let hash =
        name.bytes().fold(2_166_136_261_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619));
    hash % TONES
}

#[cfg(test)]
mod tests {
    use crate::raw_json::RawJson;
    use serde_json::json;

    use super::*;

    fn picture(metadata: serde_json::Value, origins: &[String]) -> Picture {
        let metadata = Metadata::of(Some(&RawJson::from(metadata)));
        Icons::new(origins).of_class(&metadata, &Words { name: "acme", tags: &[] }).picture
    }

    #[test]
    fn only_inline_images_and_those_of_allowed_origins_are_shown() {
        let origins = ["https://icons.example.com".to_owned()];
        for shown in
            ["data:image/png;base64,AA==", "data:image/svg+xml,%3Csvg/%3E", "https://icons.example.com/a.png"]
        {
            assert_eq!(picture(json!({"imageUrl": shown}), &origins), Picture::Image(shown.to_owned()));
        }
        for hidden in [
            "data:text/html,x",
            "data:image/html,x",
            "javascript:alert(1)",
            "https://tracker.example/a.png",
            "https://icons.example.com.evil.example/a.png",
            "http://icons.example.com/a.png",
            "//icons.example.com/a.png",
            "https://icons.example.com:8443/a.png",
            "",
        ] {
            assert_eq!(picture(json!({"imageUrl": hidden}), &origins), Picture::Monogram('A'), "{hidden}");
        }
    }

    #[test]
    fn the_images_of_a_page_stay_within_its_budget() {
        let image = format!("data:image/png;base64,{}", "A".repeat(10 * 1024));
        let metadata = Metadata::of(Some(&RawJson::from(json!({"imageUrl": image}))));
        let mut icons = Icons::new(&[]);
        let words = Words { name: "acme", tags: &[] };
        let shown = (0..20)
            .filter(|_| matches!(icons.of_class(&metadata, &words).picture, Picture::Image(_)))
            .count();
        assert_eq!(shown, 4);
    }

    #[test]
    fn the_icon_class_chooses_a_built_in_picture() {
        let icon_class = |class| picture(json!({"console.openshift.io/iconClass": class}), &[]);
        assert_eq!(icon_class("icon-postgresql"), Picture::BuiltIn("database.svg"));
        assert_eq!(icon_class("icon-unknown"), Picture::Monogram('A'));
        assert_eq!(of_name("my-redis-ha").picture, Picture::BuiltIn("cache.svg"));
        assert_eq!(of_name("数据库").picture, Picture::Monogram('数'));
        assert_eq!(of_name("").picture, Picture::Monogram('?'));
    }
}
