//! Do the parameters that are about to be sent fit the schema of the plan?

use std::sync::Arc;

use tracing::debug;

use crate::crd::role::Plan;
use crate::domain::parameters::Parameters;
use crate::domain::schema::{Checked, Purpose, check};
use crate::reconcilers::context::Context;

/// How many schemas are applied at once.
pub const CHECKS: usize = 2;

/// The parameters, or what is wrong with them. Schemas may be anybody's, so they are applied where nobody else has to
/// wait for it, and namespaces take turns.
pub async fn fitting<P: Plan + Send + Sync + 'static>(
    context: &Context,
    namespace: &str,
    (plan, purpose): (Option<Arc<P>>, Purpose),
    parameters: Parameters,
) -> Result<Parameters, String> {
    let Some(plan) = plan.filter(|plan| purpose.schema(plan.common()).is_some()) else {
        return Ok(parameters);
    };
    let name = plan.common().external_name.clone();
    let _turn = context.checks.take(namespace).await;
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
