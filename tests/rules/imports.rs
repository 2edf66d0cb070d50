//! Who may import whom: the table of ARCHITECTURE.md, held over `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Each package of the workspace with the packages of the workspace that it may use outside its tests.
const TABLE: &[(&str, &[&str])] = &[
    ("merkle-log", &[]),
    ("counterfoil-core", &["merkle-log"]),
    ("counterfoil-sbf-builtins", &[]),
    ("counterfoil", &["counterfoil-core", "counterfoil-sbf-builtins", "merkle-log"]),
    ("gate", &["counterfoil-sbf-builtins", "merkle-log"]),
    ("counterfoil-client", &["counterfoil-core", "merkle-log"]),
    ("counterfoil-geyser", &["counterfoil-client", "counterfoil-core"]),
    ("counterfoil-store", &["counterfoil-core", "merkle-log"]),
    ("counterfoil-service", &[]),
    ("counterfoil-signed", &["merkle-log"]),
    ("pgcluster", &[]),
    (
        "counterfoil-indexer",
        &[
            "counterfoil-client",
            "counterfoil-core",
            "counterfoil-geyser",
            "counterfoil-service",
            "counterfoil-store",
            "merkle-log",
        ],
    ),
    (
        "counterfoil-api",
        &["counterfoil-core", "counterfoil-service", "counterfoil-signed", "counterfoil-store", "merkle-log"],
    ),
    (
        "counterfoil-cli",
        &[
            "counterfoil-client",
            "counterfoil-core",
            "counterfoil-service",
            "counterfoil-signed",
            "merkle-log",
            "pgcluster",
        ],
    ),
    ("counterfoil-bench-api", &["counterfoil-core", "counterfoil-service", "counterfoil-store", "merkle-log"]),
    ("counterfoil-localnet", &["counterfoil-localnet-base", "counterfoil-service"]),
    ("counterfoil-localnet-base", &["counterfoil-service"]),
    ("counterfoil-history", &["counterfoil-client", "counterfoil-core", "merkle-log"]),
    ("counterfoil-idl", &[]),
    ("counterfoil-tests", &[]),
];

/// What the API must not reach at all, through whomever: it never talks to Solana.
const NEVER_IN_API: &[&str] = &["solana-rpc-client", "solana-pubsub-client", "counterfoil-client"];

#[test]
fn every_package_imports_only_what_the_table_allows() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let packages = metadata.workspace_packages();
    let names: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let table: BTreeMap<&str, &[&str]> = TABLE.iter().copied().collect();
    assert_eq!(names, table.keys().copied().collect(), "the table names each package of the workspace");

    let mut broken = Vec::new();
    for package in packages {
        for dependency in &package.dependencies {
            let is_ours = names.contains(dependency.name.as_str()) && dependency.kind != DependencyKind::Development;
            if is_ours && !table[package.name.as_str()].contains(&dependency.name.as_str()) {
                broken.push(format!("{} imports {}", package.name, dependency.name));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn nobody_depends_on_the_program_even_in_tests() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let users: Vec<&str> = metadata
        .workspace_packages()
        .into_iter()
        .filter(|package| package.dependencies.iter().any(|dependency| dependency.name == "counterfoil"))
        .map(|package| package.name.as_str())
        .collect();
    assert_eq!(users, ["counterfoil-idl"; 0], "clients use the IDL");
}

#[test]
fn the_api_reaches_nothing_of_solana() {
    let metadata = MetadataCommand::new().exec().unwrap();
    let resolve = metadata.resolve.as_ref().unwrap();
    let id_of = |name: &str| &metadata.packages.iter().find(|package| package.name.as_str() == name).unwrap().id;
    let mut reached = BTreeSet::new();
    let mut next = vec![id_of("counterfoil-api")];
    while let Some(id) = next.pop() {
        if reached.insert(id) {
            let node = resolve.nodes.iter().find(|node| node.id == *id).unwrap();
            let normal =
                |dep: &&cargo_metadata::NodeDep| dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
            next.extend(node.deps.iter().filter(normal).map(|dep| &dep.pkg));
        }
    }
    let names: BTreeSet<&str> = metadata
        .packages
        .iter()
        .filter(|package| reached.contains(&package.id))
        .map(|package| package.name.as_str())
        .collect();
    let forbidden: Vec<&&str> = NEVER_IN_API.iter().filter(|name| names.contains(**name)).collect();
    assert_eq!(forbidden, Vec::<&&str>::new());
}
