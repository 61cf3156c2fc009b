//! Reasons that instances and bindings report while they, or what failed attempts left at the broker, are deleted.

use super::Sentences;

impl Sentences {
    pub(crate) const DEPROVISION_REQUEST_IN_FLIGHT: Self = Self::new(
        ("The operator is asking the broker to delete the instance.", "Wait for the broker's answer."),
        ("控制器正在请求服务代理删除实例。", "请等待服务代理的答复。"),
    );
    pub(crate) const DEPROVISIONING: Self = Self::new(
        (
            "The broker is deleting the instance.",
            "Wait: the operator asks the broker regularly how far it is.",
        ),
        ("服务代理正在删除实例。", "请等待：控制器会定期向服务代理查询进度。"),
    );
    pub(crate) const DEPROVISIONED_SUCCESSFULLY: Self = Self::new(
        ("The broker has deleted the instance.", "The object is about to go."),
        ("服务代理已删除该实例。", "该对象即将消失。"),
    );
    pub(crate) const DEPROVISION_CALL_FAILED: Self = Self::new(
        (
            "The broker did not delete the instance.",
            "The operator retries until it succeeds. Look at the broker. If it is gone for good, keep the \
             service there.",
        ),
        (
            "服务代理没有删除该实例。",
            "控制器会一直重试，直到成功。请检查服务代理。如果它已永久消失，请选择在服务代理上保留服务。",
        ),
    );
    pub(crate) const DEPROVISION_BLOCKED: Self = Self::new(
        (
            "The instance still has bindings.",
            "Delete the bindings that the message names, or choose to delete them together with the \
             instance.",
        ),
        ("该实例仍有绑定。", "请删除消息中列出的绑定，或选择将绑定与实例一起删除。"),
    );
    pub(crate) const SERVICE_BINDINGS_DELETION: Self = Self::new(
        ("The bindings of the instance are deleted first.", "The deletion continues when they are gone."),
        ("先删除该实例的绑定。", "绑定全部删除后，实例的删除会继续。"),
    );
    pub(crate) const UNBINDING_REQUEST_IN_FLIGHT: Self = Self::new(
        ("The operator is asking the broker to delete the binding.", "Wait for the broker's answer."),
        ("控制器正在请求服务代理删除绑定。", "请等待服务代理的答复。"),
    );
    pub(crate) const UNBINDING: Self = Self::new(
        (
            "The broker is deleting the binding.",
            "Wait: the operator asks the broker regularly how far it is.",
        ),
        ("服务代理正在删除绑定。", "请等待：控制器会定期向服务代理查询进度。"),
    );
    pub(crate) const UNBOUND_SUCCESSFULLY: Self = Self::new(
        ("The broker has deleted the binding.", "The object is about to go."),
        ("服务代理已删除该绑定。", "该对象即将消失。"),
    );
    pub(crate) const UNBIND_CALL_FAILED: Self = Self::new(
        (
            "The broker did not delete the binding.",
            "The operator retries until it succeeds. Look at the broker. If it is gone for good, abandon \
             the binding.",
        ),
        (
            "服务代理没有删除该绑定。",
            "控制器会一直重试，直到成功。请检查服务代理。如果它已永久消失，请放弃该绑定。",
        ),
    );
    pub(crate) const WAITING_FOR_PODS: Self = Self::new(
        (
            "Pods that have the credentials are restarted first.",
            "After 5 minutes at most the operator goes on. Wait, or delete the pods that the message names.",
        ),
        ("先重启持有这些凭据的 Pod。", "最多 5 分钟后控制器会继续。请等待，或删除消息中列出的 Pod。"),
    );
    pub(crate) const DELETION_WAITS_FOR_ORPHANS: Self = Self::new(
        (
            "The broker has not yet deleted what earlier attempts may have left.",
            "The deletion continues after that. The condition OrphanMitigation says more.",
        ),
        ("服务代理尚未删除先前的尝试可能留下的资源。", "之后删除会继续。详情见状况 OrphanMitigation。"),
    );
    pub(crate) const ORPHAN_MITIGATION: Self = Self::new(
        (
            "The broker may still have something of a failed attempt, or credentials that were replaced.",
            "The operator deletes it at the broker.",
        ),
        ("服务代理上可能仍有失败的尝试留下的资源，或已被替换的凭据。", "控制器会在服务代理上删除它们。"),
    );
    pub(crate) const ORPHAN_MITIGATION_FAILED: Self = Self::new(
        (
            "The broker did not delete what a failed attempt may have left.",
            "The operator retries before any new attempt. Look at the broker.",
        ),
        (
            "服务代理没有删除失败的尝试可能留下的资源。",
            "在新的尝试之前，控制器会先重试删除。请检查服务代理。",
        ),
    );
    pub(crate) const ORPHAN_MITIGATION_SUCCESSFUL: Self = Self::new(
        (
            "An attempt failed, and nothing of it is left at the broker.",
            "The operator tries again. The message says why the attempt failed.",
        ),
        ("一次尝试失败了，服务代理上没有留下任何资源。", "控制器会再次尝试。消息说明了失败的原因。"),
    );
    pub(crate) const LEFT_AT_BROKER: Self = Self::new(
        (
            "The broker never confirmed the ID that spec.externalID sets, so the operator does not delete \
             it there.",
            "The object goes. If the broker has something under that ID and it is not needed, delete it at \
             the broker.",
        ),
        (
            "服务代理从未确认 spec.externalID 所设的 ID，因此控制器不会在服务代理上删除它。",
            "该对象会消失。如果服务代理上有此 ID 的资源且不再需要，请在服务代理上删除。",
        ),
    );
    pub(crate) const CLASS_OF_DELETION_GONE: Self = Self::new(
        (
            "The class is gone, and with it the IDs by which the broker knows the instance.",
            "Register the broker again, or delete the instance and keep the service at the broker.",
        ),
        (
            "服务类已不存在，服务代理识别该实例所需的 ID 也随之丢失。",
            "请重新注册服务代理，或删除实例并在服务代理上保留服务。",
        ),
    );
    pub(crate) const INSTANCE_OF_DELETION_GONE: Self = Self::new(
        (
            "The instance is gone, and with it the IDs by which the broker knows the binding.",
            "Create the instance again, or abandon the binding.",
        ),
        ("实例已不存在，服务代理识别该绑定所需的 ID 也随之丢失。", "请重新创建实例，或放弃该绑定。"),
    );
    pub(crate) const DELETION_REQUESTED: Self = Self::new(
        (
            "A user has requested the deletion.",
            "The operator deletes it at the broker first, and has not reported about that yet.",
        ),
        ("用户已请求删除。", "控制器会先在服务代理上删除它，目前尚未报告进展。"),
    );
}
