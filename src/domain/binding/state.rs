//! What does the stored status of a binding mean?
//!
//! The fields of a status can contradict each other. So this module parses them once into a [`BindingState`], which
//! cannot, and turns that back into a status. Decisions and settlements work with its [`Phase`] only, never with the
//! fields that encode it (`currentOperation`, `externalProperties`, `inProgressProperties`, `successorID`,
//! `asyncOpInProgress`, `lastOperation`).

use std::mem::take;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::crd::ServiceBindingStatus;
use crate::crd::binding::{BindingOperation, BindingProperties};
use crate::crd::operation::{BoundInstance, Orphan, Schedule};
use crate::domain::decision;
use crate::domain::progress::{Execution, HasProgress, Progress};

/// How far a binding is at its broker.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Phase {
    /// The broker has no binding with this `bindingID`. Earlier attempts may have left orphans, which `status.orphans`
    /// lists.
    Absent {
        /// The request of the last attempt, if service-catalog made it or the status still shows it.
        last_request: Option<BindingProperties>,
    },
    /// The binding is being created.
    Binding { request: BindingProperties, execution: Execution },
    /// The broker has confirmed the binding.
    Bound { confirmed: BindingProperties },
    /// Bound, and the same binding is requested again because the Secret lost its credentials.
    Rebinding { confirmed: BindingProperties, request: BindingProperties, execution: Execution },
    /// Bound, and the successor is being created.
    Rotating {
        confirmed: BindingProperties,
        request: BindingProperties,
        successor_id: String,
        execution: Execution,
    },
    /// The binding is being removed.
    Unbinding {
        confirmed: Option<BindingProperties>,
        request: Option<BindingProperties>,
        execution: Execution,
    },
}

impl Default for Phase {
    fn default() -> Self {
        Self::Absent { last_request: None }
    }
}

impl Phase {
    /// The confirmed properties, or else the requested ones.
    fn known(&self) -> Option<&BindingProperties> {
        self.confirmed().or_else(|| self.request())
    }

    pub(super) fn confirmed(&self) -> Option<&BindingProperties> {
        match self {
            Self::Bound { confirmed }
            | Self::Rebinding { confirmed, .. }
            | Self::Rotating { confirmed, .. } => Some(confirmed),
            Self::Unbinding { confirmed, .. } => confirmed.as_ref(),
            Self::Absent { .. } | Self::Binding { .. } => None,
        }
    }

    pub(super) fn request(&self) -> Option<&BindingProperties> {
        match self {
            Self::Binding { request, .. }
            | Self::Rebinding { request, .. }
            | Self::Rotating { request, .. } => Some(request),
            Self::Absent { last_request: request } | Self::Unbinding { request, .. } => request.as_ref(),
            Self::Bound { .. } => None,
        }
    }

    /// The instance that the calls are about; `None` if its OSB ids are not known.
    pub(super) fn instance(&self) -> Option<&BoundInstance> {
        self.known()?.instance.as_ref()
    }

    /// All properties, so that `adopt` can complete them.
    pub(super) fn properties_mut(&mut self) -> impl Iterator<Item = &mut BindingProperties> {
        let (request, confirmed) = match self {
            Self::Absent { last_request } => (last_request.as_mut(), None),
            Self::Binding { request, .. } => (Some(request), None),
            Self::Bound { confirmed } => (None, Some(confirmed)),
            Self::Rebinding { confirmed, request, .. } | Self::Rotating { confirmed, request, .. } => {
                (Some(request), Some(confirmed))
            }
            Self::Unbinding { confirmed, request, .. } => (request.as_mut(), confirmed.as_mut()),
        };
        request.into_iter().chain(confirmed)
    }

    /// Whether the current operation is requested or polled; `None` without an operation.
    pub(super) fn execution(&self) -> Option<&Execution> {
        match self {
            Self::Binding { execution, .. }
            | Self::Rebinding { execution, .. }
            | Self::Rotating { execution, .. }
            | Self::Unbinding { execution, .. } => Some(execution),
            Self::Absent { .. } | Self::Bound { .. } => None,
        }
    }

    /// From now on the current operation is polled, or requested again.
    pub(super) fn set_execution(&mut self, next: Execution) {
        match self {
            Self::Binding { execution, .. }
            | Self::Rebinding { execution, .. }
            | Self::Rotating { execution, .. }
            | Self::Unbinding { execution, .. } => *execution = next,
            Self::Absent { .. } | Self::Bound { .. } => {}
        }
    }

    /// The broker confirmed the request: the binding is bound.
    pub(super) fn confirm(&mut self) {
        *self = match take(self) {
            Self::Binding { request, .. }
            | Self::Rebinding { request, .. }
            | Self::Rotating { request, .. } => Self::Bound { confirmed: request },
            Self::Absent { last_request: known }
            | Self::Unbinding { request: known, confirmed: None, .. }
            | Self::Unbinding { confirmed: known, .. } => {
                known.map_or_else(Self::default, |confirmed| Self::Bound { confirmed })
            }
            bound @ Self::Bound { .. } => bound,
        };
    }

    /// Gives up the current operation. What the broker had confirmed before stays.
    pub(super) fn withdraw(&mut self) {
        *self = match take(self) {
            Self::Absent { .. } | Self::Binding { .. } | Self::Unbinding { confirmed: None, .. } => {
                Self::default()
            }
            Self::Bound { confirmed }
            | Self::Rebinding { confirmed, .. }
            | Self::Rotating { confirmed, .. }
            | Self::Unbinding { confirmed: Some(confirmed), .. } => Self::Bound { confirmed },
        };
    }

    /// Starts the removal.
    pub(super) fn unbind(&mut self) {
        let execution = Execution::Requested;
        *self = match take(self) {
            Self::Absent { last_request: request } => Self::Unbinding { confirmed: None, request, execution },
            Self::Binding { request, .. } => {
                Self::Unbinding { confirmed: None, request: Some(request), execution }
            }
            Self::Bound { confirmed } => {
                Self::Unbinding { confirmed: Some(confirmed), request: None, execution }
            }
            Self::Rebinding { confirmed, request, .. } | Self::Rotating { confirmed, request, .. } => {
                Self::Unbinding { confirmed: Some(confirmed), request: Some(request), execution }
            }
            Self::Unbinding { confirmed, request, .. } => Self::Unbinding { confirmed, request, execution },
        };
    }
}

/// A parsed status.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BindingState {
    /// The phase.
    pub(super) phase: Phase,
    /// All other fields of the status. Those that the phase encodes are empty while the status is parsed.
    pub(super) record: ServiceBindingStatus,
}

impl BindingState {
    /// Parses a status. A status of this operator survives the round trip to a state and back unchanged.
    pub(super) fn parse(mut record: ServiceBindingStatus) -> Self {
        let (request, confirmed) = (record.in_progress_properties.take(), record.external_properties.take());
        let phase = match (record.current_operation.take(), confirmed) {
            (Some(BindingOperation::Unbind), confirmed) => {
                Phase::Unbinding { confirmed, request, execution: execution(&mut record) }
            }
            (Some(BindingOperation::Rotate), Some(confirmed)) => Phase::Rotating {
                confirmed,
                request: request.unwrap_or_default(),
                successor_id: take(&mut record.successor_id),
                execution: execution(&mut record),
            },
            (Some(BindingOperation::Bind), Some(confirmed)) => Phase::Rebinding {
                confirmed,
                request: request.unwrap_or_default(),
                execution: execution(&mut record),
            },
            (Some(BindingOperation::Bind | BindingOperation::Rotate), None) => {
                Phase::Binding { request: request.unwrap_or_default(), execution: execution(&mut record) }
            }
            (None, Some(confirmed)) => {
                record.in_progress_properties = request;
                Phase::Bound { confirmed }
            }
            (None, None) => Phase::Absent { last_request: request },
        };
        Self { phase, record }
    }

    /// Whether the broker has the binding and nothing removes it, neither an unbind nor orphan mitigation.
    pub(super) fn is_bound(&self) -> bool {
        let is_orphan = self.record.orphans.iter().any(|orphan| orphan.id == self.record.binding_id);
        let has =
            matches!(self.phase, Phase::Bound { .. } | Phase::Rebinding { .. } | Phase::Rotating { .. });
        has && !is_orphan
    }

    /// Whether service-catalog was mitigating an orphan whose ids are unknown.
    pub(super) fn has_orphan_without_ids(&self) -> bool {
        self.record.orphan_mitigation_in_progress && self.record.orphans.is_empty()
    }

    /// The orphan that the current attempt may leave at the broker; `None` if its instance is unknown.
    pub(super) fn orphan(&self, reason: &str) -> Option<Orphan> {
        Some(orphan_of(self.record.binding_id.clone(), self.phase.instance()?, reason))
    }
}

impl decision::State for BindingState {
    type Status = ServiceBindingStatus;

    fn into_status(self) -> ServiceBindingStatus {
        let Self { phase, record: mut status } = self;
        let execution = match phase {
            Phase::Absent { last_request } => {
                status.in_progress_properties = last_request;
                return status;
            }
            Phase::Bound { confirmed } => {
                status.external_properties = Some(confirmed);
                return status;
            }
            Phase::Binding { request, execution } => {
                status.current_operation = Some(BindingOperation::Bind);
                status.in_progress_properties = Some(request);
                execution
            }
            Phase::Rebinding { confirmed, request, execution } => {
                status.current_operation = Some(BindingOperation::Bind);
                (status.external_properties, status.in_progress_properties) =
                    (Some(confirmed), Some(request));
                execution
            }
            Phase::Rotating { confirmed, request, successor_id, execution } => {
                status.current_operation = Some(BindingOperation::Rotate);
                (status.external_properties, status.in_progress_properties) =
                    (Some(confirmed), Some(request));
                status.successor_id = successor_id;
                execution
            }
            Phase::Unbinding { confirmed, request, execution } => {
                status.current_operation = Some(BindingOperation::Unbind);
                (status.external_properties, status.in_progress_properties) = (confirmed, request);
                execution
            }
        };
        execution.store(&mut status.async_op_in_progress, &mut status.last_operation);
        status
    }

    fn broker(&self) -> Option<&str> {
        self.phase.instance().map(|instance| &*instance.broker_name)
    }

    fn correct_times(&mut self, now: &Time) {
        self.progress().correct_times(now);
        let record = &mut self.record;
        let replaced_at = record.predecessor.as_mut().and_then(|former| former.replaced_at.as_mut());
        for time in record.issued_at.iter_mut().chain(replaced_at).filter(|time| time.0 > now.0) {
            time.clone_from(now);
        }
    }

    fn schedule(&self) -> Option<&Schedule> {
        self.record.operation.as_ref()
    }

    fn set_observed_generation(&mut self, generation: i64) {
        self.record.observed_generation = generation;
    }

    fn clear_refused(status: &mut ServiceBindingStatus) {
        status.refused.clear();
    }
}

impl HasProgress for BindingState {
    fn progress(&mut self) -> Progress<'_> {
        self.record.progress()
    }
}

fn execution(record: &mut ServiceBindingStatus) -> Execution {
    Execution::take(&mut record.async_op_in_progress, &mut record.last_operation)
}

/// Whether the broker may know the binding that has this status.
pub(super) fn may_exist(status: &ServiceBindingStatus) -> bool {
    status.current_operation.is_some()
        || status.external_properties.is_some()
        || status.orphan_mitigation_in_progress
        || status.unbind_status.is_outstanding()
}

/// The orphan that the broker may have under this id.
pub(super) fn orphan_of(id: String, instance: &BoundInstance, reason: &str) -> Orphan {
    Orphan {
        id,
        service_id: instance.service_id.clone(),
        plan_id: instance.plan_id.clone(),
        broker_name: instance.broker_name.clone(),
        reason: reason.to_owned(),
        instance: Some(instance.clone()),
        ..Orphan::default()
    }
}
