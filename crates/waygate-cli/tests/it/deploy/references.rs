//! What files of `deploy/` say of each other and of the repository: stages, networks, labels, ports, names.

use std::collections::BTreeSet;

use saphyr::Yaml;

use super::{documents, root, text};

fn names(mapping: &Yaml<'static>) -> BTreeSet<String> {
    let names = mapping.as_mapping().unwrap().iter().map(|(name, _)| name.as_str().unwrap().to_owned());
    names.collect()
}

/// The items of a list, or the keys of a mapping.
fn listed(node: &Yaml<'static>) -> Vec<String> {
    match node.as_vec() {
        Some(items) => items.iter().map(|item| item.as_str().unwrap().to_owned()).collect(),
        None => names(node).into_iter().collect(),
    }
}

/// The stages of the image, each with its lines.
fn stages(image: &str) -> Vec<(&str, Vec<&str>)> {
    let mut stages: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in image.lines() {
        if let Some(from) = line.strip_prefix("FROM ") {
            stages.push((from.split(" AS ").nth(1).unwrap(), Vec::new()));
        } else if let Some((_, lines)) = stages.last_mut() {
            lines.push(line);
        }
    }
    stages
}

#[test]
fn whatever_the_image_is_built_of_is_sent_to_it() {
    let workspace: toml::Table = text("Cargo.toml").parse().unwrap();
    let ignore = text("deploy/docker/Dockerfile.dockerignore");
    let sent: Vec<&str> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    for member in workspace["workspace"]["members"].as_array().unwrap() {
        let member = member.as_str().unwrap().trim_end_matches("/*");
        assert!(sent.iter().any(|sent| member.starts_with(sent)), "cargo cannot build without `{member}`: {sent:?}");
    }
    let image = text("deploy/docker/Dockerfile");
    for package in image.split(" -p ").skip(1).map(|rest| rest.split_whitespace().next().unwrap()) {
        let is_there = ["crates", "examples"].iter().any(|part| root().join(part).join(package).is_dir());
        assert!(is_there, "`{package}`");
    }
}

#[test]
fn stages_of_the_image_copy_from_those_before_and_run_as_nobody() {
    let image = text("deploy/docker/Dockerfile");
    let stages = stages(&image);
    let mut before = BTreeSet::new();
    for (name, lines) in &stages {
        for from in lines.iter().filter_map(|line| line.split("--from=").nth(1)) {
            assert!(before.contains(from.split(' ').next().unwrap()), "{name}: {from}");
        }
        before.insert(*name);
        let user = lines.iter().find_map(|line| line.strip_prefix("USER "));
        assert_eq!(user.is_none(), *name == "build", "{name} runs as {user:?}");
        assert!(user.is_none_or(|user| user.split(':').all(|id| id.parse::<u32>().is_ok_and(|id| id > 0))));
    }
    let (last, lines) = stages.last().unwrap();
    assert!(*last == "server" && lines.iter().any(|line| line.starts_with("HEALTHCHECK ")));
}

#[test]
fn the_compose_file_refers_to_what_there_is() {
    let whole = text("deploy/docker/compose.yaml");
    let compose = documents(&root().join("deploy/docker/compose.yaml")).remove(0);
    let (services, networks, volumes) =
        (names(&compose["services"]), names(&compose["networks"]), names(&compose["volumes"]));
    let image = text("deploy/docker/Dockerfile");
    let stages: Vec<&str> = stages(&image).into_iter().map(|(name, _)| name).collect();
    for name in &services {
        let service = &compose["services"][name.as_str()];
        for network in listed(&service["networks"]) {
            assert!(networks.contains(&network), "{name}: {network}");
        }
        if service.contains_mapping_key("depends_on") {
            assert!(listed(&service["depends_on"]).iter().all(|other| services.contains(other)), "{name}");
        }
        if service.contains_mapping_key("volumes") {
            for volume in listed(&service["volumes"]) {
                assert!(volumes.contains(volume.split(':').next().unwrap()), "{name}: {volume}");
            }
        }
        if service.contains_mapping_key("build") {
            let target = service["build"]["target"].as_str().unwrap();
            assert!(stages.contains(&target), "{name}: {target}");
            assert_eq!(service["read_only"].as_bool(), Some(true), "{name}");
            assert_eq!(listed(&service["cap_drop"]), ["ALL"], "{name}");
        }
    }
    let asked: BTreeSet<&str> = whole.split("${").skip(1).map(|rest| rest.split([':', '}']).next().unwrap()).collect();
    let example = text("deploy/docker/example.env");
    let told: BTreeSet<&str> =
        example.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split('=').next()).collect();
    assert_eq!(asked, told, "what is asked for, and what the example has");
}

/// A document of the manifests, by its kind.
fn manifest(file: &str, kind: &str) -> Yaml<'static> {
    let all = documents(&root().join("deploy/kubernetes").join(file));
    all.into_iter().find(|document| document["kind"].as_str() == Some(kind)).unwrap()
}

/// Label names with their values.
fn labels(node: &Yaml<'static>) -> BTreeSet<(String, String)> {
    let text = |node: &Yaml<'static>| node.as_str().unwrap().to_owned();
    node.as_mapping().unwrap().iter().map(|(name, value)| (text(name), text(value))).collect()
}

#[test]
fn manifests_select_pods_and_ports_that_there_are() {
    let deployment = manifest("deployment.yaml", "Deployment");
    let pod = &deployment["spec"]["template"];
    let own = labels(&pod["metadata"]["labels"]);
    let service = manifest("service.yaml", "Service");
    for selector in [
        &deployment["spec"]["selector"]["matchLabels"],
        &service["spec"]["selector"],
        &manifest("disruption.yaml", "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        &manifest("network.yaml", "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ] {
        let selected = labels(selector);
        assert!(!selected.is_empty() && selected.is_subset(&own), "{selected:?} of {own:?}");
    }
    let container = &pod["spec"]["containers"][0];
    let ports: Vec<&str> =
        container["ports"].as_vec().unwrap().iter().map(|port| port["name"].as_str().unwrap()).collect();
    let policy = manifest("network.yaml", "NetworkPolicy");
    let mut used = vec![
        service["spec"]["ports"][0]["targetPort"].as_str().unwrap(),
        policy["spec"]["ingress"][0]["ports"][0]["port"].as_str().unwrap(),
    ];
    used.extend(
        ["startupProbe", "livenessProbe", "readinessProbe"]
            .map(|probe| container[probe]["httpGet"]["port"].as_str().unwrap()),
    );
    assert!(used.iter().all(|port| ports.contains(port)), "{used:?} of {ports:?}");
    for (reference, file, kind) in
        [("configMapRef", "configuration.yaml", "ConfigMap"), ("secretRef", "secret.example.yaml", "Secret")]
    {
        let sources = container["envFrom"].as_vec().unwrap().iter();
        let named =
            sources.filter(|source| source.contains_mapping_key(reference)).map(|source| &source[reference]["name"]);
        let there = manifest(file, kind);
        assert_eq!(named.collect::<Vec<_>>(), [&there["metadata"]["name"]], "{reference}");
    }
    let account = manifest("deployment.yaml", "ServiceAccount");
    assert_eq!(pod["spec"]["serviceAccountName"], account["metadata"]["name"]);
}

/// What the namespace enforces: the standard `restricted` of pod security.
#[test]
fn pods_are_as_restricted_as_their_namespace_wants() {
    let namespace = manifest("namespace.yaml", "Namespace");
    assert_eq!(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"].as_str(), Some("restricted"));
    let deployment = manifest("deployment.yaml", "Deployment");
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"].as_str(), Some("RuntimeDefault"));
    assert_eq!(pod["automountServiceAccountToken"].as_bool(), Some(false));
    for container in pod["containers"].as_vec().unwrap() {
        let security = &container["securityContext"];
        assert_eq!(security["allowPrivilegeEscalation"].as_bool(), Some(false));
        assert_eq!(listed(&security["capabilities"]["drop"]), ["ALL"]);
        assert!(container["resources"]["limits"].contains_mapping_key("memory"));
        assert!(container["resources"]["requests"].contains_mapping_key("cpu"));
    }
    let budget = manifest("disruption.yaml", "PodDisruptionBudget");
    let (kept, replicas) = (&budget["spec"]["minAvailable"], &deployment["spec"]["replicas"]);
    assert!(kept.as_integer().unwrap() < replicas.as_integer().unwrap(), "no node could ever be drained");
}
