//! What there is to say of an object without the reason of a condition.

use super::Sentences;

impl Sentences {
    pub(crate) const READY: Self = Self::new(("It can be used.", ""), ("可以使用。", ""));
    pub(crate) const FAILED_FOR_GOOD: Self = Self::new(
        (
            "The last operation failed for good.",
            "The operator does not retry until a user changes the object. The message says why it failed.",
        ),
        ("最近的操作彻底失败。", "在用户更改该对象之前，控制器不会重试。消息说明了失败的原因。"),
    );
    pub(crate) const NOT_REPORTED: Self = Self::new(
        ("The operator has not reported anything about it yet.", "Wait a few seconds."),
        ("控制器尚未报告它的任何情况。", "请等待几秒钟。"),
    );
    pub(crate) const NOT_REPORTED_FOR_LONG: Self = Self::new(
        (
            "The operator has not reported anything about it.",
            "It may not be running, or may not work in this namespace. Ask the platform team.",
        ),
        ("控制器没有报告它的任何情况。", "控制器可能未运行，或不管理此名字空间。请联系平台团队。"),
    );
}
