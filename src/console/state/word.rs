//! The first words of a state line, with their symbols and tones.

use crate::console::language::Language;

/// How good a state is. A page shows it as a colour, beside the symbol and the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// It works.
    Good,
    /// The operator or the broker is working on it.
    Busy,
    /// It waits for something, or needs a look.
    Waiting,
    /// It does not work, or something of it has failed.
    Bad,
    /// None of these: a user has paused it.
    Neutral,
}

impl Tone {
    /// The name of the style class.
    pub fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Busy => "busy",
            Self::Waiting => "waiting",
            Self::Bad => "bad",
            Self::Neutral => "neutral",
        }
    }
}

/// What an object is doing, in a word or two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// The broker creates it.
    Creating,
    /// The broker updates it; it works as before.
    Updating,
    /// The broker creates new credentials; the current ones work.
    Rotating,
    /// The operator is about to fetch the catalog.
    Fetching,
    /// The operator or the broker deletes it.
    Deleting,
    /// It is being deleted, but the deletion does not proceed.
    DeletionWaiting(Wait),
    /// It does not work yet.
    Waiting(Wait),
    /// It works.
    Ready,
    /// It works, and there is something to say.
    ReadyBut(Remark),
    /// A user has paused it.
    Paused,
    /// The operator does not try again until a user changes something.
    Failed,
    /// The credentials have expired.
    Expired,
    /// The catalog could not be fetched or published.
    NotFetched,
    /// Calls to the broker are suspended, and it has no usable catalog.
    Suspended,
    /// It cannot be used, for a reason that this version of the console does not know.
    NotReady,
}

/// What an object waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The operator has not reported anything about it yet.
    Operator,
    /// Calls to the broker are suspended, or its object is missing.
    Broker,
    /// The class is missing, withdrawn or out of reach.
    Class,
    /// The plan is missing, ambiguous or withdrawn.
    Plan,
    /// The parameters are unusable.
    Parameters,
    /// Bindings exist.
    Bindings,
    /// The instance is missing or not ready.
    Instance,
    /// Instances of the broker exist.
    Instances,
    /// Pods are restarted first.
    Pods,
    /// The next attempt.
    Retry,
    /// The removal of what failed attempts may have left at the broker.
    Cleanup,
    /// The API server refuses a write of the operator.
    Quota,
    /// Another object has the id at the broker.
    ExternalId,
    /// The Secret cannot be written, or the broker does not return the credentials.
    Secret,
    /// A user has paused it.
    Resume,
    /// Another object has the name.
    Name,
}

/// What there is to say about an object that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remark {
    /// The update failed.
    UpdateFailed,
    /// The update waits.
    UpdateWaiting,
    /// Another version is available.
    UpgradeAvailable,
    /// The broker has renamed the class or the plan.
    NameOutdated,
    /// The API server refuses a write of the operator.
    WriteRefused,
    /// The operator deletes what failed attempts or replaced credentials left at the broker.
    CleaningUp,
    /// Pods lack the current credentials.
    PodsLack,
    /// Pods are being restarted for the current credentials.
    PodsRestarting,
    /// Pods do not get the binding, or not all of it.
    NotInjected,
    /// Pods get variables that run code.
    UnsafeVariables,
    /// The rotation failed.
    RotationFailed,
    /// The rotation waits.
    RotationWaiting,
    /// The credentials expire soon, and should have been replaced already.
    Expiring,
    /// Entries of the catalog are invalid.
    EntriesRejected,
    /// Calls to the broker are suspended.
    CallsSuspended,
}

impl Word {
    /// How good the state is.
    pub fn tone(self) -> Tone {
        match self {
            Self::Ready => Tone::Good,
            Self::Creating | Self::Updating | Self::Rotating | Self::Fetching | Self::Deleting => Tone::Busy,
            Self::DeletionWaiting(_) | Self::Waiting(_) => Tone::Waiting,
            Self::Failed | Self::Expired | Self::NotFetched | Self::Suspended | Self::NotReady => Tone::Bad,
            Self::Paused => Tone::Neutral,
            Self::ReadyBut(remark) => remark.tone(),
        }
    }

    /// Whether the next attempt, or the end of the operation, ends this state.
    pub(crate) fn awaits_time(self) -> bool {
        match self {
            Self::Creating
            | Self::Updating
            | Self::Rotating
            | Self::Deleting
            | Self::Expired
            | Self::NotReady => true,
            Self::Waiting(wait) | Self::DeletionWaiting(wait) => {
                matches!(wait, Wait::Retry | Wait::Cleanup | Wait::Quota | Wait::Secret | Wait::Broker)
            }
            Self::ReadyBut(remark) => matches!(
                remark,
                Remark::UpdateFailed
                    | Remark::UpdateWaiting
                    | Remark::RotationFailed
                    | Remark::RotationWaiting
                    | Remark::WriteRefused
                    | Remark::CleaningUp
            ),
            Self::Fetching
            | Self::Ready
            | Self::Paused
            | Self::Failed
            | Self::NotFetched
            | Self::Suspended => false,
        }
    }

    /// A symbol, which a page hides from screen readers: the word says the same.
    pub fn symbol(self) -> &'static str {
        match (self, self.tone()) {
            (Self::ReadyBut(_), Tone::Waiting | Tone::Bad) => "!",
            (_, Tone::Good) => "✓",
            (_, Tone::Busy) => "↻",
            (_, Tone::Waiting) => "◔",
            (_, Tone::Bad) => "✕",
            (_, Tone::Neutral) => "‖",
        }
    }

    /// The word in a language.
    pub fn text(self, language: Language) -> String {
        let word = match self {
            Self::Creating => language.pick("Creating", "创建中"),
            Self::Updating => language.pick("Updating", "更新中"),
            Self::Rotating => language.pick("Ready – rotating credentials", "就绪 – 凭据轮换中"),
            Self::Fetching => language.pick("Fetching the catalog", "正在获取目录"),
            Self::Deleting => language.pick("Deleting", "删除中"),
            Self::DeletionWaiting(wait) => {
                return format!("{} – {}", Self::Deleting.text(language), wait.text(language));
            }
            Self::Waiting(wait) => return capitalised(wait.text(language)),
            Self::Ready => language.pick("Ready", "就绪"),
            Self::ReadyBut(remark) => {
                return format!("{} – {}", Self::Ready.text(language), remark.text(language));
            }
            Self::Paused => language.pick("Paused", "已暂停"),
            Self::Failed => language.pick("Failed", "失败"),
            Self::Expired => language.pick("Credentials expired", "凭据已过期"),
            Self::NotFetched => language.pick("Catalog not fetched", "未能获取目录"),
            Self::Suspended => language.pick("Calls suspended", "已暂停调用"),
            Self::NotReady => language.pick("Not ready", "未就绪"),
        };
        word.to_owned()
    }
}

impl Wait {
    fn text(self, language: Language) -> &'static str {
        match self {
            Self::Operator => language.pick("waiting for the operator", "等待控制器"),
            Self::Broker => language.pick("waiting for the broker", "等待服务代理"),
            Self::Class => language.pick("waiting for the class", "等待服务类"),
            Self::Plan => language.pick("waiting for the plan", "等待套餐"),
            Self::Parameters => language.pick("waiting for usable parameters", "等待可用的参数"),
            Self::Bindings => language.pick("waiting for the bindings", "等待绑定"),
            Self::Instance => language.pick("waiting for the instance", "等待实例"),
            Self::Instances => language.pick("waiting for the instances", "等待实例"),
            Self::Pods => language.pick("waiting for the pods", "等待 Pod"),
            Self::Retry => language.pick("waiting for the next attempt", "等待重试"),
            Self::Cleanup => language.pick("waiting for the clean-up at the broker", "等待服务代理上的清理"),
            Self::Quota => language.pick("waiting for the API server", "等待 API 服务器"),
            Self::ExternalId => language.pick("waiting for the ID", "等待 ID"),
            Self::Secret => language.pick("waiting for the Secret", "等待 Secret"),
            Self::Resume => language.pick("paused", "已暂停"),
            Self::Name => language.pick("waiting for the name", "等待名称"),
        }
    }
}

impl Remark {
    fn tone(self) -> Tone {
        match self {
            Self::UpgradeAvailable | Self::NameOutdated => Tone::Good,
            Self::CleaningUp | Self::PodsRestarting => Tone::Busy,
            Self::UpdateWaiting
            | Self::RotationWaiting
            | Self::UnsafeVariables
            | Self::Expiring
            | Self::EntriesRejected => Tone::Waiting,
            Self::UpdateFailed
            | Self::WriteRefused
            | Self::PodsLack
            | Self::NotInjected
            | Self::RotationFailed
            | Self::CallsSuspended => Tone::Bad,
        }
    }

    fn text(self, language: Language) -> &'static str {
        match self {
            Self::UpdateFailed => language.pick("update failed", "更新失败"),
            Self::UpdateWaiting => language.pick("update waiting", "更新等待中"),
            Self::UpgradeAvailable => language.pick("upgrade available", "可升级"),
            Self::NameOutdated => language.pick("renamed in the catalog", "目录中已改名"),
            Self::WriteRefused => language.pick("write refused", "写入被拒绝"),
            Self::CleaningUp => language.pick("cleaning up at the broker", "正在服务代理上清理"),
            Self::PodsLack => language.pick("pods lack the credentials", "有 Pod 缺少凭据"),
            Self::PodsRestarting => language.pick("pods are being restarted", "正在重启 Pod"),
            Self::NotInjected => language.pick("not injected everywhere", "未能完全注入"),
            Self::UnsafeVariables => language.pick("unsafe variables", "不安全的环境变量"),
            Self::RotationFailed => language.pick("rotation failed", "轮换失败"),
            Self::RotationWaiting => language.pick("rotation waiting", "轮换等待中"),
            Self::Expiring => language.pick("credentials expire soon", "凭据即将过期"),
            Self::EntriesRejected => language.pick("catalog entries rejected", "部分目录条目被拒绝"),
            Self::CallsSuspended => language.pick("calls suspended", "已暂停调用"),
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut text = text.to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}
