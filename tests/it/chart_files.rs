//! What the chart gives the operator's container.

/// The memory limit, in MiB.
pub fn memory_limit() -> u16 {
    let values = include_str!("../../charts/service-catalog/values.yaml");
    let (_, limits) = values.split_once("  limits:\n    memory: ").unwrap();
    limits.split_once("Mi\n").unwrap().0.parse().unwrap()
}

/// The settings of the C library.
pub fn tunables() -> &'static str {
    let template = include_str!("../../charts/service-catalog/templates/deployment.yaml");
    let (_, value) = template.split_once("- name: GLIBC_TUNABLES\n              value: ").unwrap();
    value.lines().next().unwrap()
}
