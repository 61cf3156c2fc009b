//! What actions are called, and what they do.

use crate::console::language::Language;

use super::Action;

impl Action {
    /// The label of a button.
    pub fn label(self, language: Language) -> &'static str {
        match self {
            Self::Bind => language.pick("Bind", "绑定"),
            Self::Edit => language.pick("Edit", "编辑"),
            Self::Upgrade => language.pick("Upgrade", "升级"),
            Self::TryNow => language.pick("Try now", "立即重试"),
            Self::Rotate => language.pick("Rotate credentials", "轮换凭据"),
            Self::Reveal => language.pick("Reveal a value", "显示某个值"),
            Self::Relist => language.pick("Fetch the catalog now", "立即获取目录"),
            Self::Pause => language.pick("Pause", "暂停"),
            Self::Resume => language.pick("Resume", "恢复"),
            Self::Cascade => language.pick("Delete the bindings as well", "同时删除绑定"),
            Self::Retain => language.pick("Keep the service at the broker", "在服务代理上保留服务"),
            Self::Delete => language.pick("Delete", "删除"),
            Self::Abandon => language.pick("Abandon", "放弃"),
        }
    }

    /// What the action does, in a sentence.
    pub fn explanation(self, language: Language) -> &'static str {
        match self {
            Self::Bind => language.pick(
                "Requests credentials for the instance and stores them in a Secret.",
                "请求该实例的凭据，并存入 Secret。",
            ),
            Self::Edit => language.pick("Changes the plan or the parameters.", "更改套餐或参数。"),
            Self::Upgrade => language.pick(
                "Asks the broker to update the instance to the version that its plan offers.",
                "请求服务代理将实例更新到套餐提供的版本。",
            ),
            Self::TryNow => language
                .pick("Makes the next attempt now instead of later.", "立即进行下一次尝试，不再等待。"),
            Self::Rotate => language.pick(
                "Requests new credentials. The current ones stay valid until no pod uses them.",
                "请求新的凭据。在没有 Pod 使用之前，当前凭据仍然有效。",
            ),
            Self::Reveal => language.pick("Shows one value of the Secret.", "显示 Secret 中的一个值。"),
            Self::Relist => language.pick(
                "The operator fetches the broker's catalog at once.",
                "控制器会立即获取服务代理的目录。",
            ),
            Self::Pause => language.pick(
                "The operator makes no calls to the broker for it until you resume it.",
                "在恢复之前，控制器不会为它调用服务代理。",
            ),
            Self::Resume => language.pick("The operator goes on.", "控制器会继续处理。"),
            Self::Cascade => language.pick(
                "The operator deletes the bindings first, then the instance. Their Secrets go with them.",
                "控制器先删除绑定，再删除实例。绑定的 Secret 也随之删除。",
            ),
            Self::Retain => language.pick(
                "The instance goes from Kubernetes, and the service stays at the broker.",
                "实例会从 Kubernetes 中消失，而服务保留在服务代理上。",
            ),
            Self::Delete => language.pick(
                "The operator deletes it at the broker, then the object goes.",
                "控制器先在服务代理上删除它，然后该对象消失。",
            ),
            Self::Abandon => language.pick(
                "The object goes at once, and the broker is not told.",
                "该对象会立即消失，而服务代理不会得到通知。",
            ),
        }
    }

    /// What a user has to know before an action that cannot be undone; `None` for the others.
    pub fn warning(self, language: Language) -> Option<&'static str> {
        match self {
            Self::Cascade | Self::Delete => Some(language.pick(
                "This cannot be undone. Data of the service may be lost.",
                "此操作无法撤销，服务的数据可能丢失。",
            )),
            Self::Retain => Some(language.pick(
                "The service goes on costing money, and you have to delete it at the broker yourself.",
                "服务会继续产生费用，您必须自行在服务代理上删除它。",
            )),
            Self::Abandon => Some(language.pick(
                "What the broker has stays there: it goes on costing money, and its credentials stay valid. \
                 You have to delete it at the broker yourself. Do this only if the broker is gone for good.",
                "服务代理上的资源会保留：它会继续产生费用，其凭据仍然有效。您必须自行在服务代理上删除它。\
                 仅当服务代理已永久消失时才应这样做。",
            )),
            _ => None,
        }
    }
}
