//! What the stored status of an instance means. It is parsed here once, into a state that cannot contradict itself, and
//! written back here: decisions and settlements know phases, not the fields that say how far an instance is.

use std::mem::take;

use crate::crd::ServiceInstanceStatus;
use crate::crd::instance::{InstanceOperation, InstanceProperties, ProvisionStatus};
use crate::crd::operation::{Orphan, Schedule};
use crate::domain::decision;
use crate::domain::progress::{Execution, HasProgress, Progress};

/// How far an instance is at its broker.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Phase {
    /// The broker has nothing under `instanceID`. Earlier attempts may have left orphans, which are listed on their own.
    Absent {
        /// What the last attempt asked for, as long as it may have left something.
        left: Option<InstanceProperties>,
    },
    /// The broker is asked to create the instance.
    Provisioning { request: InstanceProperties, execution: Execution },
    /// The broker has confirmed the instance.
    Provisioned { confirmed: InstanceProperties },
    /// The broker is asked to change the instance that it has confirmed.
    Updating { confirmed: InstanceProperties, request: InstanceProperties, execution: Execution },
    /// The broker is asked to remove the instance.
    Deprovisioning {
        confirmed: Option<InstanceProperties>,
        request: Option<InstanceProperties>,
        execution: Execution,
    },
}

impl Default for Phase {
    fn default() -> Self {
        Self::Absent { left: None }
    }
}

impl Phase {
    /// What the broker has confirmed, or else has been asked for.
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
            Self::Absent { left: request } | Self::Deprovisioning { request, .. } => request.as_ref(),
            Self::Provisioned { .. } => None,
        }
    }

    /// All properties, to be completed.
    pub(super) fn properties_mut(&mut self) -> impl Iterator<Item = &mut InstanceProperties> {
        let (request, confirmed) = match self {
            Self::Absent { left } => (left.as_mut(), None),
            Self::Provisioning { request, .. } => (Some(request), None),
            Self::Provisioned { confirmed } => (None, Some(confirmed)),
            Self::Updating { confirmed, request, .. } => (Some(request), Some(confirmed)),
            Self::Deprovisioning { confirmed, request, .. } => (request.as_mut(), confirmed.as_mut()),
        };
        request.into_iter().chain(confirmed)
    }

    /// How far the operation under way is.
    pub(super) fn execution(&self) -> Option<&Execution> {
        match self {
            Self::Provisioning { execution, .. }
            | Self::Updating { execution, .. }
            | Self::Deprovisioning { execution, .. } => Some(execution),
            Self::Absent { .. } | Self::Provisioned { .. } => None,
        }
    }

    /// The operation under way is polled from now on, or requested again.
    pub(super) fn set_execution(&mut self, next: Execution) {
        match self {
            Self::Provisioning { execution, .. }
            | Self::Updating { execution, .. }
            | Self::Deprovisioning { execution, .. } => *execution = next,
            Self::Absent { .. } | Self::Provisioned { .. } => {}
        }
    }

    /// The broker has done what it was asked for.
    pub(super) fn confirm(&mut self) {
        *self = match take(self) {
            Self::Provisioning { request, .. } | Self::Updating { request, .. } => {
                Self::Provisioned { confirmed: request }
            }
            Self::Absent { left: known }
            | Self::Deprovisioning { request: known, confirmed: None, .. }
            | Self::Deprovisioning { confirmed: known, .. } => {
                known.map_or_else(Self::default, |confirmed| Self::Provisioned { confirmed })
            }
            provisioned @ Self::Provisioned { .. } => provisioned,
        };
    }

    /// The operation under way is given up, and nothing of it is left at the broker: what had been confirmed before stays.
    /// Returns what was asked for.
    pub(super) fn withdraw(&mut self) -> Option<InstanceProperties> {
        let asked = self.request().cloned();
        *self = match take(self) {
            Self::Absent { .. }
            | Self::Provisioning { .. }
            | Self::Deprovisioning { confirmed: None, .. } => Self::default(),
            Self::Provisioned { confirmed }
            | Self::Updating { confirmed, .. }
            | Self::Deprovisioning { confirmed: Some(confirmed), .. } => Self::Provisioned { confirmed },
        };
        asked
    }

    /// The operation under way is given up, but something of it may be left at the broker.
    pub(super) fn abandon(&mut self) {
        *self = match take(self) {
            Self::Provisioning { request, .. } => Self::Absent { left: Some(request) },
            Self::Absent { left } | Self::Deprovisioning { request: left, confirmed: None, .. } => {
                Self::Absent { left }
            }
            Self::Provisioned { confirmed }
            | Self::Updating { confirmed, .. }
            | Self::Deprovisioning { confirmed: Some(confirmed), .. } => Self::Provisioned { confirmed },
        };
    }

    /// Nothing is left of what was asked for.
    pub(super) fn forget_request(&mut self) {
        if let Self::Absent { left: request } | Self::Deprovisioning { request, .. } = self {
            *request = None;
        }
    }

    /// A removal begins.
    pub(super) fn deprovision(&mut self) {
        let execution = Execution::Requested;
        *self = match take(self) {
            Self::Absent { left: request } => Self::Deprovisioning { confirmed: None, request, execution },
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
    /// How far the instance is.
    pub(super) phase: Phase,
    /// All other fields of the status. Those that the phase stands for are empty as long as it is parsed.
    pub(super) record: ServiceInstanceStatus,
}

impl InstanceState {
    /// Reads a status. One that this operator wrote is the same when it is written back.
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
            (None, None) => Phase::Absent { left: request },
        };
        Self { phase, record }
    }

    /// Whether service-catalog was mitigating an orphan of which the ids are not known here.
    pub(super) fn has_unknown_orphan(&self) -> bool {
        self.record.orphan_mitigation_in_progress && self.record.orphans.is_empty()
    }

    /// What the attempt under way would leave at the broker.
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
            Phase::Absent { left } => {
                status.in_progress_properties = left;
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

/// Whether the broker may know of the instance that has this status.
pub(super) fn may_exist(status: &ServiceInstanceStatus) -> bool {
    status.current_operation.is_some()
        || status.external_properties.is_some()
        || status.orphan_mitigation_in_progress
        || status.provision_status == ProvisionStatus::Provisioned
        || status.deprovision_status.is_outstanding()
}
