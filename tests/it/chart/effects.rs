//! What every value of the chart changes, as a table: [`GROUPS`].

/// Values that are set together, because they do not exclude each other.
pub(super) struct Group {
    /// Values that the others need to have an effect, as JSON.
    pub needs: &'static str,
    pub effects: &'static [Effect],
}

/// A value, what it is set to as JSON, and its effect: this text appears (`+`) in the rendered objects, or disappears
/// (`-`). A space of the text stands for any white space.
pub(super) type Effect = (&'static str, &'static str, &'static str);

pub(super) const GROUPS: [Group; 3] = [
    Group { needs: "{}", effects: WHOLE_CLUSTER },
    Group {
        needs: r#"{
            "clusterID": "c-1", "replicas": 2, "serviceAccount": {"name": "own"},
            "rbac": {"aggregateClusterRoles": false}, "templateBroker": {"enabled": false}
        }"#,
        effects: FEW_NAMESPACES,
    },
    Group { needs: r#"{"replicas": 2}"#, effects: SWITCHED_OFF },
];

const WHOLE_CLUSTER: &[Effect] = &[
    ("image.repository", r#""registry.example.com/catalog""#, r#"+image: "registry.example.com/catalog:"#),
    ("image.tag", r#""other""#, "+/catalog:other@"),
    (
        "image.digest",
        r#""sha256:0123456789abcdef0123456789abcdef""#,
        r#"+@sha256:0123456789abcdef0123456789abcdef""#,
    ),
    ("image.pullPolicy", r#""Always""#, "+imagePullPolicy: Always"),
    ("imagePullSecrets", r#"[{"name": "pull"}]"#, "+imagePullSecrets: - name: pull"),
    ("nameOverride", r#""hub""#, "+app.kubernetes.io/name: hub"),
    ("fullnameOverride", r#""broker-hub""#, "+name: broker-hub"),
    ("commonLabels", r#"{"cost-centre": "4711"}"#, r#"+cost-centre: "4711""#),
    ("commonAnnotations", r#"{"contact": "platform"}"#, "+contact: platform"),
    ("openshift", "true", "-name: templates.template.openshift.io"),
    ("crds.keep", "false", "-helm.sh/resource-policy: keep"),
    ("serviceAccount.name", r#""own""#, "+serviceAccountName: own"),
    ("serviceAccount.annotations", r#"{"role": "catalog"}"#, "+role: catalog"),
    ("replicas", "3", "+replicas: 3"),
    ("clusterID", r#""c-1""#, "+--cluster-id=c-1"),
    ("brokerRelistInterval", r#""1h30m""#, "+--broker-relist-interval=1h30m"),
    ("osbApiRequestTimeout", r#""5s""#, "+--osb-api-request-timeout=5s"),
    ("maxCatalogPlans", "10", "+--max-catalog-plans=10"),
    ("brokerAddresses", r#"["10.0.0.0/8", "*.example.com"]"#, "+--broker-addresses=10.0.0.0/8,*.example.com"),
    ("proxy.http", r#""http://proxy:1""#, r#"+name: HTTP_PROXY value: "http://proxy:1""#),
    ("proxy.https", r#""http://proxy:2""#, r#"+name: HTTPS_PROXY value: "http://proxy:2""#),
    ("proxy.noProxy", r#"".svc""#, r#"+name: NO_PROXY value: ".svc""#),
    ("trustedCA.configMap", r#""corporate""#, "+configMap: name: corporate"),
    ("trustedCA.secret", r#""private""#, "+secret: name: private"),
    ("trustedCA.key", r#""bundle.pem""#, "+key: bundle.pem"),
    ("bindAddress", r#""::""#, "+--listen=[::]:8080"),
    ("logLevel", r#""debug""#, r#"+name: RUST_LOG value: "debug""#),
    ("networkPolicy.ingressFrom", r#"[{"podSelector": {"matchLabels": {"scrapes": "me"}}}]"#, "+scrapes: me"),
    ("networkPolicy.egress", r#"[{"ports": [{"port": 4443}]}]"#, "+egress: - ports: - port: 4443"),
    ("podDisruptionBudget.maxUnavailable", r#""30%""#, "+maxUnavailable: 30%"),
    ("templateBroker.replicas", "5", "+replicas: 5"),
    ("templateBroker.namespaces", r#"["shop"]"#, "+--template-namespace=shop"),
    ("templateBroker.templates.postgresql", "false", "-postgresql.yaml: |"),
    ("templateBroker.templates.mariadb", "false", "-mariadb.yaml: |"),
    ("templateBroker.templates.mysql", "false", "-mysql.yaml: |"),
    ("templateBroker.templates.redis", "false", "-redis.yaml: |"),
    ("templateBroker.templates.mongodb", "false", "-mongodb.yaml: |"),
    ("templateBroker.templates.rabbitmq", "false", "-rabbitmq.yaml: |"),
    ("templateBroker.templates.python", "false", "-python.yaml: |"),
    ("templateBroker.templates.ruby", "false", "-ruby.yaml: |"),
    ("templateBroker.templates.nodejs", "false", "-nodejs.yaml: |"),
    ("templateBroker.templates.dotnet", "false", "-dotnet.yaml: |"),
    ("templateBroker.registry", r#""mirror.example.com/""#, "+mirror.example.com/sclorg/"),
    ("templateBroker.images", r#"{"team/app:1": "registry/app:1"}"#, "+team/app:1: registry/app:1"),
    ("templateBroker.administratorsRole", r#""edit""#, "+kind: ClusterRole name: edit"),
    (
        "templateBroker.kinds",
        r#"[{"apiGroups": ["apps"], "resources": ["replicasets"]}]"#,
        r#"+resources: ["replicasets"]"#,
    ),
    (
        "templateBroker.networkPolicy.egress",
        r#"[{"ports": [{"port": 4444}]}]"#,
        "+egress: - ports: - port: 4444",
    ),
    ("templateBroker.resources", r#"{"limits": {"memory": "1Gi"}}"#, "+memory: 1Gi"),
    ("webhookKeys", r#"["example.com/team"]"#, r#"+"example.com/team""#),
    ("prometheusScrape", "true", r#"+prometheus.io/scrape: "true""#),
    ("serviceMonitor.enabled", "true", "+kind: ServiceMonitor"),
    ("serviceMonitor.namespace", r#""scraping""#, "+namespace: scraping"),
    ("serviceMonitor.labels", r#"{"scraped-by": "platform"}"#, "+scraped-by: platform"),
    ("serviceMonitor.interval", r#""41s""#, "+interval: 41s"),
    ("serviceMonitor.scrapeTimeout", r#""7s""#, "+scrapeTimeout: 7s"),
    ("serviceMonitor.relabelings", r#"[{"targetLabel": "cluster"}]"#, "+relabelings: - targetLabel: cluster"),
    ("serviceMonitor.metricRelabelings", r#"[{"action": "keep"}]"#, "+metricRelabelings: - action: keep"),
    ("prometheusRule.enabled", "true", "+kind: PrometheusRule"),
    ("prometheusRule.namespace", r#""alerting""#, "+namespace: alerting"),
    ("prometheusRule.labels", r#"{"evaluated-by": "platform"}"#, "+evaluated-by: platform"),
    ("prometheusRule.alertLabels", r#"{"route": "night"}"#, "+route: night"),
    ("prometheusRule.alerts", r#"{"ServiceObjectsRetry": {"for": "4h"}}"#, "+for: 4h"),
    ("grafanaDashboard.enabled", "true", "+service-catalog.json: |"),
    ("grafanaDashboard.namespace", r#""dashboards""#, "+namespace: dashboards"),
    ("grafanaDashboard.labels", r#"{"shown-by": "grafana"}"#, "+shown-by: grafana"),
    ("grafanaDashboard.annotations", r#"{"grafana_folder": "Platform"}"#, "+grafana_folder: Platform"),
    ("resources", r#"{"limits": {"memory": "2Gi"}}"#, "+memory: 2Gi"),
    ("revisionHistoryLimit", "3", "+revisionHistoryLimit: 3"),
    ("deploymentStrategy.rollingUpdate.maxSurge", "2", "+maxSurge: 2"),
    ("deploymentStrategy.rollingUpdate.maxUnavailable", r#""40%""#, "+maxUnavailable: 40%"),
    ("podSecurityContext", r#"{"fsGroup": 4712}"#, "+fsGroup: 4712"),
    ("securityContext", r#"{"readOnlyRootFilesystem": false}"#, "+readOnlyRootFilesystem: false"),
    ("priorityClassName", r#""high""#, "+priorityClassName: high"),
    ("nodeSelector", r#"{"disk": "ssd"}"#, "+nodeSelector: disk: ssd"),
    ("tolerations", r#"[{"operator": "Exists"}]"#, "+tolerations: - operator: Exists"),
    ("affinity", r#"{"podAffinity": {}}"#, "+affinity: podAffinity: {}"),
    ("topologySpreadConstraints", r#"[{"maxSkew": 7}]"#, "+maxSkew: 7"),
    ("hostAliases", r#"[{"ip": "192.0.2.7"}]"#, "+hostAliases: - ip: 192.0.2.7"),
    ("dnsConfig", r#"{"searches": ["example.com"]}"#, "+dnsConfig: searches: - example.com"),
    ("podLabels", r#"{"team": "platform"}"#, "+team: platform"),
    ("podAnnotations", r#"{"note": "pod"}"#, "+note: pod"),
    ("extraEnv", r#"[{"name": "TZ", "value": "UTC"}]"#, "+name: TZ value: UTC"),
    ("extraVolumes", r#"[{"name": "tokens", "emptyDir": {}}]"#, "+- emptyDir: {} name: tokens"),
    ("extraVolumeMounts", r#"[{"name": "tokens", "mountPath": "/tokens"}]"#, "+mountPath: /tokens"),
];

/// The template broker needs the whole cluster, and only one of the monitors is allowed.
const FEW_NAMESPACES: &[Effect] = &[
    ("watchNamespaces", r#"["shop"]"#, "+--watch-namespace=shop"),
    ("serviceAccount.create", "false", "-kind: ServiceAccount metadata:"),
    ("restartWorkloads", "false", "+--restart-workloads=false"),
    ("editorsMayAdopt", "true", r#"+rbac.authorization.k8s.io/aggregate-to-edit: "true""#),
    ("podDisruptionBudget.minAvailable", "1", "+minAvailable: 1"),
    ("deploymentStrategy.type", r#""Recreate""#, "+type: Recreate"),
    ("podMonitor.enabled", "true", "+kind: PodMonitor"),
    ("podMonitor.namespace", r#""scraping""#, "+namespace: scraping"),
    ("podMonitor.labels", r#"{"scraped-by": "platform"}"#, "+scraped-by: platform"),
    ("podMonitor.interval", r#""41s""#, "+interval: 41s"),
    ("podMonitor.scrapeTimeout", r#""7s""#, "+scrapeTimeout: 7s"),
    ("podMonitor.relabelings", r#"[{"targetLabel": "cluster"}]"#, "+relabelings: - targetLabel: cluster"),
    ("podMonitor.metricRelabelings", r#"[{"action": "keep"}]"#, "+metricRelabelings: - action: keep"),
];

const SWITCHED_OFF: &[Effect] = &[
    ("crds.enabled", "false", "-kind: CustomResourceDefinition"),
    ("rbac.aggregateClusterRoles", "false", r#"-rbac.authorization.k8s.io/aggregate-to-admin: "true""#),
    ("networkPolicy.enabled", "false", "-kind: NetworkPolicy"),
    ("podDisruptionBudget.enabled", "false", "-kind: PodDisruptionBudget"),
    ("templateBroker.enabled", "false", "-name: template-broker image:"),
];
