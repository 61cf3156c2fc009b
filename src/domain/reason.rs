//! The reasons of conditions and events. Where the archived service-catalog had one, it is the same, because scripts
//! match on it.

/// Calls a macro with all reasons: the name of the constant, and the word in the API.
macro_rules! for_each_reason {
    ($callback:ident) => {
        $callback! {
            /// The broker's catalog is published.
            FETCHED_CATALOG = FetchedCatalog;
            /// The broker did not return a catalog.
            ERROR_FETCHING_CATALOG = ErrorFetchingCatalog;
            /// The operator could not publish the catalog.
            ERROR_SYNCING_CATALOG = ErrorSyncingCatalog;
            /// The Secret with the broker's credentials is missing or unusable.
            ERROR_GETTING_AUTH_CREDENTIALS = ErrorGettingAuthCredentials;
            /// The deletion of a broker waits for the instances of its classes.
            DELETION_BLOCKED_BY_INSTANCES = DeletionBlockedByInstances;
            /// The broker does not answer, or cannot be connected to.
            BROKER_UNREACHABLE = BrokerUnreachable;
            /// The broker rejects the credentials of its broker object (401, 403).
            BROKER_UNAUTHORIZED = BrokerUnauthorized;
            /// The broker limits the rate of calls (429, or 503 with `Retry-After`).
            BROKER_RATE_LIMITED = BrokerRateLimited;
            /// The URL is not that of a broker, or the broker does not support this version of the API.
            BROKER_INCOMPATIBLE = BrokerIncompatible;
            /// The circuit of the broker is open: the call waits.
            WAITING_FOR_BROKER = WaitingForBroker;
            /// Some entries of the catalog are invalid and not published.
            INVALID_CATALOG_ENTRIES = InvalidCatalogEntries;

            /// The broker has provisioned the instance.
            PROVISIONED_SUCCESSFULLY = ProvisionedSuccessfully;
            /// The broker reports that a failed update or deprovision left the instance unusable.
            INSTANCE_UNUSABLE = InstanceUnusable;
            /// The broker has updated the instance to its spec.
            INSTANCE_UPDATED_SUCCESSFULLY = InstanceUpdatedSuccessfully;
            /// The broker has deprovisioned the instance.
            DEPROVISIONED_SUCCESSFULLY = DeprovisionedSuccessfully;
            /// The broker has confirmed that nothing of a failed attempt is left.
            ORPHAN_MITIGATION_SUCCESSFUL = OrphanMitigationSuccessful;
            /// Intent: the operator is calling the broker to provision the instance.
            PROVISION_REQUEST_IN_FLIGHT = ProvisionRequestInFlight;
            /// Intent: the operator is calling the broker to update the instance.
            UPDATE_INSTANCE_REQUEST_IN_FLIGHT = UpdateInstanceRequestInFlight;
            /// Intent: the operator is calling the broker to deprovision the instance.
            DEPROVISION_REQUEST_IN_FLIGHT = DeprovisionRequestInFlight;
            /// The broker provisions the instance asynchronously.
            PROVISIONING = Provisioning;
            /// The broker updates the instance asynchronously.
            UPDATING_INSTANCE = UpdatingInstance;
            /// The broker deprovisions the instance asynchronously.
            DEPROVISIONING = Deprovisioning;
            /// A failed attempt may have left an instance at the broker: orphan mitigation begins.
            STARTING_INSTANCE_ORPHAN_MITIGATION = StartingInstanceOrphanMitigation;
            /// The deletion of the object waits for the removal of its orphans.
            DELETION_WAITS_FOR_ORPHANS = DeletionWaitsForOrphanMitigation;
            /// The broker did not delete the orphan; the operator retries.
            ORPHAN_MITIGATION_FAILED = OrphanMitigationFailed;
            /// Another object has the id at the broker.
            EXTERNAL_ID_IN_USE = ExternalIDInUse;
            /// The object goes, and what the broker may have under its given id stays.
            LEFT_AT_BROKER = LeftAtBroker;
            /// The parameters are unusable: a source is missing, or they do not fit the schema.
            ERROR_WITH_PARAMETERS = ErrorWithParameters;
            /// The broker rejected the provision request.
            PROVISION_CALL_FAILED = ProvisionCallFailed;
            /// The provision request got no answer.
            ERROR_CALLING_PROVISION = ErrorCallingProvision;
            /// The update failed.
            UPDATE_INSTANCE_CALL_FAILED = UpdateInstanceCallFailed;
            /// The deprovision failed.
            DEPROVISION_CALL_FAILED = DeprovisionCallFailed;
            /// The deletion of an instance waits for its bindings.
            DEPROVISION_BLOCKED = DeprovisionBlockedByExistingCredentials;
            /// The plan has another `maintenance_info.version` than the instance.
            MAINTENANCE_AVAILABLE = MaintenanceAvailable;
            /// The broker has renamed the class or the plan.
            RENAMED_IN_CATALOG = RenamedInCatalog;
            /// The deletion of an instance deletes its bindings first (`Cascade`).
            SERVICE_BINDINGS_DELETION = ServiceBindingsDeletion;
            /// A poll failed; polling continues.
            ERROR_POLLING_LAST_OPERATION = ErrorPollingLastOperation;
            /// The class does not exist.
            REFERENCES_NONEXISTENT_SERVICE_CLASS = ReferencesNonexistentServiceClass;
            /// The class is cluster-wide, and the operator works without the cluster-wide kinds.
            CLUSTER_KINDS_DISABLED = ClusterKindsDisabled;
            /// The plan does not exist, or the reference to it is ambiguous.
            REFERENCES_NONEXISTENT_SERVICE_PLAN = ReferencesNonexistentServicePlan;
            /// The broker object, or its Secret, is missing or unusable.
            REFERENCES_NONEXISTENT_BROKER = ReferencesNonexistentBroker;
            /// The broker no longer offers the class.
            REFERENCES_DELETED_SERVICE_CLASS = ReferencesDeletedServiceClass;
            /// The broker no longer offers the plan.
            REFERENCES_DELETED_SERVICE_PLAN = ReferencesDeletedServicePlan;
            /// The plan does not allow instances to change to another plan.
            PLAN_CHANGE_NOT_ALLOWED = PlanChangeNotAllowed;
            /// The broker rejected the provision for good: the operator does not retry until the spec changes.
            BROKER_RETURNED_FAILURE = ClusterServiceBrokerReturnedFailure;
            /// The annotation `servicecatalog.k8s.io/paused` is `"true"`.
            PAUSED_BY_ANNOTATION = PausedByAnnotation;

            /// The credentials are in the Secret.
            INJECTED_BIND_RESULT = InjectedBindResult;
            /// The API server refuses what the operator has to write.
            REFUSED_BY_API_SERVER = RefusedByAPIServer;
            /// The Secret was changed or deleted, and the broker does not return the credentials again.
            CREDENTIALS_NOT_RETURNED = CredentialsNotReturned;
            /// The broker has deleted the binding.
            UNBOUND_SUCCESSFULLY = UnboundSuccessfully;
            /// Intent: the operator is calling the broker to bind.
            BINDING_REQUEST_IN_FLIGHT = BindingRequestInFlight;
            /// Intent: the operator is calling the broker to unbind.
            UNBINDING_REQUEST_IN_FLIGHT = UnbindingRequestInFlight;
            /// The broker binds asynchronously.
            BINDING = Binding;
            /// The broker unbinds asynchronously.
            UNBINDING = Unbinding;
            /// The instance does not exist.
            REFERENCES_NONEXISTENT_INSTANCE = ReferencesNonexistentInstance;
            /// The bind failed.
            BIND_CALL_FAILED = BindCallFailed;
            /// The operator could not write the credentials to the Secret.
            ERROR_INJECTING_BIND_RESULT = ErrorInjectingBindResult;
            /// The unbind failed.
            UNBIND_CALL_FAILED = UnbindCallFailed;
            /// The Secret holds the credentials of the successor.
            ROTATED_SUCCESSFULLY = RotatedSuccessfully;
            /// Intent: the operator is calling the broker for the successor of a binding.
            ROTATION_REQUEST_IN_FLIGHT = RotationRequestInFlight;
            /// The broker creates the successor asynchronously.
            ROTATING = Rotating;
            /// The broker did not create the successor; the credentials stay as they are.
            ROTATION_FAILED = RotationFailed;
            /// The rotation waits until the predecessor is removed.
            ROTATION_WAITING = RotationWaiting;
            /// The credentials have expired.
            CREDENTIALS_EXPIRED = CredentialsExpired;
            /// The broker's expiry time of the credentials is not in RFC 3339.
            UNREADABLE_EXPIRY = UnreadableExpiry;
            /// The plan is not bindable.
            ERROR_NONBINDABLE_SERVICE_CLASS = ErrorNonbindableServiceClass;
            /// The instance is not ready.
            ERROR_INSTANCE_NOT_READY = ErrorInstanceNotReady;
            /// An unbind waits while the pods that have the credentials are restarted.
            WAITING_FOR_PODS = WaitingForPods;
            /// The bindings of the namespace that inject into pods are as many as are allowed, or add as many variables.
            INJECTION_LIMIT = InjectionLimit;
            /// The Secret with the name of the binding's belongs to somebody else.
            SECRET_NOT_OWNED = SecretNotOwned;
            /// Variables of the binding run code or redirect traffic.
            UNSAFE_VARIABLES = UnsafeVariables;
            /// All pods have the current revision of the binding.
            ROLLED_OUT = RolledOut;
            /// The operator is still checking which pods have the current revision.
            LOOKING_FOR_PODS = LookingForPods;
            /// Workloads are being restarted.
            ROLLING = Rolling;
            /// A restart waits: for a permit, or for another binding.
            WAITING_FOR_RESTART = WaitingForRestart;
            /// The API server rejects the restart of a workload.
            RESTART_REFUSED = RestartRefused;
            /// A Deployment is paused, so a restart has no effect yet.
            ROLLOUT_PAUSED = RolloutPaused;
            /// The strategy `OnDelete` replaces a pod only after a user has deleted it.
            ON_DELETE = OnDelete;
            /// An admission policy is missing, so pods get no credentials.
            POLICY_MISSING = PolicyMissing;
            /// Pods lack the current revision, and no restart will help.
            STALE_PODS = StalePods;
            /// `spec.injection.restart` does not allow a restart, or the operator restarts no workloads.
            RESTARTS_DISABLED = RestartsDisabled;
            /// Injection is disabled in the namespace.
            NAMESPACE_EXCLUDED = NamespaceLeftOut;
            /// A failed attempt may have left a binding at the broker: orphan mitigation begins.
            SERVICE_BINDING_NEEDS_ORPHAN_MITIGATION = ServiceBindingNeedsOrphanMitigation;
            /// The broker rejected the bind for good: the operator does not retry.
            SERVICE_BINDING_RETURNED_FAILURE = ServiceBindingReturnedFailure;

            /// Pods already define what the binding would inject.
            COLLISION = Collision;

            /// Another object has the name of the child of an alpha object.
            NAME_TAKEN = NameTaken;
            /// The API server rejects the child of an alpha object.
            CHILD_REFUSED = ChildRefused;
        }
    };
}
pub(crate) use for_each_reason;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $reason:ident;)*) => {
        $($(#[$doc])* pub const $name: &str = stringify!($reason);)*

        /// A reason of a condition or an event of the operator.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Reason {
            $($(#[$doc])* $reason,)*
        }

        impl Reason {
            /// All reasons.
            #[cfg(test)]
            pub const ALL: &[Self] = &[$(Self::$reason),*];

            /// The word in the API, such as `FetchedCatalog`.
            #[cfg(test)]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$reason => stringify!($reason),)*
                }
            }

            /// The reason with this word. `None` for a word of another version of the operator.
            pub fn parse(word: &str) -> Option<Self> {
                match word {
                    $(stringify!($reason) => Some(Self::$reason),)*
                    _ => None,
                }
            }
        }
    };
}
for_each_reason!(reasons);

/// Suffix of the reasons of an intent: the operator is calling the broker.
pub const IN_FLIGHT: &str = "InFlight";
