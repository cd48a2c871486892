//! The rooms and the one direction of their arrows, read from `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// Which rooms each room may know directly. A room that is not listed may know none.
const ARROWS: &[(&str, &[&str])] = &[
    ("kinora-tensor", &[]),
    ("kinora-nn", &["kinora-tensor"]),
    ("kinora-models", &["kinora-nn", "kinora-tensor"]),
    ("kinora-diffusion", &["kinora-tensor"]),
    ("kinora-measure", &[]),
    ("kinora-media", &[]),
    ("kinora-filmset", &[]),
    (
        "kinora-engine",
        &[
            "kinora-diffusion",
            "kinora-measure",
            "kinora-media",
            "kinora-models",
            "kinora-nn",
            "kinora-tensor",
        ],
    ),
    (
        "kinora-train",
        &[
            "kinora-diffusion",
            "kinora-engine",
            "kinora-filmset",
            "kinora-measure",
            "kinora-models",
            "kinora-nn",
            "kinora-tensor",
        ],
    ),
    ("kinora-hub", &[]),
    ("kinora-provenance", &["kinora-engine", "kinora-media"]),
    (
        "kinora-studio",
        &["kinora-engine", "kinora-media", "kinora-provenance"],
    ),
    (
        "kinora",
        &[
            "kinora-engine",
            "kinora-hub",
            "kinora-provenance",
            "kinora-studio",
        ],
    ),
    ("kinora-double", &["kinora-media", "kinora-studio"]),
    ("xtask", &[]),
];

/// Crates that a room may not reach, however indirectly, and why.
const FORBIDDEN: &[(&str, &str, &str)] = &[
    ("kinora", "kinora-filmset", "frames come from weights alone"),
    ("kinora-engine", "tokio", "the engine is synchronous"),
    (
        "kinora-measure",
        "kinora-filmset",
        "detectors see frames, not programs",
    ),
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}

/// Normal dependencies of each package by name.
struct Graph {
    edges: BTreeMap<String, BTreeSet<String>>,
    members: BTreeSet<String>,
}

/// Arrows that point the wrong way.
pub fn check(root: &Path) -> Result<Vec<String>> {
    let graph = Graph::read(root)?;
    let mut findings = Vec::new();
    for member in &graph.members {
        let allowed = ARROWS
            .iter()
            .find(|(room, _)| room == member)
            .map(|(_, rooms)| *rooms);
        let Some(allowed) = allowed else {
            findings.push(format!(
                "{member} is no room of the house: add it to xtask's ARROWS"
            ));
            continue;
        };
        for target in graph.edges[member].intersection(&graph.members) {
            if !allowed.contains(&target.as_str()) {
                findings.push(format!("{member} must not know {target}"));
            }
        }
    }
    for (from, to, why) in FORBIDDEN {
        if graph.reaches(from, to) {
            findings.push(format!("{from} reaches {to}: {why}"));
        }
    }
    Ok(findings)
}

impl Graph {
    fn read(root: &Path) -> Result<Self> {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--locked"])
            .current_dir(root)
            .output()
            .context("cargo metadata does not start")?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
        let names: BTreeMap<_, _> = metadata
            .packages
            .iter()
            .map(|p| (p.id.as_str(), p.name.clone()))
            .collect();
        let name = |id: &str| names[id].clone();
        let edges = metadata
            .resolve
            .nodes
            .iter()
            .map(|node| {
                let normal = node
                    .deps
                    .iter()
                    .filter(|d| d.dep_kinds.iter().any(|k| k.kind.is_none()));
                (name(&node.id), normal.map(|d| name(&d.pkg)).collect())
            })
            .collect();
        let members = metadata
            .workspace_members
            .iter()
            .map(|id| name(id))
            .collect();
        Ok(Self { edges, members })
    }

    fn reaches(&self, from: &str, to: &str) -> bool {
        let mut waiting = vec![from];
        let mut seen = BTreeSet::new();
        while let Some(at) = waiting.pop() {
            for next in self.edges.get(at).into_iter().flatten() {
                if next == to {
                    return true;
                }
                if seen.insert(next) {
                    waiting.push(next);
                }
            }
        }
        false
    }
}
