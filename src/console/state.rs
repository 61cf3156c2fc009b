//! What an object's state is, in one line and in two languages. Pure: no I/O and no clock, the time is an argument.
//!
//! Entry points, each for `&ServiceInstance`, `&ServiceBinding`, `&ClusterServiceBroker` and `&ServiceBroker` (all of
//! them become a [`Subject`]):
//!
//! | function | returns |
//! |---|---|
//! | [`state_of`]`(&object, now)` | the [`State`]: word, symbol, tone, why, what happens next and when |
//! | [`conditions_of`]`(&object)` | all conditions for the details: [`ConditionLine`] |
//! | [`timeline`]`(&object, &events)` | events and conditions, newest first: [`Entry`] |
//! | [`actions_of`]`(&object, offering)` | the [`Action`]s that the state makes sensible, whatever the user's rights |
//! | [`consequences_of`]`(&object, &bindings, &consumers)` | what a deletion breaks: [`Consequences`] |
//!
//! An [`Action`] has a [`label`](Action::label), the [`right`](Action::right) that it needs, the
//! [`change`](Action::change) that carries it out, and the same as a [`kubectl`](Action::kubectl) command line.
//! [`time`] turns times into words.
//!
//! Texts of this room are in the user's language. [`State::text`], [`State::detail`], [`ConditionLine::text`] and
//! [`Entry::text`] are the words of the operator, the broker or the API server: English, untrusted, to be escaped and
//! shown as they are (`lang="en" dir="auto"`).
//!
//! ```text
//! let state = state_of(&instance, now);
//! let word = (state.word.symbol(), state.word.tone().class(), state.word.text(language));
//! let why = state.sentence(language);          // never empty
//! let hint = state.hint(language);             // what happens next, or what to do; empty if there is nothing to do
//! let next = state.next.map(|next| next.text(now, language)); // "next attempt in 2 minutes"
//! ```
//!
//! # Glossary of the Chinese texts
//!
//! As the Chinese documentation of Kubernetes has them: instance 实例 · binding 绑定 · broker 服务代理 · class 服务类 ·
//! plan 套餐 · catalog 目录 · parameters 参数 · credentials 凭据 · operator 控制器 (Operator) · API server API 服务器 ·
//! condition 状况 · annotation 注解 · finalizer Finalizer · workload 工作负载 · namespace 名字空间 · quota 配额 ·
//! rotate 轮换 · inject 注入 · restart 重启 · retry 重试 · provision 创建 (制备) · deprovision 注销 · orphan 残留资源 ·
//! Secret, Pod, Deployment: not translated.

mod action;
mod condition;
mod consequence;
mod line;
mod sentence;
mod subject;
pub mod time;
mod timeline;
mod word;

pub use action::{Action, Change, Offering, actions_of, quoted};
pub use condition::{ConditionLine, conditions_of};
pub use consequence::{Consequences, Consumer, DeletionPolicy, consequences_of};

pub use line::{State, state_of};
pub use subject::Subject;
pub use timeline::{Entry, Event, timeline};
pub use word::Tone;
