//! Reasons of `Injected` and `RolledOut`: which pods have the credentials.

use super::Sentences;

impl Sentences {
    pub(crate) const ROLLED_OUT: Self = Self::new(
        ("All selected pods have the current credentials.", ""),
        ("所有选中的 Pod 都有当前凭据。", ""),
    );
    pub(crate) const LOOKING_FOR_PODS: Self = Self::new(
        ("The operator is checking which pods have the current credentials.", "Wait a few seconds."),
        ("控制器正在检查哪些 Pod 有当前凭据。", "请等待几秒钟。"),
    );
    pub(crate) const ROLLING: Self = Self::new(
        ("Workloads are being restarted to get the credentials.", "Wait until their rollout is complete."),
        ("正在重启工作负载以获取凭据。", "请等待它们的滚动更新完成。"),
    );
    pub(crate) const WAITING_FOR_RESTART: Self = Self::new(
        (
            "A restart waits: other workloads are being restarted, or another binding of the same pods is \
             not ready yet.",
            "Wait: the operator restarts the workloads after that.",
        ),
        (
            "重启正在等待：其他工作负载正在重启，或同一些 Pod 的另一个绑定尚未就绪。",
            "请等待：之后控制器会重启这些工作负载。",
        ),
    );
    pub(crate) const RESTART_REFUSED: Self = Self::new(
        (
            "The API server rejects the restart of workloads.",
            "The operator retries every 10 seconds. Look for a policy that forbids it; the operator's log \
             has the answer.",
        ),
        (
            "API 服务器拒绝重启工作负载。",
            "控制器每 10 秒重试一次。请检查是否有策略禁止重启；控制器的日志中有 API 服务器的答复。",
        ),
    );
    pub(crate) const ROLLOUT_PAUSED: Self = Self::new(
        (
            "The rollout of Deployments is paused, so their pods lack the credentials.",
            "Resume it with kubectl rollout resume.",
        ),
        ("Deployment 的滚动更新已暂停，因此其 Pod 缺少凭据。", "请用 kubectl rollout resume 恢复。"),
    );
    pub(crate) const ON_DELETE: Self = Self::new(
        (
            "The update strategy OnDelete replaces only pods that a user deletes.",
            "Delete the pods of the workloads that the message names.",
        ),
        ("更新策略 OnDelete 只替换由用户删除的 Pod。", "请删除消息中列出的工作负载的 Pod。"),
    );
    pub(crate) const POLICY_MISSING: Self = Self::new(
        (
            "An admission policy of service-catalog is not installed, so pods start without the credentials.",
            "Ask the platform team to run helm upgrade.",
        ),
        (
            "service-catalog 的某个准入策略未安装，因此 Pod 启动时没有凭据。",
            "请联系平台团队运行 helm upgrade。",
        ),
    );
    pub(crate) const STALE_PODS: Self = Self::new(
        (
            "Pods lack the current credentials, and a restart by the operator does not help.",
            "The message names them and says why. Delete the pods and create them again.",
        ),
        (
            "有 Pod 缺少当前凭据，由控制器重启也无济于事。",
            "消息列出了这些 Pod 和原因。请删除并重新创建它们。",
        ),
    );
    pub(crate) const RESTARTS_DISABLED: Self = Self::new(
        (
            "Pods lack the current credentials, and the operator may not restart their workloads.",
            "Run kubectl rollout restart for the workloads that the message names.",
        ),
        (
            "有 Pod 缺少当前凭据，而控制器不得重启其工作负载。",
            "请对消息中列出的工作负载运行 kubectl rollout restart。",
        ),
    );
    pub(crate) const NAMESPACE_EXCLUDED: Self = Self::new(
        ("Injection is disabled in this namespace.", "Bind in another namespace."),
        ("此名字空间中禁用了注入。", "请在其他名字空间中绑定。"),
    );
    pub(crate) const COLLISION: Self = Self::new(
        (
            "Containers already define a variable or a mount that the binding would add, and keep their own.",
            "Rename it in the pod or in spec.injection, or list the other containers in \
             spec.injection.containers.",
        ),
        (
            "有容器已定义绑定要添加的环境变量或挂载，并保留了自己的定义。",
            "请在 Pod 或 spec.injection 中改名，或在 spec.injection.containers 中列出其他容器。",
        ),
    );
    pub(crate) const INJECTION_LIMIT: Self = Self::new(
        (
            "The namespace has as many injecting bindings or variables as are allowed, or the selector is \
             too large.",
            "The Secret is written. Pods get it when another binding is deleted, or the selector is \
             shortened.",
        ),
        (
            "此名字空间中的注入绑定或环境变量已达上限，或者选择算符过大。",
            "Secret 照常写入。删除其他绑定或缩短选择算符后，Pod 才会得到凭据。",
        ),
    );
    pub(crate) const SECRET_NOT_OWNED: Self = Self::new(
        (
            "A Secret with the name of the binding's exists and does not belong to it.",
            "Delete that Secret, or create a binding with another secretName.",
        ),
        (
            "已存在与该绑定的 Secret 同名、但不属于它的 Secret。",
            "请删除那个 Secret，或用其他 secretName 另建绑定。",
        ),
    );
    pub(crate) const UNSAFE_VARIABLES: Self = Self::new(
        (
            "The Secret has entries that would become variables that run code.",
            "The operator requests the credentials again and writes them without these entries.",
        ),
        ("Secret 中有条目会成为可运行代码的环境变量。", "控制器会重新请求凭据，并在写入时略去这些条目。"),
    );
    pub(crate) const UNSAFE_VARIABLES_KEPT: Self = Self::new(
        (
            "Pods get the binding as before, but spec.injection.env names variables that run code.",
            "Rename the variables, or set spec.injection.allowUnsafeVariables.",
        ),
        (
            "Pod 照常得到该绑定，但 spec.injection.env 列出了可运行代码的环境变量。",
            "请给这些变量改名，或设置 spec.injection.allowUnsafeVariables。",
        ),
    );
}
