//! When everything is whole again: everybody comes to know the same.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use waygate_api::stream::Frame;
use waygate_core::Digest;

use super::{CONVERGENCE, change, python_route};
use crate::history::{Findings, Operation, answers, expected};
use crate::known::Known;
use crate::world::{PYTHON, World};
use crate::writer::{client, read};

/// How the quiet went.
pub(super) struct Settled {
    pub(super) drifted: u64,
    pub(super) longest: [Duration; 2],
}

/// Waits until every service has registered its routes.
pub(super) async fn registered(world: &World) -> anyhow::Result<()> {
    let (begun, http) = (Instant::now(), client());
    let wanted = world.services.len() * crate::ROUTES.len() + usize::from(!world.pythons.is_empty());
    loop {
        let routes = read(&http, &format!("{}/api/routes", world.nodes[0].url())).await?;
        if routes.as_array().is_some_and(|routes| routes.len() >= wanted) {
            return Ok(());
        }
        anyhow::ensure!(begun.elapsed() < CONVERGENCE, "the services do not register: {routes}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Waits for the nodes, makes one more change that concerns everybody, and waits for it to arrive everywhere.
pub(super) async fn settle(
    world: &World,
    begun: Instant,
    operations: &mut Vec<Operation>,
    findings: &mut Findings,
) -> anyhow::Result<Settled> {
    let (whole, http) = (Instant::now(), client());
    for node in &world.nodes {
        until(whole, findings, &format!("{} is not ready", node.url()), async || {
            http.get(format!("{}/readyz", node.url())).send().await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
    }
    change(world, "over", vec![json!({"action": "global_maintenance_off"})], begun, operations).await?;
    let own = |service: &str| json!({"action": "disable", "route": format!("{service}:GET:/r0")});
    let mut last: Vec<Value> = world.services.iter().map(|service| own(&service.name)).collect();
    if !world.pythons.is_empty() {
        last.push(json!({"action": "maintenance_on", "route": python_route()}));
    }
    change(world, "the last", last, begun, operations).await?;

    let mut settled = Settled { drifted: 0, longest: [Duration::ZERO; 2] };
    let log = super::log(&world.nodes[0].url()).await?;
    let mut said = None;
    for service in &world.services {
        let Some(process) = &service.process else { continue };
        let right = expected(&log, &service.name, u64::MAX);
        let digest = digest(&http, &world.nodes[0].url(), &service.name).await?;
        let arrived = until(whole, findings, &format!("{} is not where the nodes are", service.name), async || {
            said = read(&http, &format!("{}/known", process.url)).await.ok();
            let known = said.clone().and_then(|said| serde_json::from_value::<Known>(said).ok());
            known.is_some_and(|known| known.digest.as_deref() == Some(&digest) && known.decisions == right)
        })
        .await;
        if arrived.is_none() {
            findings.violations.push(format!("{} says {said:?}; right is {digest} and {right:?}", service.name));
        }
        settled.longest[0] = settled.longest[0].max(arrived.unwrap_or(CONVERGENCE));
        settled.drifted += said.as_ref().and_then(|said| said["drifted"].as_u64()).unwrap_or_default();
    }
    let right = answers(&log, PYTHON, &["/api/payments"], u64::MAX).concat();
    for (number, (process, _)) in world.pythons.iter().enumerate() {
        let arrived =
            until(whole, findings, &format!("Python service {number} does not answer `{right}`"), async || {
                behaves(&http, &process.url, &right).await
            })
            .await;
        settled.longest[1] = settled.longest[1].max(arrived.unwrap_or(CONVERGENCE));
    }
    same_cursors(world, findings).await?;
    Ok(settled)
}

/// Whether a service of the reference's SDK does what it should.
async fn behaves(http: &reqwest::Client, url: &str, right: &str) -> bool {
    let Ok(answer) = http.get(format!("{url}/api/payments")).send().await else { return false };
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap_or_default();
    match right.split_once(' ') {
        None => status == 200,
        Some((_, reason)) => status == 503 && body["error"]["reason"] == json!(reason),
    }
}

/// The digest of what a service should know.
async fn digest(http: &reqwest::Client, node: &str, service: &str) -> anyhow::Result<String> {
    let document = http.get(format!("{node}/api/sdk/snapshot?service={service}")).send().await?.text().await?;
    match Frame::decode("snapshot", &document)? {
        Some(Frame::Snapshot { view, .. }) => Ok(Digest::of(&view).to_string()),
        _ => anyhow::bail!("no snapshot but {document}"),
    }
}

/// Every node stands at the same place of the same history.
async fn same_cursors(world: &World, findings: &mut Findings) -> anyhow::Result<()> {
    let http = client();
    let mut cursors = Vec::new();
    for node in &world.nodes {
        let document = read(&http, &format!("{}/api/sdk/snapshot?service={PYTHON}", node.url())).await?;
        cursors.push(document["cursor"].to_string());
    }
    if cursors.windows(2).any(|pair| pair[0] != pair[1]) {
        findings.violations.push(format!("nodes stand at {cursors:?}"));
    }
    Ok(())
}

/// Waits until something is so, and says how long after everything was whole that was.
async fn until(
    whole: Instant,
    findings: &mut Findings,
    what: &str,
    mut holds: impl AsyncFnMut() -> bool,
) -> Option<Duration> {
    while !holds().await {
        if whole.elapsed() > CONVERGENCE {
            findings.violations.push(format!("{what} after {} s", CONVERGENCE.as_secs()));
            return None;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Some(whole.elapsed())
}
