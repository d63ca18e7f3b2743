//! `explain`: what a request would get, and which layers say so.

use std::net::IpAddr;

use waygate_api::explain::{ExplainedLimit, ExplainedStep, Explanation};
use waygate_api::paths;
use waygate_core::RouteMethod;

use crate::cli::Explain;
use crate::clock;
use crate::context::{Context, Read, service};
use crate::error::{CliError, CliResult};
use crate::moment;
use crate::printer::{Colour, Printer};
use crate::render::table::{Cell, Table};

pub(crate) async fn run(context: &Context, explain: Explain) -> CliResult {
    let Explain { verb, path, service: scope, ip, environment, at } = explain;
    let service = service(scope.name.as_deref())?.ok_or_else(|| {
        CliError::usage("which service takes the request? Say it with `--service NAME` or WAYGATE_SERVICE")
    })?;
    if RouteMethod::from_name(&verb.to_uppercase()).is_none_or(|method| method == RouteMethod::Any) {
        return Err(CliError::usage(format!("`{verb}` is no method: expected GET, POST, …")));
    }
    if !path.starts_with('/') {
        return Err(CliError::usage(format!("`{path}` is no path: it must begin with `/`")));
    }
    if let Some(ip) = ip.as_deref().filter(|ip| ip.parse::<IpAddr>().is_err()) {
        return Err(CliError::usage(format!(
            "`--ip {ip}` is no address: expected one such as 10.0.0.7 or 2001:db8::1"
        )));
    }
    let at = at.map(|at| moment::parse("--at", &at, clock::now())).transpose()?.map(|at| at.to_string());
    let mut query = vec![("service", service.as_str()), ("method", verb.as_str()), ("path", path.as_str())];
    let further = [("at", at.as_deref()), ("environment", environment.as_deref()), ("ip", ip.as_deref())];
    query.extend(further.into_iter().filter_map(|(name, value)| Some((name, value?))));
    let Read { raw, value } = context.connect()?.get::<Explanation>(paths::EXPLAIN, &query).await?;
    context.printer.answer(raw.get(), || table(&value), |printer| tell(printer, &value));
    Ok(())
}

fn tell(printer: &Printer, told: &Explanation) {
    let (colour, outcome) =
        if told.outcome == "deny" { (Colour::Red, "is denied") } else { (Colour::Green, "is let through") };
    let code = told.code.as_ref().map(|code| format!(": {} {code}", told.status)).unwrap_or_default();
    printer.data(Some(colour), &format!("{} {} at {} {outcome}{code}", told.method, told.path, told.service));
    if let Some(reason) = &told.reason {
        printer.data(None, &format!("  Reason: {reason}"));
    }
    let route = told.route.as_deref().unwrap_or("none is known for it");
    printer.data(None, &format!("  Route:  {route}"));
    printer.data(None, &format!("  At:     {}, revision {}", moment::shown(told.at), told.revision));
    for (number, step) in told.steps.iter().enumerate() {
        let colour = match step.verdict.as_str() {
            "deny" => Some(Colour::Red),
            "shadow" | "charge" => Some(Colour::Yellow),
            _ => None,
        };
        let line =
            format!("  {}. {:<20} {:<12} {}", number + 1, words(&step.layer), words(&step.verdict), detail(told, step));
        printer.data(colour, line.trim_end());
    }
}

fn table(told: &Explanation) -> Table {
    let mut table = Table::new(vec!["Layer", "Verdict", "Detail", "Until"]);
    for step in &told.steps {
        table.push(vec![
            Cell::new(&step.layer),
            Cell::new(&step.verdict),
            Cell::new(detail(told, step)),
            Cell::new(step.until.map(moment::shown).unwrap_or_default()),
        ]);
    }
    table
}

fn words(name: &str) -> String {
    name.replace('_', " ")
}

fn detail(told: &Explanation, step: &ExplainedStep) -> String {
    let until = step.until.map(|until| format!(", until {}", moment::shown(until))).unwrap_or_default();
    match told.limits.iter().find(|limit| limit.layer == step.layer) {
        Some(ExplainedLimit { limit, algorithm, key_strategy, exempt, shadow, .. }) => {
            let exempt = if *exempt { "; this address is exempt" } else { "" };
            let shadow = if *shadow { "; shadow: counts only" } else { "" };
            format!("{limit} ({algorithm}, by {key_strategy}){exempt}{shadow}")
        }
        None => step.detail.as_ref().map(|detail| format!("{detail}{until}")).unwrap_or_default(),
    }
}
