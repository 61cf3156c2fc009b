//! In which language and colours does a browser want its pages, and which address did it ask for?
//!
//! `?lang` and `?theme` set a preference, which a cookie keeps. Links and forms of the pages do not repeat them.

use crate::console::language::Language;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use url::form_urlencoded;

use crate::console::access::cookie;
use crate::console::access::site::{Site, own_path};

/// The cookie, and the parameter, with the language.
const LANGUAGE: &str = "lang";
/// The cookie, and the parameter, with the theme.
const THEME: &str = "theme";

/// The colours of the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the operating system is set.
    #[default]
    Auto,
    /// Dark text on a light ground.
    Light,
    /// Light text on a dark ground.
    Dark,
}

impl Theme {
    /// All themes, in the order in which a page offers them.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Light, Self::Dark];

    /// The value of the cookie, and of the attribute `data-theme`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.as_str() == text)
    }
}

/// What a page depends on besides its user.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The name by which the browser called the console.
    pub site: Site,
    /// The language.
    pub language: Language,
    /// The colours.
    pub theme: Theme,
    /// The path that was asked for; `/` if pages could not link to it, such as `//host`, which is another site.
    pub path: String,
    /// The query, without what only sets a preference. Empty, or without the question mark.
    pub query: String,
    /// The cookies that keep preferences which this request has set.
    pub cookies: Vec<HeaderValue>,
}

impl Setting {
    /// The setting of a request; `None` if it does not say which site it is for.
    pub fn of(request: &Request) -> Option<Self> {
        let headers = request.headers();
        let site = Site::of(headers)?;
        let query = request.uri().query().unwrap_or_default();
        let parameter = |name: &str| {
            form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, v)| v)
        };
        let language = parameter(LANGUAGE).and_then(|tag| language_named(&tag));
        let theme = parameter(THEME).and_then(|name| Theme::named(&name));
        let cookies = [
            language.and_then(|language| cookie::set_preference(&site, LANGUAGE, language.tag())),
            theme.and_then(|theme| cookie::set_preference(&site, THEME, theme.as_str())),
        ];
        let kept_theme = || cookie::read(headers, THEME).and_then(Theme::named);
        Some(Self {
            language: language.unwrap_or_else(|| preferred_language(headers)),
            theme: theme.or_else(kept_theme).unwrap_or_default(),
            path: own_path(request.uri().path()).unwrap_or("/").to_owned(),
            query: without_preferences(query),
            cookies: cookies.into_iter().flatten().collect(),
            site,
        })
    }

    /// The address of this page in another language.
    pub fn in_language(&self, language: Language) -> String {
        self.with(LANGUAGE, language.tag())
    }

    /// The address of this page in other colours.
    pub fn in_theme(&self, theme: Theme) -> String {
        self.with(THEME, theme.as_str())
    }

    /// The address of this page.
    pub fn address(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }

    fn with(&self, name: &str, value: &str) -> String {
        let separator = if self.query.is_empty() { "" } else { "&" };
        format!("{}?{}{separator}{name}={value}", self.path, self.query)
    }
}

fn without_preferences(query: &str) -> String {
    let is_preference = |pair: &&str| {
        [LANGUAGE, THEME].iter().any(|name| pair.strip_prefix(name).is_some_and(|rest| rest.starts_with('=')))
    };
    query.split('&').filter(|pair| !pair.is_empty() && !is_preference(pair)).collect::<Vec<_>>().join("&")
}

fn preferred_language(headers: &HeaderMap) -> Language {
    let kept = cookie::read(headers, LANGUAGE).and_then(language_named);
    let accepted =
        || headers.get(header::ACCEPT_LANGUAGE).and_then(|value| accepted_language(value.to_str().ok()?));
    kept.or_else(accepted).unwrap_or_default()
}

/// The language that the browser prefers among those that the console speaks.
fn accepted_language(header: &str) -> Option<Language> {
    let weighted = header.split(',').take(32).filter_map(|range| {
        let mut parts = range.split(';');
        let language = language_named(parts.next()?.trim())?;
        let weight =
            parts.find_map(|part| part.trim().strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
        (weight > 0.0).then_some((language, weight))
    });
    // Of equal ones the first.
    weighted.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(language, _)| language)
}

/// The language that a tag asks for: `zh`, `zh-CN` and `zh-Hans` all are Chinese.
fn language_named(tag: &str) -> Option<Language> {
    let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
    Language::ALL.into_iter().find(|language| primary(language.tag()) == primary(tag))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn setting(uri: &str, headers: &[(&str, &str)]) -> Setting {
        let mut request = Request::builder().uri(uri).header("host", "localhost:1");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Setting::of(&request.body(Body::empty()).unwrap()).unwrap()
    }

    #[test]
    fn the_language_is_that_of_the_query_else_of_the_cookie_else_of_the_browser() {
        let all = [("cookie", "lang=en"), ("accept-language", "zh-CN")];
        assert_eq!(setting("/?lang=zh-Hans", &all).language, Language::Chinese);
        assert_eq!(setting("/?lang=tlh", &all).language, Language::English);
        assert_eq!(setting("/", &all[1..]).language, Language::Chinese);
        assert_eq!(setting("/", &[]).language, Language::English);
    }

    #[test]
    fn of_the_browsers_languages_the_one_with_the_greatest_weight_is_taken() {
        assert_eq!(accepted_language("de, zh;q=0.5, en;q=0.8"), Some(Language::English));
        assert_eq!(accepted_language("zh-TW, en"), Some(Language::Chinese));
        assert_eq!(accepted_language("en;q=0, zh;q=0.1"), Some(Language::Chinese));
        assert_eq!(accepted_language("de, fr;q=x"), None);
    }

    #[test]
    fn a_preference_is_kept_in_a_cookie_and_leaves_the_address() {
        let setting = setting("/catalog?q=a&theme=dark&lang=zh-Hans&langs=1", &[]);
        assert_eq!(setting.address(), "/catalog?q=a&langs=1");
        assert_eq!(setting.in_theme(Theme::Light), "/catalog?q=a&langs=1&theme=light");
        assert_eq!(setting.theme, Theme::Dark);
        let cookies: Vec<_> = setting.cookies.iter().map(|cookie| cookie.to_str().unwrap()).collect();
        assert!(
            cookies[0].starts_with("lang=zh-Hans; Path=/;") && cookies[1].starts_with("theme=dark; Path=/;")
        );
    }

    #[test]
    fn the_links_of_a_page_lead_to_no_other_site_whatever_was_asked_for() {
        let setting = setting("//evil.example/x?q=1", &[]);
        assert_eq!(setting.address(), "/?q=1");
        assert_eq!(setting.in_theme(Theme::Dark), "/?q=1&theme=dark");
    }

    #[test]
    fn a_cookie_holds_only_what_the_console_knows() {
        assert!(setting("/?lang=en%0d%0aX:1&theme=%3b", &[]).cookies.is_empty());
    }
}
