//! Do the parameters that are about to be sent fit the schema of the plan?

use std::sync::Arc;

use tracing::debug;

use crate::crd::role::Plan;
use crate::domain::parameters::Parameters;
use crate::domain::schema::{Checked, Purpose, check};
use crate::reconcilers::error::Explained;
use crate::reconcilers::fair_limiter::FairLimiter;

/// How many schemas are applied at once.
pub const AT_ONCE: usize = 2;

/// The parameters, or what is wrong with them. A schema may be written by any broker and take long, so it is applied on a
/// thread of its own, and namespaces take turns.
pub async fn fitting<P: Plan + Send + Sync + 'static>(
    limit: &Arc<FairLimiter>,
    namespace: &str,
    plan: Option<Arc<P>>,
    purpose: Purpose,
    parameters: Parameters,
) -> Explained<Parameters> {
    let Some(plan) = plan.filter(|plan| purpose.schema(plan.common()).is_some()) else {
        return Ok(parameters);
    };
    let name = plan.common().external_name.clone();
    let _permit = limit.acquire(namespace).await;
    let (theirs, ours) = (parameters.clone(), plan);
    let checked = tokio::task::spawn_blocking(move || {
        purpose.schema(ours.common()).map_or(Checked::Fits, |schema| check(schema, &theirs))
    });
    match checked.await {
        Ok(Checked::Fits) => Ok(parameters),
        Ok(Checked::Violates(told)) => Err(format!(
            "The parameters do not fit the schema of the plan {name:?}: {told}. The broker is not asked until they do"
        )),
        Ok(Checked::NotApplied(why)) => {
            debug!(plan = name, ?purpose, why, "the schema is not applied");
            Ok(parameters)
        }
        Err(error) => {
            debug!(plan = name, ?purpose, %error, "the schema cannot be applied");
            Ok(parameters)
        }
    }
}
