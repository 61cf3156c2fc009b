//! Which versions of Kubernetes are supported?

use k8s_openapi::apimachinery::pkg::version::Info;

/// The oldest supported version, major and minor: injection without a webhook needs `MutatingAdmissionPolicy` v1
/// (KEP-3962).
pub const OLDEST: (u32, u32) = (1, 36);

/// Whether an API server of this version is supported. It is, if the version cannot be read as a number.
pub fn is_supported(version: &Info) -> bool {
    let number =
        |text: &str| text.trim_end_matches(|character: char| !character.is_ascii_digit()).parse::<u32>().ok();
    number(&version.major).zip(number(&version.minor)).is_none_or(|version| version >= OLDEST)
}
