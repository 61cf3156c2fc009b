//! What the API server refuses for good is told in the condition `WriteRefused`, and tried again with back-off.

use super::Lifecycle;
use crate::domain::Note;
use crate::domain::progress::HasProgress as _;
use crate::reconcilers::clock;
use crate::reconcilers::context::Context;
use crate::reconcilers::error::Error;
use crate::reconcilers::identity::uid;

/// After how many failures in a row a transient error of the API server counts as a refusal: 15 s. A webhook that does not
/// answer is such an error.
const FAILURES_ARE_REFUSALS: u32 = 5;

/// Whether this failure is a refusal.
pub fn is_refusal<K: Lifecycle>(context: &Context, object: &K, error: &Error) -> bool {
    let failures = context.failures.get(uid(object)).unwrap_or_default();
    error.is_refused() || error.is_transient() && failures >= FAILURES_ARE_REFUSALS
}

/// Tells the refusal, and postpones the next attempt. If the status is what the API server refuses, an event tells it.
pub async fn report<K: Lifecycle>(context: &Context, object: &K, error: &Error) {
    context.postponed.postpone(object.meta());
    let why = error.refused();
    if let Err(error) = write(context, object, &why).await
        && error.is_refused()
    {
        context.api.record_event(object, Note::refused(&why)).await;
    }
}

async fn write<K: Lifecycle>(context: &Context, object: &K, why: &str) -> Result<(), Error> {
    let mut object = context.api.read(object).await?;
    let mut status = object.status().cloned().unwrap_or_default();
    status.progress().write_refused(why, &clock::now());
    if object.status() != Some(&status) {
        *object.status_mut() = Some(status);
        context.api.write_status(&object).await?;
    }
    Ok(())
}
