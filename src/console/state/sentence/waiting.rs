//! Reasons for which instances and bindings wait for something else.

use super::Sentences;

impl Sentences {
    pub(crate) const WAITING_FOR_BROKER: Self = Self::new(
        (
            "Calls to the broker are suspended, because it has failed or asked for a pause.",
            "This resumes by itself when the broker answers again. Look at the broker.",
        ),
        (
            "对服务代理的调用已暂停，因为它出现故障或要求暂停。",
            "服务代理恢复应答后会自动继续。请查看该服务代理。",
        ),
    );
    pub(crate) const REFERENCES_NONEXISTENT_SERVICE_CLASS: Self = Self::new(
        (
            "No class has this name, or several have it.",
            "This continues when the catalog has the class. Correct the name, or register the broker.",
        ),
        (
            "没有这个名称的服务类，或者有多个同名的服务类。",
            "目录中有该服务类后会自动继续。请更正名称，或注册服务代理。",
        ),
    );
    pub(crate) const CLUSTER_KINDS_DISABLED: Self = Self::new(
        (
            "The class is cluster-wide, but this operator works without the cluster-wide kinds.",
            "Create an instance of a class of this namespace, or ask the platform team.",
        ),
        (
            "该服务类是集群级的，但这个控制器不使用集群级的资源类型。",
            "请使用本名字空间中的服务类创建实例，或联系平台团队。",
        ),
    );
    pub(crate) const REFERENCES_NONEXISTENT_SERVICE_PLAN: Self = Self::new(
        (
            "The class has no such plan, or no plan is named and the class has several.",
            "This continues when the catalog has the plan. Correct the plan.",
        ),
        (
            "该服务类没有这个套餐，或者没有指定套餐而服务类有多个套餐。",
            "目录中有该套餐后会自动继续。请更正套餐。",
        ),
    );
    pub(crate) const REFERENCES_DELETED_SERVICE_CLASS: Self = Self::new(
        (
            "The broker no longer offers the class, or the broker is being deleted.",
            "This continues if the class is offered again. Otherwise choose another class.",
        ),
        (
            "服务代理不再提供该服务类，或者服务代理正在被删除。",
            "如果重新提供该服务类，会自动继续；否则请选择其他服务类。",
        ),
    );
    pub(crate) const REFERENCES_DELETED_SERVICE_PLAN: Self = Self::new(
        (
            "The broker no longer offers the plan, or the broker is being deleted.",
            "This continues if the plan is offered again. Otherwise choose another plan.",
        ),
        (
            "服务代理不再提供该套餐，或者服务代理正在被删除。",
            "如果重新提供该套餐，会自动继续；否则请选择其他套餐。",
        ),
    );
    pub(crate) const REFERENCES_NONEXISTENT_BROKER: Self = Self::new(
        (
            "The broker object does not exist, or its Secret is missing or unusable.",
            "The operator retries. Create or correct the broker object or its Secret.",
        ),
        (
            "服务代理对象不存在，或者它的 Secret 不存在或无法使用。",
            "控制器会重试。请创建或更正服务代理对象或其 Secret。",
        ),
    );
    pub(crate) const REFERENCES_NONEXISTENT_INSTANCE: Self = Self::new(
        (
            "The instance that spec.instanceRef names does not exist.",
            "This continues when the instance is created.",
        ),
        ("spec.instanceRef 指定的实例不存在。", "创建该实例后会自动继续。"),
    );
    pub(crate) const ERROR_INSTANCE_NOT_READY: Self = Self::new(
        (
            "The instance is not ready, is being changed, or is being deleted.",
            "This continues when the instance is ready. Look at the instance.",
        ),
        ("实例未就绪、正在更改或正在删除。", "实例就绪后会自动继续。请查看该实例。"),
    );
    pub(crate) const ERROR_WITH_PARAMETERS: Self = Self::new(
        (
            "The parameters are unusable: a source is missing, or they do not fit the schema of the plan.",
            "The broker is not called. Correct the parameters or the Secret that the message names.",
        ),
        (
            "参数无法使用：来源缺失，或者不符合套餐的模式（schema）。",
            "控制器没有调用服务代理。请更正参数或消息中提到的 Secret。",
        ),
    );
    pub(crate) const BINDING_PARAMETERS: Self = Self::new(
        (
            "The parameters are unusable: a source is missing, or they do not fit the schema of the plan.",
            "The broker is not called. Correct the Secret that the message names. The parameters of a \
             binding are immutable: to change them, create another binding.",
        ),
        (
            "参数无法使用：来源缺失，或者不符合套餐的模式（schema）。",
            "控制器没有调用服务代理。请更正消息中提到的 Secret。绑定的参数不可更改：如需更改，请另建绑定。",
        ),
    );
    pub(crate) const EXTERNAL_ID_IN_USE: Self = Self::new(
        (
            "Another object has the ID that spec.externalID sets. The broker is not called.",
            "This continues when the other object is gone. Otherwise create an object without \
             spec.externalID.",
        ),
        (
            "另一个对象已使用 spec.externalID 所设的 ID。控制器没有调用服务代理。",
            "另一个对象删除后会自动继续；否则请创建不带 spec.externalID 的对象。",
        ),
    );
    pub(crate) const ERROR_POLLING_LAST_OPERATION: Self = Self::new(
        (
            "The broker did not say how far the operation is.",
            "The operator goes on asking, until the deadline of the operation. Look at the broker.",
        ),
        ("服务代理没有报告操作的进度。", "在操作的截止时间之前，控制器会继续查询。请检查服务代理。"),
    );
    pub(crate) const PAUSED_BY_ANNOTATION: Self = Self::new(
        (
            "A user has paused it: the operator does not call the broker for it, not even to delete it.",
            "Resume it to go on.",
        ),
        ("用户已将其暂停：控制器不会为它调用服务代理，删除时也不会。", "恢复后会继续。"),
    );
    pub(crate) const REFUSED_BY_API_SERVER: Self = Self::new(
        (
            "The API server refuses what the operator has to write, for example because of a quota or a \
             policy.",
            "The operator retries every 5 minutes or sooner. Correct the quota or the policy that the \
             message names.",
        ),
        (
            "API 服务器拒绝控制器的写入，例如由于配额或策略。",
            "控制器至少每 5 分钟重试一次。请更正消息中提到的配额或策略。",
        ),
    );
    pub(crate) const NAME_TAKEN: Self = Self::new(
        (
            "Another object has the name of the object that the operator has to create.",
            "Delete one of the two, or choose another name.",
        ),
        ("控制器要创建的对象的名称已被另一个对象使用。", "请删除其中之一，或选择其他名称。"),
    );
    pub(crate) const CHILD_REFUSED: Self = Self::new(
        (
            "The API server rejects the object that the operator has to write.",
            "The operator retries. Correct what the message names, for example a quota.",
        ),
        ("API 服务器拒绝控制器要写入的对象。", "控制器会重试。请更正消息中提到的问题，例如配额。"),
    );
}
