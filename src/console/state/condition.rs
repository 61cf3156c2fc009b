//! All conditions of an object, for the details.

use std::borrow::Cow;

use crate::console::language::Language;
use crate::crd::condition::{self, Condition};
use jiff::Timestamp;

use crate::console::excerpt::excerpt;
use crate::console::state::sentence;
use crate::console::state::subject::{Kind, Subject};
use crate::console::state::word::Tone;

/// The most conditions that are shown. The operator sets fewer.
const MAX_CONDITIONS: usize = 32;

/// A condition, with its type and its reason in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionLine {
    /// The type in the API, such as `RolledOut`.
    pub type_: String,
    /// The status in the API: `True`, `False` or `Unknown`.
    pub status: String,
    /// The reason in the API, such as `Rolling`.
    pub reason: String,
    /// The message, in English, as it is.
    pub text: Option<String>,
    /// Since when it has this status.
    pub since: Option<Timestamp>,
    kind: Kind,
}

/// All conditions of an object: those that need attention first, else in the order of the API.
pub fn conditions_of<'a>(object: impl Into<Subject<'a>>) -> Vec<ConditionLine> {
    let subject = object.into();
    let conditions = subject.conditions().iter().take(MAX_CONDITIONS);
    let mut lines: Vec<_> =
        conditions.map(|condition| ConditionLine::of(subject.kind(), condition)).collect();
    lines.sort_by_key(|line| match line.tone() {
        Tone::Bad => 0,
        Tone::Waiting => 1,
        Tone::Busy => 2,
        Tone::Neutral => 3,
        Tone::Good => 4,
    });
    lines
}

impl ConditionLine {
    fn of(kind: Kind, condition: &Condition) -> Self {
        let short = |text: &str| excerpt(text).unwrap_or_default();
        Self {
            type_: short(&condition.type_),
            status: short(&condition.status),
            reason: short(&condition.reason),
            text: excerpt(&condition.message),
            since: condition.last_transition_time.as_ref().map(|time| time.0),
            kind,
        }
    }

    /// How good it is that the condition has this status.
    pub fn tone(&self) -> Tone {
        match (self.type_.as_str(), self.status.as_str()) {
            (condition::FAILED | condition::WRITE_REFUSED, "True")
            | (condition::AVAILABLE | condition::INJECTED, "False") => Tone::Bad,
            (condition::ORPHAN_MITIGATION, "True") => Tone::Busy,
            (condition::CATALOG_REJECTED, "True") => Tone::Waiting,
            (condition::PAUSED, "True") => Tone::Neutral,
            (
                condition::FAILED
                | condition::WRITE_REFUSED
                | condition::ORPHAN_MITIGATION
                | condition::CATALOG_REJECTED
                | condition::PAUSED
                | condition::UPGRADE_AVAILABLE
                | condition::NAME_OUTDATED,
                "False",
            )
            | (_, "True") => Tone::Good,
            _ => Tone::Waiting,
        }
    }

    /// The type in words, or the API's word if it is of another version.
    pub fn title(&self, language: Language) -> Cow<'_, str> {
        let title = match self.type_.as_str() {
            condition::READY if self.kind.is_broker() => language.pick("Catalog published", "目录已发布"),
            condition::READY => language.pick("Ready to use", "可以使用"),
            condition::FAILED => language.pick("Failed for good", "彻底失败"),
            condition::AVAILABLE => language.pick("Broker is called", "正常调用服务代理"),
            condition::CATALOG_REJECTED => language.pick("Catalog entries rejected", "部分目录条目被拒绝"),
            condition::UPDATED => language.pick("Up to date with its spec", "与 spec 一致"),
            condition::UPGRADE_AVAILABLE => language.pick("Upgrade available", "可升级"),
            condition::NAME_OUTDATED => language.pick("Renamed in the catalog", "目录中已改名"),
            condition::WRITE_REFUSED => {
                language.pick("Write refused by the API server", "API 服务器拒绝写入")
            }
            condition::ORPHAN_MITIGATION => language.pick("Cleaning up at the broker", "正在服务代理上清理"),
            condition::PAUSED => language.pick("Paused", "已暂停"),
            condition::INJECTED => language.pick("Injected into pods", "已注入 Pod"),
            condition::ROLLED_OUT => language.pick("Pods have the credentials", "Pod 已有凭据"),
            condition::ROTATED => language.pick("Credentials rotated", "凭据已轮换"),
            other => return other.into(),
        };
        title.into()
    }

    /// The status in words.
    pub fn answer(&self, language: Language) -> Cow<'_, str> {
        match self.status.as_str() {
            "True" => language.pick("yes", "是").into(),
            "False" => language.pick("no", "否").into(),
            "Unknown" => language.pick("unknown", "未知").into(),
            other => other.into(),
        }
    }

    /// What the reason says. Never empty.
    pub fn sentence(&self, language: Language) -> Cow<'static, str> {
        match sentence::of_condition(self.kind, &self.type_, &self.status, &self.reason) {
            Some(sentences) => sentences.pick(language).why.into(),
            None => sentence::of_unknown(&self.reason, language).into(),
        }
    }
}
