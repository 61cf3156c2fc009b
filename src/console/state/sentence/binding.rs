//! Reasons that bindings report while they are created, used and rotated.

use super::Sentences;

impl Sentences {
    pub(crate) const INJECTED_BIND_RESULT: Self =
        Self::new(("The credentials are in the Secret.", ""), ("凭据已写入 Secret。", ""));
    pub(crate) const BINDING_REQUEST_IN_FLIGHT: Self = Self::new(
        ("The operator is asking the broker for the credentials.", "Wait for the broker's answer."),
        ("控制器正在向服务代理请求凭据。", "请等待服务代理的答复。"),
    );
    pub(crate) const BINDING: Self = Self::new(
        (
            "The broker is creating the binding.",
            "Wait: the operator asks the broker regularly how far it is.",
        ),
        ("服务代理正在创建绑定。", "请等待：控制器会定期向服务代理查询进度。"),
    );
    pub(crate) const BIND_CALL_FAILED: Self = Self::new(
        (
            "The broker did not accept the request for the credentials.",
            "The operator retries. If the message blames the request, create another binding.",
        ),
        ("服务代理没有接受获取凭据的请求。", "控制器会重试。如果消息指出请求有误，请另建绑定。"),
    );
    pub(crate) const ERROR_INJECTING_BIND_RESULT: Self = Self::new(
        (
            "The operator could not write the credentials to the Secret.",
            "The operator retries. Correct what the message names: the Secret, spec.secretTransforms or the \
             broker.",
        ),
        (
            "控制器未能将凭据写入 Secret。",
            "控制器会重试。请更正消息中提到的问题：Secret、spec.secretTransforms 或服务代理。",
        ),
    );
    pub(crate) const CREDENTIALS_NOT_RETURNED: Self = Self::new(
        (
            "The broker has the binding, but does not return its credentials again.",
            "The operator retries. Restore the Secret, or rotate the credentials.",
        ),
        ("服务代理上有该绑定，但不再返回其凭据。", "控制器会重试。请恢复 Secret，或轮换凭据。"),
    );
    pub(crate) const CREDENTIALS_REQUESTED_AGAIN: Self = Self::new(
        (
            "The Secret is gone, and the broker does not return the credentials again.",
            "The operator requests new credentials at once.",
        ),
        ("Secret 已不存在，而服务代理不再返回这些凭据。", "控制器会立即请求新的凭据。"),
    );
    pub(crate) const ERROR_NONBINDABLE_SERVICE_CLASS: Self = Self::new(
        (
            "The class or the plan cannot be bound.",
            "The operator does not retry. Delete the binding, and choose a plan that can be bound.",
        ),
        ("该服务类或套餐不支持绑定。", "控制器不会重试。请删除该绑定，并选择支持绑定的套餐。"),
    );
    pub(crate) const ROTATION_NOT_BINDABLE: Self = Self::new(
        (
            "The class or the plan cannot be bound any more. The current credentials stay.",
            "Ask the author of the broker, or bind an instance of a plan that can be bound.",
        ),
        (
            "该服务类或套餐已不再支持绑定，当前凭据保持不变。",
            "请联系服务代理的作者，或绑定支持绑定的套餐的实例。",
        ),
    );
    pub(crate) const SERVICE_BINDING_RETURNED_FAILURE: Self = Self::new(
        (
            "The broker refused to bind, or failed to.",
            "The operator does not retry. Delete the binding, and create another.",
        ),
        ("服务代理拒绝绑定，或绑定失败。", "控制器不会重试。请删除该绑定，并另建绑定。"),
    );
    pub(crate) const SERVICE_BINDING_NEEDS_ORPHAN_MITIGATION: Self = Self::new(
        (
            "The outcome of an attempt to bind is not known.",
            "The operator first deletes what the attempt may have left at the broker, then tries again.",
        ),
        ("一次绑定尝试的结果未知。", "控制器先删除该尝试可能在服务代理上留下的资源，然后重试。"),
    );
    pub(crate) const ROTATED_SUCCESSFULLY: Self = Self::new(
        (
            "The Secret has the new credentials.",
            "The old ones are removed when no pod uses them, or after the grace period.",
        ),
        ("Secret 中已是新的凭据。", "没有 Pod 使用旧凭据后，或宽限期结束后，旧凭据会被删除。"),
    );
    pub(crate) const ROTATION_REQUEST_IN_FLIGHT: Self = Self::new(
        (
            "The operator is asking the broker for new credentials.",
            "They replace the current ones, which stay valid until then.",
        ),
        ("控制器正在向服务代理请求新的凭据。", "新凭据会替换当前凭据，在此之前当前凭据仍然有效。"),
    );
    pub(crate) const ROTATING: Self = Self::new(
        (
            "The broker is creating new credentials.",
            "They replace the current ones, which stay valid until then.",
        ),
        ("服务代理正在创建新的凭据。", "新凭据会替换当前凭据，在此之前当前凭据仍然有效。"),
    );
    pub(crate) const ROTATION_FAILED: Self = Self::new(
        (
            "The broker did not create new credentials. The current ones stay.",
            "The operator retries, after a refusal in 10 minutes. Rotate again to retry at once.",
        ),
        (
            "服务代理没有创建新的凭据，当前凭据保持不变。",
            "控制器会重试；如果请求被拒绝，则在 10 分钟后重试。再次轮换可立即重试。",
        ),
    );
    pub(crate) const ROTATION_WAITING: Self = Self::new(
        (
            "The credentials before the current ones are still in use, or their grace period is not over.",
            "The rotation continues when they are removed. To shorten that, set spec.rotation.gracePeriod.",
        ),
        (
            "上一组凭据仍在使用，或其宽限期尚未结束。",
            "上一组凭据删除后，轮换会继续。如需缩短等待，请设置 spec.rotation.gracePeriod。",
        ),
    );
    pub(crate) const CREDENTIALS_EXPIRED: Self = Self::new(
        (
            "The credentials have expired.",
            "The operator replaces them as soon as the broker allows. The condition Rotated says more.",
        ),
        ("凭据已过期。", "只要服务代理允许，控制器会立即替换它们。详情见状况 Rotated。"),
    );
    pub(crate) const CREDENTIALS_EXPIRE: Self = Self::new(
        (
            "The credentials expire soon, and have not been replaced yet.",
            "The operator replaces them. If it does not, rotate them, and look at the broker.",
        ),
        ("凭据即将过期，且尚未替换。", "控制器会替换它们。如果没有替换，请手动轮换，并检查服务代理。"),
    );
    pub(crate) const UNREADABLE_EXPIRY: Self = Self::new(
        (
            "The broker sent an expiry time that cannot be read. It is ignored.",
            "Set spec.rotation.interval, and tell the author of the broker.",
        ),
        (
            "服务代理发送的过期时间无法解析，已被忽略。",
            "请设置 spec.rotation.interval，并告知服务代理的作者。",
        ),
    );
}
