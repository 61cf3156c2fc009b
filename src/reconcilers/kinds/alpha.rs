//! Reconciles the alpha kinds: keeps the child of each alpha object in sync with it. One implementation serves all
//! three pairs of kinds.

use std::sync::Arc;

use kube::ResourceExt as _;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;

use crate::crd::alpha::{AlphaStatus, Binding, Broker, Instance};
use crate::crd::readable::Readable;
use crate::domain::Note;
use crate::domain::alpha::{self as domain, Step, decide, refused, write_refused};
use crate::domain::binding::cascades_to_bindings;
use crate::reconcilers::caches::Caches;
use crate::reconcilers::clock;
use crate::reconcilers::context::Context;
use crate::reconcilers::error::{During as _, Error};
use crate::reconcilers::identity::reference;
use crate::reconcilers::kind::Kind;

/// The policy that lets the operator create bindings only where alpha Bindings exist.
const CHILD_POLICY: &str = "'own-child.servicecatalog.k8s.io'";

/// An alpha kind.
pub trait Alpha: Kind + domain::Alpha<Child: Kind> {
    /// Whether the object is to be deleted because the object that it belongs to is being deleted.
    fn is_deleted_with_parent(&self, _: &Caches) -> bool {
        false
    }
}

impl Alpha for Broker {}

impl Alpha for Instance {}

impl Alpha for Binding {
    fn is_deleted_with_parent(&self, caches: &Caches) -> bool {
        let instance = reference(&self.spec.instance_ref.name, self.namespace().as_deref());
        caches.instances.get(&instance).is_some_and(|instance| cascades_to_bindings(&instance))
    }
}

/// The object of another kind with the same name, in the same namespace.
pub fn namesake<K: Kind, O: Kind>(object: &K) -> ObjectRef<O> {
    reference(&object.name_any(), object.namespace().as_deref())
}

/// Reconciles an alpha object. A change of its child requeues it.
pub async fn reconcile<A: Alpha>(alpha: Arc<A>, context: Arc<Context>) -> Result<Action, Error> {
    let mut alpha = Arc::unwrap_or_clone(alpha);
    let mut child = A::Child::cache(&context.caches).get(&namesake(&alpha)).map(Arc::unwrap_or_clone);
    if child.as_ref().is_some_and(|child| context.api.is_stale(child)) {
        return Ok(Action::await_change());
    }
    // Whether the child was read live: the cache may be stale, and a change based on it may undo another one.
    let mut is_live = false;
    loop {
        let done = match decide(
            &alpha,
            child.as_ref(),
            alpha.is_deleted_with_parent(&context.caches),
            &clock::now(),
        ) {
            Step::Wait => Ok(()),
            Step::AddFinalizer => {
                let added = context.api.add_finalizer(&alpha).await;
                // A status would say that the finalizer was there.
                if let Err(error) = added.as_ref()
                    && error.is_refused()
                {
                    context.api.record_event(&alpha, Note::refused(&error.refused())).await;
                }
                alpha = added?;
                continue;
            }
            Step::Change(_) | Step::RemoveFinalizer if !is_live => {
                (child, is_live) = (read_child(&context, &alpha).await?, true);
                continue;
            }
            Step::Create(new) => match context.api.create(new.as_ref(), "creating the child object").await {
                Err(error) if error.is_already_exists() && !is_live => {
                    (child, is_live) = (read_child(&context, &alpha).await?, true);
                    continue;
                }
                created => report_refusal(&context, alpha, created).await,
            },
            Step::Change(wanted) => {
                let child = child.as_ref().unwrap_or(&wanted);
                let changed = context.api.change(child, &wanted, "changing the child object").await;
                report_refusal(&context, alpha, changed).await
            }
            Step::Delete(child) => or_tell(&context, &alpha, context.api.delete(child.as_ref()).await).await,
            Step::Leave => or_tell(&context, &alpha, context.api.delete(&alpha).await).await,
            Step::Copy(status) => write_status(&context, alpha, *status).await,
            Step::Complain(status) => report(&context, alpha, *status).await,
            Step::RemoveFinalizer => {
                or_tell(&context, &alpha, context.api.remove_finalizer(&alpha).await).await
            }
        };
        return done.map(|()| Action::await_change());
    }
}

async fn read_child<A: Alpha>(context: &Context, alpha: &A) -> Result<Option<A::Child>, Error> {
    let api = A::Child::api(context.api.client.clone(), alpha.namespace().as_deref());
    let found = api.get_opt(&alpha.name_any()).await.during("reading the child object")?;
    Ok(found.map(|Readable(child)| child))
}

/// Reports in the status why the API server rejected the child. The error remains, so that the write is retried. For
/// the policy `own-child` the retry is enough: the API server's admission may learn of the first alpha Binding of a
/// namespace a moment later than the operator, and up to half a minute after its own start.
async fn report_refusal<A: Alpha>(
    context: &Context,
    alpha: A,
    written: Result<A::Child, Error>,
) -> Result<(), Error> {
    let Err(error) = written else { return Ok(()) };
    if let Some(why) = error.refusal().filter(|why| !why.contains(CHILD_POLICY)) {
        let status = refused(&alpha, why, &clock::now());
        report(context, alpha, status).await?;
    }
    Err(error)
}

/// Tells in the status why the API server refused another write. The error remains, so that it is retried.
async fn or_tell<A: Alpha>(context: &Context, alpha: &A, done: Result<(), Error>) -> Result<(), Error> {
    if let Err(error) = done.as_ref()
        && error.is_refused()
    {
        report(context, alpha.clone(), write_refused(alpha, &error.refused(), &clock::now())).await?;
    }
    done
}

/// Writes a status that does not come from the child, with an event.
async fn report<A: Alpha>(context: &Context, alpha: A, status: AlphaStatus) -> Result<(), Error> {
    let before = alpha.status().cloned().unwrap_or_default();
    if before == status {
        return Ok(());
    }
    if let Some(note) = Note::for_change(&before.conditions, &status.conditions) {
        context.api.record_event(&alpha, note).await;
    }
    write_status(context, alpha, status).await
}

async fn write_status<A: Alpha>(context: &Context, mut alpha: A, status: AlphaStatus) -> Result<(), Error> {
    *alpha.status_mut() = Some(status);
    context.api.write_status(&alpha).await.map(|_| ())
}
