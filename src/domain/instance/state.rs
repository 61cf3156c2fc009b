//! What does the stored status of an instance mean? It is parsed here, once, into a [`Phase`], which rules out
//! contradictory combinations of fields, and converted back here. `decide` and `settle` work with phases, never with
//! the stored fields that make up a phase.

use std::mem::take;

use crate::crd::ServiceInstanceStatus;
use crate::crd::instance::{InstanceOperation, InstanceProperties, ProvisionStatus};
use crate::crd::operation::{Orphan, Schedule};
use crate::domain::decision;
use crate::domain::progress::{Execution, HasProgress, Progress};

/// Where an instance is in its lifecycle at the broker.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Phase {
    /// The broker has nothing under `instanceID`. Orphans of earlier attempts are in `status.orphans`.
    Absent {
        /// The request of the last attempt, while it may have left something.
        abandoned: Option<InstanceProperties>,
    },
    /// A provision is in progress.
    Provisioning { request: InstanceProperties, execution: Execution },
    /// The broker has confirmed the instance.
    Provisioned { confirmed: InstanceProperties },
    /// An update of a confirmed instance is in progress.
    Updating { confirmed: InstanceProperties, request: InstanceProperties, execution: Execution },
    /// A deprovision is in progress.
    Deprovisioning {
        confirmed: Option<InstanceProperties>,
        request: Option<InstanceProperties>,
        execution: Execution,
    },
}

impl Default for Phase {
    fn default() -> Self {
        Self::Absent { abandoned: None }
    }
}

impl Phase {
    /// The confirmed properties, or else the requested ones.
    pub(super) fn known(&self) -> Option<&InstanceProperties> {
        self.confirmed().or_else(|| self.request())
    }

    pub(super) fn confirmed(&self) -> Option<&InstanceProperties> {
        match self {
            Self::Provisioned { confirmed } | Self::Updating { confirmed, .. } => Some(confirmed),
            Self::Deprovisioning { confirmed, .. } => confirmed.as_ref(),
            Self::Absent { .. } | Self::Provisioning { .. } => None,
        }
    }

    pub(super) fn request(&self) -> Option<&InstanceProperties> {
        match self {
            Self::Provisioning { request, .. } | Self::Updating { request, .. } => Some(request),
            Self::Absent { abandoned: request } | Self::Deprovisioning { request, .. } => request.as_ref(),
            Self::Provisioned { .. } => None,
        }
    }

    /// All properties, for `adopt` to complete.
    pub(super) fn properties_mut(&mut self) -> impl Iterator<Item = &mut InstanceProperties> {
        let (request, confirmed) = match self {
            Self::Absent { abandoned } => (abandoned.as_mut(), None),
            Self::Provisioning { request, .. } => (Some(request), None),
            Self::Provisioned { confirmed } => (None, Some(confirmed)),
            Self::Updating { confirmed, request, .. } => (Some(request), Some(confirmed)),
            Self::Deprovisioning { confirmed, request, .. } => (request.as_mut(), confirmed.as_mut()),
        };
        request.into_iter().chain(confirmed)
    }

    /// How the current operation is executed.
    pub(super) fn execution(&self) -> Option<&Execution> {
        match self {
            Self::Provisioning { execution, .. }
            | Self::Updating { execution, .. }
            | Self::Deprovisioning { execution, .. } => Some(execution),
            Self::Absent { .. } | Self::Provisioned { .. } => None,
        }
    }

    /// From now on the current operation is polled, or requested again.
    pub(super) fn set_execution(&mut self, next: Execution) {
        match self {
            Self::Provisioning { execution, .. }
            | Self::Updating { execution, .. }
            | Self::Deprovisioning { execution, .. } => *execution = next,
            Self::Absent { .. } | Self::Provisioned { .. } => {}
        }
    }

    /// The broker has executed the request: the requested properties become the confirmed ones.
    pub(super) fn confirm(&mut self) {
        *self = match take(self) {
            Self::Provisioning { request, .. } | Self::Updating { request, .. } => {
                Self::Provisioned { confirmed: request }
            }
            Self::Absent { abandoned: known }
            | Self::Deprovisioning { request: known, confirmed: None, .. }
            | Self::Deprovisioning { confirmed: known, .. } => {
                known.map_or_else(Self::default, |confirmed| Self::Provisioned { confirmed })
            }
            provisioned @ Self::Provisioned { .. } => provisioned,
        };
    }

    /// Gives up the current operation, which left nothing at the broker. Confirmed properties stay. Returns the
    /// request.
    pub(super) fn withdraw(&mut self) -> Option<InstanceProperties> {
        let request = self.request().cloned();
        *self = match take(self) {
            Self::Absent { .. }
            | Self::Provisioning { .. }
            | Self::Deprovisioning { confirmed: None, .. } => Self::default(),
            Self::Provisioned { confirmed }
            | Self::Updating { confirmed, .. }
            | Self::Deprovisioning { confirmed: Some(confirmed), .. } => Self::Provisioned { confirmed },
        };
        request
    }

    /// Gives up the current operation, which may have left something at the broker.
    pub(super) fn abandon(&mut self) {
        *self = match take(self) {
            Self::Provisioning { request, .. } => Self::Absent { abandoned: Some(request) },
            Self::Absent { abandoned } | Self::Deprovisioning { request: abandoned, confirmed: None, .. } => {
                Self::Absent { abandoned }
            }
            Self::Provisioned { confirmed }
            | Self::Updating { confirmed, .. }
            | Self::Deprovisioning { confirmed: Some(confirmed), .. } => Self::Provisioned { confirmed },
        };
    }

    /// Nothing of the request is left at the broker.
    pub(super) fn forget_request(&mut self) {
        if let Self::Absent { abandoned: request } | Self::Deprovisioning { request, .. } = self {
            *request = None;
        }
    }

    /// Starts a deprovision.
    pub(super) fn deprovision(&mut self) {
        let execution = Execution::Requested;
        *self = match take(self) {
            Self::Absent { abandoned: request } => {
                Self::Deprovisioning { confirmed: None, request, execution }
            }
            Self::Provisioning { request, .. } => {
                Self::Deprovisioning { confirmed: None, request: Some(request), execution }
            }
            Self::Provisioned { confirmed } => {
                Self::Deprovisioning { confirmed: Some(confirmed), request: None, execution }
            }
            Self::Updating { confirmed, request, .. } => {
                Self::Deprovisioning { confirmed: Some(confirmed), request: Some(request), execution }
            }
            Self::Deprovisioning { confirmed, request, .. } => {
                Self::Deprovisioning { confirmed, request, execution }
            }
        };
    }
}

/// A parsed status.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InstanceState {
    /// Where the instance is in its lifecycle.
    pub(super) phase: Phase,
    /// All other fields of the status. The fields that make up the phase are empty here.
    pub(super) record: ServiceInstanceStatus,
}

impl InstanceState {
    /// Parses a status. A status of this operator survives the round trip unchanged.
    pub(super) fn parse(mut record: ServiceInstanceStatus) -> Self {
        let (request, confirmed) = (record.in_progress_properties.take(), record.external_properties.take());
        let phase = match (record.current_operation.take(), confirmed) {
            (Some(InstanceOperation::Deprovision), confirmed) => {
                Phase::Deprovisioning { confirmed, request, execution: execution(&mut record) }
            }
            (Some(InstanceOperation::Update), Some(confirmed)) => Phase::Updating {
                confirmed,
                request: request.unwrap_or_default(),
                execution: execution(&mut record),
            },
            (Some(InstanceOperation::Provision | InstanceOperation::Update), None) => Phase::Provisioning {
                request: request.unwrap_or_default(),
                execution: execution(&mut record),
            },
            (Some(InstanceOperation::Provision) | None, Some(confirmed)) => {
                record.in_progress_properties = request;
                Phase::Provisioned { confirmed }
            }
            (None, None) => Phase::Absent { abandoned: request },
        };
        Self { phase, record }
    }

    /// Whether service-catalog was mitigating an orphan whose ids are unknown here.
    pub(super) fn has_orphan_without_ids(&self) -> bool {
        self.record.orphan_mitigation_in_progress && self.record.orphans.is_empty()
    }

    /// The orphan that the current attempt may leave at the broker.
    pub(super) fn orphan(&self, reason: &str) -> Option<Orphan> {
        let properties = self.phase.known()?;
        Some(Orphan {
            id: self.record.instance_id.clone(),
            service_id: properties.service_id.clone(),
            plan_id: properties.plan_id().to_owned(),
            broker_name: properties.broker_name.clone(),
            reason: reason.to_owned(),
            ..Orphan::default()
        })
    }
}

impl decision::State for InstanceState {
    type Status = ServiceInstanceStatus;

    fn into_status(self) -> ServiceInstanceStatus {
        let Self { phase, record: mut status } = self;
        let execution = match phase {
            Phase::Absent { abandoned } => {
                status.in_progress_properties = abandoned;
                return status;
            }
            Phase::Provisioned { confirmed } => {
                status.external_properties = Some(confirmed);
                return status;
            }
            Phase::Provisioning { request, execution } => {
                status.current_operation = Some(InstanceOperation::Provision);
                status.in_progress_properties = Some(request);
                execution
            }
            Phase::Updating { confirmed, request, execution } => {
                status.current_operation = Some(InstanceOperation::Update);
                (status.external_properties, status.in_progress_properties) =
                    (Some(confirmed), Some(request));
                execution
            }
            Phase::Deprovisioning { confirmed, request, execution } => {
                status.current_operation = Some(InstanceOperation::Deprovision);
                (status.external_properties, status.in_progress_properties) = (confirmed, request);
                execution
            }
        };
        execution.store(&mut status.async_op_in_progress, &mut status.last_operation);
        status
    }

    fn broker(&self) -> Option<&str> {
        self.phase.known().map(|known| &*known.broker_name)
    }

    fn schedule(&self) -> Option<&Schedule> {
        self.record.operation.as_ref()
    }

    fn set_observed_generation(&mut self, generation: i64) {
        self.record.observed_generation = generation;
    }

    fn clear_refused(status: &mut ServiceInstanceStatus) {
        status.refused.clear();
    }
}

impl HasProgress for InstanceState {
    fn progress(&mut self) -> Progress<'_> {
        self.record.progress()
    }
}

fn execution(record: &mut ServiceInstanceStatus) -> Execution {
    Execution::take(&mut record.async_op_in_progress, &mut record.last_operation)
}

/// Whether the broker may have an instance for this status.
pub(super) fn may_exist(status: &ServiceInstanceStatus) -> bool {
    status.current_operation.is_some()
        || status.external_properties.is_some()
        || status.orphan_mitigation_in_progress
        || status.provision_status == ProvisionStatus::Provisioned
        || status.deprovision_status.is_outstanding()
}
