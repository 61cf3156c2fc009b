//! What pages show of objects. Pure: object → view, without I/O or a clock. Everything in objects is hostile: texts are
//! bounded here, links and images are checked here, and `pages` escapes.
//!
//! | file | question |
//! |---|---|
//! | `metadata` | what do brokers say about a class or plan for people? |
//! | `icon`, `link` | which images and addresses may a browser load? |
//! | `offering` | what is a class, and which is its address? |
//! | `catalog` | which classes match a search? |
//! | `plan` | what is a plan, and what does it cost? |
//! | `instance`, `binding`, `broker` | what is there to say about an object beside its state? |
//! | `application` | which applications can get credentials, and what would their pods get? |
//! | `workloads` | which workloads have credentials? |
//! | `draft` | what does the user want an instance to be? |
//! | `new_instance`, `edited_instance` | which object, or which change of it, is that? |
//! | `parameter_secret` | which parameters are in which key of a Secret? |
//! | `parameter_check` | what would the operator object to? |
//! | `live` | which pages are kept up to date? |
//! | `manifest` | what is an object as YAML? |

pub mod application;
pub mod binding;
pub mod broker;
pub mod catalog;
pub mod draft;
pub mod edited_instance;
pub mod icon;
pub mod instance;
pub mod link;
pub mod live;
pub mod manifest;
pub mod metadata;
pub mod new_instance;
pub mod offering;
pub mod parameter_check;
pub mod parameter_secret;
pub mod plan;
pub mod workloads;
