//! Reasons that instances report while they are created, used and updated.

use super::Sentences;

impl Sentences {
    pub(crate) const PROVISIONED_SUCCESSFULLY: Self =
        Self::new(("The broker has created the instance.", ""), ("服务代理已创建该实例。", ""));
    pub(crate) const INSTANCE_UPDATED_SUCCESSFULLY: Self = Self::new(
        ("The broker has updated the instance to its spec.", ""),
        ("服务代理已按 spec 更新该实例。", ""),
    );
    pub(crate) const PROVISION_REQUEST_IN_FLIGHT: Self = Self::new(
        ("The operator is asking the broker to create the instance.", "Wait for the broker's answer."),
        ("控制器正在请求服务代理创建实例。", "请等待服务代理的答复。"),
    );
    pub(crate) const PROVISIONING: Self = Self::new(
        (
            "The broker is creating the instance.",
            "Wait: the operator asks the broker regularly how far it is.",
        ),
        ("服务代理正在创建实例。", "请等待：控制器会定期向服务代理查询进度。"),
    );
    pub(crate) const PROVISION_CALL_FAILED: Self = Self::new(
        (
            "The broker did not accept the request to create the instance.",
            "The operator retries. If the message blames the request, edit the instance.",
        ),
        ("服务代理没有接受创建实例的请求。", "控制器会重试。如果消息指出请求有误，请编辑该实例。"),
    );
    pub(crate) const ERROR_CALLING_PROVISION: Self = Self::new(
        ("The request to create the instance got no answer.", "The operator retries. Look at the broker."),
        ("创建实例的请求没有得到答复。", "控制器会重试。请检查服务代理。"),
    );
    pub(crate) const BROKER_RETURNED_FAILURE: Self = Self::new(
        (
            "The broker refused to create the instance, or failed to.",
            "The operator does not retry until the instance changes: edit it, or try the same again.",
        ),
        (
            "服务代理拒绝创建该实例，或创建失败。",
            "在实例更改之前，控制器不会重试：请编辑实例，或按原样重试。",
        ),
    );
    pub(crate) const INSTANCE_UNUSABLE: Self = Self::new(
        (
            "The broker says that the instance is unusable after a failed operation.",
            "Edit the instance to update it again, or delete it.",
        ),
        ("服务代理报告：操作失败后该实例无法使用。", "请编辑实例以再次更新，或删除它。"),
    );
    pub(crate) const UPDATE_INSTANCE_REQUEST_IN_FLIGHT: Self = Self::new(
        (
            "The operator is asking the broker to update the instance.",
            "Wait for the broker's answer. The instance works as before.",
        ),
        ("控制器正在请求服务代理更新实例。", "请等待服务代理的答复。实例照常工作。"),
    );
    pub(crate) const UPDATING_INSTANCE: Self = Self::new(
        (
            "The broker is updating the instance.",
            "Wait: the operator asks the broker regularly how far it is. The instance works as before.",
        ),
        ("服务代理正在更新实例。", "请等待：控制器会定期向服务代理查询进度。实例照常工作。"),
    );
    pub(crate) const UPDATE_INSTANCE_CALL_FAILED: Self = Self::new(
        (
            "The broker did not update the instance, which works as before.",
            "The message says whether the operator retries. Edit the instance, or try now.",
        ),
        ("服务代理没有更新该实例，实例照常工作。", "消息说明控制器是否会重试。请编辑实例，或立即重试。"),
    );
    pub(crate) const PLAN_CHANGE_NOT_ALLOWED: Self = Self::new(
        (
            "The class or the plan does not allow a change to another plan. The instance works as before.",
            "Set the former plan again.",
        ),
        ("该服务类或套餐不允许更换套餐。实例照常工作。", "请改回原来的套餐。"),
    );
    pub(crate) const MAINTENANCE_AVAILABLE: Self = Self::new(
        (
            "The plan offers another version than the instance has.",
            "Upgrade when it suits you: the operator does not upgrade by itself.",
        ),
        ("该套餐提供的版本与实例的版本不同。", "请在合适的时候升级：控制器不会自动升级。"),
    );
    pub(crate) const RENAMED_IN_CATALOG: Self = Self::new(
        (
            "The broker has renamed the class or the plan. The instance keeps it.",
            "Write the plan's new name to the spec. A class cannot be renamed there: use its new name for \
             new instances.",
        ),
        (
            "服务代理更改了服务类或套餐的名称，实例仍使用原来的服务类和套餐。",
            "请在 spec 中写入套餐的新名称。spec 中的服务类名称不可更改：新建实例时请使用新名称。",
        ),
    );
    pub(crate) const STARTING_INSTANCE_ORPHAN_MITIGATION: Self = Self::new(
        (
            "The outcome of an attempt to create the instance is not known.",
            "The operator first deletes what the attempt may have left at the broker, then tries again.",
        ),
        ("一次创建尝试的结果未知。", "控制器先删除该尝试可能在服务代理上留下的资源，然后重试。"),
    );
}
