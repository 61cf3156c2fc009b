//! The style, the script and the icons. Their addresses contain a hash of their content, so that browsers may keep them
//! for ever.

use std::sync::LazyLock;

use crate::crd::names::hex;
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};

use super::failure::Failure;

/// How long browsers keep a file.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// A file.
struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static str,
}

const ASSETS: [Asset; 10] = [
    Asset {
        name: "style.css",
        kind: "text/css; charset=utf-8",
        content: include_str!("../assets/style.css"),
    },
    Asset {
        name: "script.js",
        kind: "text/javascript; charset=utf-8",
        content: include_str!("../assets/script.js"),
    },
    svg("mark.svg", include_str!("../assets/mark.svg")),
    svg("database.svg", include_str!("../assets/database.svg")),
    svg("cache.svg", include_str!("../assets/cache.svg")),
    svg("queue.svg", include_str!("../assets/queue.svg")),
    svg("code.svg", include_str!("../assets/code.svg")),
    svg("storage.svg", include_str!("../assets/storage.svg")),
    svg("search.svg", include_str!("../assets/search.svg")),
    svg("template.svg", include_str!("../assets/template.svg")),
];

const fn svg(name: &'static str, content: &'static str) -> Asset {
    Asset { name, kind: "image/svg+xml", content }
}

/// The hash of all files: they change with the binary.
static HASH: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for asset in &ASSETS {
        hash.update(asset.name);
        hash.update(asset.content);
    }
    hex(&hash.finalize()).chars().take(16).collect()
});

/// The route of all files.
pub const ROUTE: &str = "/assets/{hash}/{name}";

/// The address of a file.
pub fn address(name: &str) -> String {
    format!("/assets/{}/{name}", *HASH)
}

/// Serves a file.
pub async fn serve(Path((hash, name)): Path<(String, String)>) -> Response {
    let found = ASSETS.iter().find(|asset| asset.name == name && hash == *HASH);
    let Some(asset) = found else { return Failure::NotFound.into_response() };
    ([(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, FOR_EVER)], asset.content).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn style_and_script_stay_small() {
        let size = |name| ASSETS.iter().find(|asset| asset.name == name).unwrap().content.len();
        assert!(size("style.css") <= 20 * 1024, "{}", size("style.css"));
        assert!(size("script.js") <= 8 * 1024, "{}", size("script.js"));
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        for asset in &ASSETS {
            let content = asset.content.replace("http://www.w3.org/2000/svg", "");
            assert!(!content.contains("http://") && !content.contains("https://"), "{}", asset.name);
            assert!(!content.contains("@import") && !content.contains("eval("), "{}", asset.name);
        }
    }
}
