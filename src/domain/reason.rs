//! The words of conditions and events. They are service-catalog's where it had one: scripts look for them.

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $text;)*
    };
}

reasons! {
    /// How the reasons end that say that a broker is being asked.
    IN_FLIGHT = "InFlight";
    /// A broker's catalog is published.
    FETCHED_CATALOG = "FetchedCatalog";
    /// The broker did not answer with a catalog.
    ERROR_FETCHING_CATALOG = "ErrorFetchingCatalog";
    /// The catalog could not be published.
    ERROR_SYNCING_CATALOG = "ErrorSyncingCatalog";
    /// The Secret with the broker's credentials is of no use.
    ERROR_GETTING_AUTH_CREDENTIALS = "ErrorGettingAuthCredentials";
    /// A broker waits for the instances of its classes.
    DELETION_BLOCKED_BY_INSTANCES = "DeletionBlockedByInstances";
    /// The broker does not answer.
    BROKER_UNREACHABLE = "BrokerUnreachable";
    /// The broker does not accept the credentials of its broker object.
    BROKER_UNAUTHORIZED = "BrokerUnauthorized";
    /// The broker asks to be left alone for a while.
    BROKER_RATE_LIMITED = "BrokerRateLimited";
    /// What answers is not a broker, or none of this version of the API.
    BROKER_INCOMPATIBLE = "BrokerIncompatible";
    /// The broker is not called for a while.
    WAITING_FOR_BROKER = "WaitingForBroker";
    /// Some of a catalog's entries cannot be published.
    INVALID_CATALOG_ENTRIES = "InvalidCatalogEntries";

    /// The instance is there.
    PROVISIONED_SUCCESSFULLY = "ProvisionedSuccessfully";
    /// A failed update or deprovisioning has left the instance unusable, says the broker.
    INSTANCE_UNUSABLE = "InstanceUnusable";
    /// The instance is as the spec says.
    INSTANCE_UPDATED_SUCCESSFULLY = "InstanceUpdatedSuccessfully";
    /// The instance is gone.
    DEPROVISIONED_SUCCESSFULLY = "DeprovisionedSuccessfully";
    /// What a failed attempt may have left is gone.
    ORPHAN_MITIGATION_SUCCESSFUL = "OrphanMitigationSuccessful";
    /// The broker is being asked for an instance.
    PROVISION_REQUEST_IN_FLIGHT = "ProvisionRequestInFlight";
    /// The broker is being asked to change an instance.
    UPDATE_INSTANCE_REQUEST_IN_FLIGHT = "UpdateInstanceRequestInFlight";
    /// The broker is being asked to remove an instance.
    DEPROVISION_REQUEST_IN_FLIGHT = "DeprovisionRequestInFlight";
    /// The broker makes an instance.
    PROVISIONING = "Provisioning";
    /// The broker changes an instance.
    UPDATING_INSTANCE = "UpdatingInstance";
    /// The broker removes an instance.
    DEPROVISIONING = "Deprovisioning";
    /// Something may be left at the broker.
    STARTING_INSTANCE_ORPHAN_MITIGATION = "StartingInstanceOrphanMitigation";
    /// It could not be removed yet.
    ORPHAN_MITIGATION_FAILED = "OrphanMitigationFailed";
    /// The parameters cannot be used.
    ERROR_WITH_PARAMETERS = "ErrorWithParameters";
    /// The broker did not make the instance.
    PROVISION_CALL_FAILED = "ProvisionCallFailed";
    /// The broker did not answer.
    ERROR_CALLING_PROVISION = "ErrorCallingProvision";
    /// The broker did not change the instance.
    UPDATE_INSTANCE_CALL_FAILED = "UpdateInstanceCallFailed";
    /// The broker did not remove the instance.
    DEPROVISION_CALL_FAILED = "DeprovisionCallFailed";
    /// Bindings keep the instance.
    DEPROVISION_BLOCKED = "DeprovisionBlockedByExistingCredentials";
    /// The plan has another version than the instance.
    MAINTENANCE_AVAILABLE = "MaintenanceAvailable";
    /// The instance takes its bindings along.
    SERVICE_BINDINGS_DELETION = "ServiceBindingsDeletion";
    /// The broker did not say how far it is.
    ERROR_POLLING_LAST_OPERATION = "ErrorPollingLastOperation";
    /// There is no such class.
    REFERENCES_NONEXISTENT_SERVICE_CLASS = "ReferencesNonexistentServiceClass";
    /// There is no such plan, or no single one.
    REFERENCES_NONEXISTENT_SERVICE_PLAN = "ReferencesNonexistentServicePlan";
    /// There is no such broker.
    REFERENCES_NONEXISTENT_BROKER = "ReferencesNonexistentBroker";
    /// The broker offers the class no more.
    REFERENCES_DELETED_SERVICE_CLASS = "ReferencesDeletedServiceClass";
    /// The broker offers the plan no more.
    REFERENCES_DELETED_SERVICE_PLAN = "ReferencesDeletedServicePlan";
    /// The plan cannot be left for another.
    PLAN_CHANGE_NOT_ALLOWED = "PlanChangeNotAllowed";
    /// The broker has refused.
    BROKER_RETURNED_FAILURE = "ClusterServiceBrokerReturnedFailure";
    /// An annotation says so.
    PAUSED_BY_ANNOTATION = "PausedByAnnotation";

    /// The credentials are in the Secret.
    INJECTED_BIND_RESULT = "InjectedBindResult";
    /// The broker is being asked for a binding.
    BINDING_REQUEST_IN_FLIGHT = "BindingRequestInFlight";
    /// The broker is being asked to remove a binding.
    UNBINDING_REQUEST_IN_FLIGHT = "UnbindingRequestInFlight";
    /// The broker makes a binding.
    BINDING = "Binding";
    /// The broker removes a binding.
    UNBINDING = "Unbinding";
    /// There is no such instance.
    REFERENCES_NONEXISTENT_INSTANCE = "ReferencesNonexistentInstance";
    /// The broker did not make the binding.
    BIND_CALL_FAILED = "BindCallFailed";
    /// The credentials could not be written.
    ERROR_INJECTING_BIND_RESULT = "ErrorInjectingBindResult";
    /// The broker did not remove the binding.
    UNBIND_CALL_FAILED = "UnbindCallFailed";
    /// The credentials were replaced.
    ROTATED_SUCCESSFULLY = "RotatedSuccessfully";
    /// The broker is being asked for the successor of a binding.
    ROTATION_REQUEST_IN_FLIGHT = "RotationRequestInFlight";
    /// The broker makes it.
    ROTATING = "Rotating";
    /// It did not.
    ROTATION_FAILED = "RotationFailed";
    /// The former credentials are removed first.
    ROTATION_WAITING = "RotationWaiting";
    /// The credentials are not valid any more.
    CREDENTIALS_EXPIRED = "CredentialsExpired";
    /// The broker says in no known way until when the credentials are valid.
    UNREADABLE_EXPIRY = "UnreadableExpiry";
    /// The plan has no bindings.
    ERROR_NONBINDABLE_SERVICE_CLASS = "ErrorNonbindableServiceClass";
    /// The instance is not ready.
    ERROR_INSTANCE_NOT_READY = "ErrorInstanceNotReady";
    /// Pods that have the credentials are restarted before the broker is asked to remove a binding.
    WAITING_FOR_PODS = "WaitingForPods";
    /// All pods have what a binding gives.
    ROLLED_OUT = "RolledOut";
    /// It is not known yet which pods have what a binding gives.
    LOOKING_FOR_PODS = "LookingForPods";
    /// Pods are being replaced.
    ROLLING = "Rolling";
    /// Pods are replaced later.
    WAITING_FOR_RESTART = "WaitingForRestart";
    /// The API server does not accept that pods are replaced.
    RESTART_REFUSED = "RestartRefused";
    /// A Deployment is paused, so that its pods are not replaced.
    ROLLOUT_PAUSED = "RolloutPaused";
    /// Pods are replaced when somebody deletes them.
    ON_DELETE = "OnDelete";
    /// Pods do not have what a binding gives, and nobody replaces them.
    STALE_PODS = "StalePods";
    /// Pods are not replaced, as the binding says.
    RESTARTS_DISABLED = "RestartsDisabled";
    /// Pods of the namespace get nothing.
    NAMESPACE_LEFT_OUT = "NamespaceLeftOut";
    /// Something may be left at the broker.
    SERVICE_BINDING_NEEDS_ORPHAN_MITIGATION = "ServiceBindingNeedsOrphanMitigation";
    /// The broker has refused.
    SERVICE_BINDING_RETURNED_FAILURE = "ServiceBindingReturnedFailure";

    /// Pods have something else in the place of what a binding gives.
    COLLISION = "Collision";

    /// Somebody else's object has the name that the child of an alpha object is to have.
    NAME_TAKEN = "NameTaken";
    /// The API server does not accept the child of an alpha object.
    CHILD_REFUSED = "ChildRefused";
}
