//! Reasons that brokers report.

use super::Sentences;

impl Sentences {
    pub(crate) const FETCHED_CATALOG: Self =
        Self::new(("The broker's catalog is published.", ""), ("服务代理的目录已发布。", ""));
    pub(crate) const FETCHING_CATALOG: Self = Self::new(
        (
            "The broker or its spec has changed.",
            "The operator fetches the catalog again, usually within seconds.",
        ),
        ("服务代理的配置已更改。", "控制器会重新获取目录，通常只需几秒钟。"),
    );
    pub(crate) const ERROR_FETCHING_CATALOG: Self = Self::new(
        (
            "The broker did not return a catalog.",
            "A catalog that was published stays. The operator retries. If the message names the URL, the \
             certificate or the Secret, correct the broker's spec or that Secret: it then retries at once.",
        ),
        (
            "服务代理没有返回目录。",
            "已发布的目录保持不变，控制器会重试。如果消息提到 URL、证书或 Secret，请更正服务代理的 spec 或该 Secret，控制器随即重试。",
        ),
    );
    pub(crate) const ERROR_SYNCING_CATALOG: Self = Self::new(
        (
            "The operator could not publish the catalog.",
            "The operator retries. If the message names spec.catalogRestrictions, correct them.",
        ),
        ("控制器未能发布目录。", "控制器会重试。如果消息提到 spec.catalogRestrictions，请更正它。"),
    );
    pub(crate) const ERROR_GETTING_AUTH_CREDENTIALS: Self = Self::new(
        (
            "The Secret with the credentials for the broker is missing or unusable.",
            "Create or correct the Secret that spec.authInfo names.",
        ),
        ("用于访问服务代理的 Secret 不存在或无法使用。", "请创建或更正 spec.authInfo 所引用的 Secret。"),
    );
    pub(crate) const DELETION_BLOCKED_BY_INSTANCES: Self = Self::new(
        (
            "The broker still has instances.",
            "Delete the instances that the message names; the deletion then continues.",
        ),
        ("该服务代理仍有实例。", "请删除消息中列出的实例，之后删除会继续。"),
    );
    pub(crate) const BROKER_UNREACHABLE: Self = Self::new(
        (
            "The broker cannot be reached, so calls to it are suspended.",
            "The operator probes it again. Look at the broker, its Service and the network.",
        ),
        (
            "无法连接服务代理，因此已暂停对它的调用。",
            "控制器会再次探测。请检查服务代理、它的 Service 和网络。",
        ),
    );
    pub(crate) const BROKER_UNAUTHORIZED: Self = Self::new(
        (
            "The broker rejects the credentials, so calls to it are suspended.",
            "Correct the credentials in the Secret that spec.authInfo names; the operator then retries at \
             once.",
        ),
        (
            "服务代理拒绝了访问凭据，因此已暂停对它的调用。",
            "请更正 spec.authInfo 所引用的 Secret 中的凭据，控制器随即重试。",
        ),
    );
    pub(crate) const BROKER_RATE_LIMITED: Self = Self::new(
        ("The broker has asked for a pause, so calls to it are suspended.", "Calls resume after the pause."),
        ("服务代理要求暂停，因此已暂停对它的调用。", "暂停结束后会恢复调用。"),
    );
    pub(crate) const BROKER_INCOMPATIBLE: Self = Self::new(
        (
            "The URL is not that of a broker, or the broker supports no version of the API that the \
             operator speaks.",
            "Correct spec.url or the annotation servicecatalog.k8s.io/osb-api-version, or update the broker.",
        ),
        (
            "该 URL 不是服务代理的地址，或者服务代理不支持控制器所用的任何 API 版本。",
            "请更正 spec.url 或注解 servicecatalog.k8s.io/osb-api-version，或升级服务代理。",
        ),
    );
    pub(crate) const INVALID_CATALOG_ENTRIES: Self = Self::new(
        (
            "Some classes or plans of the catalog are not published.",
            "The message names them and says why. Tell the author of the broker; the operator checks with \
             each fetch.",
        ),
        (
            "目录中的部分服务类或套餐没有发布。",
            "消息列出了它们和原因。请告知服务代理的作者；控制器每次获取目录时都会检查。",
        ),
    );
}
