use super::names::{escaped, label_value};

#[test]
fn names_and_labels_are_those_of_stored_objects() {
    for (id, name) in [
        ("contains-escape-char-z", "contains-escape-char-z7az"),
        ("ContainsCaps", "z43zontainsz43zaps"),
        (".starts-and-ends-with-periods.", "z2ezstarts-and-ends-with-periodsz2ez"),
        ("-starts-and-ends-with-hyphens-", "z2dzstarts-and-ends-with-hyphensz2dz"),
        ("adjacent.-specialchars", "adjacent.z2dzspecialchars"),
        ("otherorderadjacent-.specialchars", "otherorderadjacent-z2ezspecialchars"),
        ("waytoomany-.-.-.-.-adjacentspecialchars", "waytoomany-z2ez-z2ez-z2ez-z2ez-adjacentspecialchars"),
        (
            "thisnameisreallyreallywaytoolonghowcouldanyonepossiblyreadthisplansname",
            "thisnameisreallyreallywaytoolo-3f54131bf8c96c7d946ee1d7a32136dd",
        ),
        (
            "thisnameisreallyreallywaytool.onghowcouldanyonepossiblyreadthisplansnamewithproblemperiod",
            "thisnameisreallyreallywaytool-84b392d072a2cbe3a18f87e7f7776d94",
        ),
        ("mysqlclass-1234-A", "mysqlclass-1234-z41z"),
        ("4f6e6cf6-ffdd-425f-a2c7-3c9258ad2468", "4f6e6cf6-ffdd-425f-a2c7-3c9258ad2468"),
    ] {
        assert_eq!(escaped(id), name);
    }
    assert_eq!(
        label_value("user-provided-service"),
        "730d36fa34c1b3308cbf85856900e29eac970fdb23febe2c193c4ea5"
    );
    assert_eq!(label_value("mariadb-10-3-22"), "072b3cc44dcb5c918cbed7767b501e7734555e0134d21e08742498a4");
}

/// What Go clients serialise for structs they left empty.
#[test]
fn zero_values_of_go_clients_are_read() {
    let instance: super::ServiceInstance = serde_json::from_value(serde_json::json!({
        "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceInstance",
        "metadata": {"name": "x", "creationTimestamp": null},
        "spec": {"clusterServiceClassName": "c", "externalID": "", "updateRequests": 0},
        "status": {"conditions": null, "asyncOpInProgress": false, "orphanMitigationInProgress": false,
            "currentOperation": "", "reconciledGeneration": 0, "observedGeneration": 0, "provisionStatus": "",
            "deprovisionStatus": "", "lastConditionState": "", "userSpecifiedPlanName": "", "userSpecifiedClassName": ""},
    }))
    .unwrap();
    assert_eq!(instance.status.unwrap().current_operation, None);
    let broker: super::ClusterServiceBroker = serde_json::from_value(serde_json::json!({
        "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ClusterServiceBroker",
        "metadata": {"name": "x", "creationTimestamp": null},
        "spec": {"url": "http://x", "relistBehavior": "", "relistRequests": 7},
        "status": {"conditions": null, "reconciledGeneration": 3, "lastConditionState": ""},
    }))
    .unwrap();
    assert_eq!(broker.spec.common.relist_behavior, None);
    assert_eq!(broker.spec.common.relist_requests, 7);
    assert_eq!(broker.status.unwrap().reconciled_generation, 3);
}
