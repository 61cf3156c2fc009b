//! `POST /ns/{namespace}/bindings/{name}/reveal`: one value of the binding's Secret. It is in no address, log or cache.

use crate::crd::ServiceBinding;
use axum::Extension;
use axum::extract::Path;
use k8s_openapi::api::core::v1::Secret;

use crate::console::answer::failure::Failure;
use crate::console::answer::page::{Page, Section};
use crate::console::pages::binding::revealed;
use crate::console::request::form::Form;
use crate::console::request::visit::Visiting;
use crate::console::views::binding::Binding;

/// Shows a value. The Secret is the binding's: there is no way to another one.
pub async fn show(
    Extension(visit): Visiting,
    Path((namespace, name)): Path<(String, String)>,
    Extension(form): Extension<Form>,
) -> Result<Page, Failure> {
    let binding: ServiceBinding = visit.cluster.get(Some(&namespace), &name).await?;
    let secret: Secret = visit.cluster.get(Some(&namespace), binding.secret_name()).await?;
    let key = form.value("key");
    let value = secret.data.unwrap_or_default().remove(key).ok_or(Failure::NotFound)?;
    let value = String::from_utf8(value.0).ok();
    let language = visit.language();
    let content = revealed(&Binding::of(&binding), key, value.as_deref(), language);
    let page = Page::new(Section::Instances, language.pick("Value", "值"), content);
    Ok(Page { is_secret: true, ..page })
}
