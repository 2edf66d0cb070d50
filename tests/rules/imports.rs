//! The imports that are allowed: the table of ARCHITECTURE.md, held over `cargo metadata` of each workspace.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// The workspaces of the project, each by its manifest.
const MANIFESTS: [&str; 7] = [
    "Cargo.toml",
    "bench/compute/Cargo.toml",
    "bench/compute/peer/Cargo.toml",
    "bench/gateway/Cargo.toml",
    "bench/indexer/Cargo.toml",
    "fuzz/Cargo.toml",
    "localnet/agave/Cargo.toml",
];

/// The packages that one must not reach, through any other: prefixes of packages' names.
const NEVER: [(&str, &[&str]); 4] = [
    // It never talks to Solana.
    ("counterfoil-api", &["solana", "anchor", "counterfoil-client"]),
    // Its callers are HTTP servers, tools for agents and functions alike.
    (
        "counterfoil-read",
        &["axum", "hyper", "tower", "utoipa", "async-graphql", "async-nats", "solana", "anchor", "counterfoil-client"],
    ),
    // Services with no database of their own use it too.
    ("counterfoil-http", &["solana", "anchor", "counterfoil-client", "async-graphql", "utoipa"]),
    // The parts of bodies for OpenAPI and GraphQL are in servers' builds alone. Of databases it knows those of its users.
    ("counterfoil-cli", &["axum", "utoipa", "async-graphql", "counterfoil-store", "counterfoil-read"]),
];

/// The only packages that hold SQL: the store, the part in users' databases, and the benches that measure PostgreSQL without them.
const OF_SQL: [&str; 4] =
    ["counterfoil-store", "counterfoil-outbox", "counterfoil-bench-gateway", "counterfoil-bench-indexer"];

/// ARCHITECTURE.md's table: each package with the packages of the project that it may use outside its tests.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let text = include_str!("../../ARCHITECTURE.md");
    let rows = text.lines().skip_while(|line| !line.starts_with("| package | may use |")).skip(2);
    let mut table = BTreeMap::new();
    for row in rows.take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [packages, used] = cells[..] else { panic!("not two cells: {row}") };
        let used = used.split(';').next().unwrap();
        let used: BTreeSet<String> = match used {
            "nothing of the project" => BTreeSet::new(),
            names => names.split(", ").map(full_name).collect(),
        };
        for package in packages.split(", ") {
            table.insert(full_name(package), used.clone());
        }
    }
    table
}

/// A package's name as Cargo has it. The table leaves `counterfoil-` out.
fn full_name(name: &str) -> String {
    const OTHERS: [&str; 9] = [
        "counterfoil",
        "gate",
        "merkle-log",
        "natsserver",
        "peer-compression",
        "peer-noop",
        "pgcluster",
        "projection",
        "function",
    ];
    let name = name.trim_matches('`');
    if OTHERS.contains(&name) {
        name.to_owned()
    } else {
        format!("counterfoil-{}", name.trim_start_matches("counterfoil-"))
    }
}

/// All packages of the project.
pub(crate) fn packages() -> Vec<Package> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let of = |manifest: &&str| {
        let metadata = MetadataCommand::new().manifest_path(format!("{root}/{manifest}")).no_deps().exec().unwrap();
        metadata.workspace_packages().into_iter().cloned().collect::<Vec<_>>()
    };
    MANIFESTS.iter().flat_map(of).collect()
}

#[test]
fn every_package_imports_only_what_the_table_allows() {
    let (table, packages) = (table(), packages());
    let names: BTreeSet<String> = packages.iter().map(|package| package.name.to_string()).collect();
    assert_eq!(names, table.keys().cloned().collect(), "the table names each package of the project");

    let mut broken = Vec::new();
    for package in &packages {
        for dependency in &package.dependencies {
            let is_ours = names.contains(&dependency.name) && dependency.kind != DependencyKind::Development;
            if is_ours && !table[package.name.as_str()].contains(&dependency.name) {
                broken.push(format!("{} imports {}", package.name, dependency.name));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn every_workspace_is_held_to_the_rules() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let output = Command::new("git").args(["-C", root, "ls-files", "--", "*Cargo.lock"]).output().unwrap();
    let locks = String::from_utf8(output.stdout).unwrap();
    let manifests: BTreeSet<String> = locks.lines().map(|lock| lock.replace("Cargo.lock", "Cargo.toml")).collect();
    assert_eq!(manifests, MANIFESTS.iter().map(|&manifest| manifest.to_owned()).collect());
}

#[test]
fn nobody_depends_on_the_program_but_the_fuzz_targets() {
    let packages = packages();
    let users = packages.iter().filter(|package| package.dependencies.iter().any(|used| used.name == "counterfoil"));
    let users: Vec<&str> = users.map(|package| package.name.as_str()).collect();
    assert_eq!(users, ["counterfoil-fuzz"], "clients use the IDL");
}

/// The packages in a package's build for this machine, with the features that this build has.
fn reached(package: &str) -> BTreeSet<String> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let arguments = ["tree", "--locked", "-p", package, "-e", "normal", "--prefix", "none", "-f", "{p}"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let tree = String::from_utf8(output.stdout).unwrap();
    tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn no_package_reaches_what_it_must_not_know() {
    for (package, never) in NEVER {
        let names = reached(package);
        assert!(names.contains("counterfoil-core"), "the walk reaches what {package} uses: {names:?}");
        let forbidden = names.iter().filter(|name| never.iter().any(|prefix| name.starts_with(prefix)));
        assert_eq!(forbidden.collect::<Vec<_>>(), Vec::<&String>::new(), "{package}");
    }
}

#[test]
fn only_the_store_holds_sql() {
    let uses_sqlx = |package: &&Package| {
        let mut normal = package.dependencies.iter().filter(|used| used.kind == DependencyKind::Normal);
        normal.any(|used| used.name == "sqlx")
    };
    let packages = packages();
    let users: Vec<&str> = packages.iter().filter(uses_sqlx).map(|package| package.name.as_str()).collect();
    assert_eq!(users, OF_SQL);
}
