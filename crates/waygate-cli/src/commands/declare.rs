//! `export`, `apply`, `copy`, `diff`, `validate` and `schema`: what is wanted, kept as documents.

mod check;
mod kinds;
pub(crate) mod plan;
mod read;
mod rules;
mod schema;
pub(crate) mod weight;

use waygate_api::document::Document;
use waygate_api::paths;

use crate::cli::{Apply, ApplyManner, Copy, Diff, Documents, Export};
use crate::clock;
use crate::commands::batch::Batch;
use crate::commands::confirm::{self, Weight};
use crate::commands::propagation;
use crate::commands::reach;
use crate::context::{Connection, Context, Read, service};
use crate::error::{CliError, CliResult, ExitStatus};
use crate::printer::{Format, Output};
use crate::render;
use crate::render::count::counted;
use crate::render::table::{Cell, Table};
use plan::{Plan, Planner, Step, Unnamed};

/// Of how many steps a question tells.
const MOST_ASKED: usize = 40;

pub(crate) async fn export(context: &Context, export: Export) -> CliResult {
    let scope = service(export.service.name.as_deref())?;
    let connection = context.connect()?;
    let document = document(&connection, scope.as_ref().map(waygate_core::ServiceId::as_str), export.revision).await?;
    let document = kinds::narrowed(document.bare(), &export.kinds);
    let text = serde_json::to_string(&document).map_err(|error| CliError::failed(error.to_string()))?;
    match context.printer.output {
        Output::Json | Output::Jsonl => context.printer.json(&text),
        Output::Csv | Output::Name => {
            return Err(CliError::usage("a document is YAML or JSON: `-o yaml` or `-o json`"));
        }
        Output::Table | Output::Wide | Output::Yaml => context.printer.text(&render::yaml::of_json(&text)),
    }
    Ok(())
}

/// What there is, or was: of one service, or of all.
pub(crate) async fn document(
    connection: &Connection,
    service: Option<&str>,
    revision: Option<u64>,
) -> CliResult<Document> {
    let revision = revision.map(|revision| revision.to_string());
    let query: Vec<(&str, &str)> = [("service", service), ("revision", revision.as_deref())]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    let read = connection.get::<Document>(paths::DOCUMENT, &query).await.map_err(|error| {
        if error.is_about("revision") {
            error.with_status(ExitStatus::NotFound).hint("`waygate history` lists changes with their revisions")
        } else {
            error
        }
    });
    Ok(read?.value)
}

pub(crate) async fn apply(context: &Context, apply: Apply) -> CliResult {
    let detailed = apply.detailed_exitcode;
    let applied = apply_all(context, apply).await;
    match applied {
        Ok(has_changed) if detailed => {
            propagation::tell(context, true).map_err(|error| error.with_status(ExitStatus::Failed))?;
            match has_changed {
                true => Err(CliError::outcome(ExitStatus::Usage)),
                // All of it has been told.
                false if context.settings.wait.is_some() => Err(CliError::outcome(ExitStatus::Success)),
                false => Ok(()),
            }
        }
        Ok(_) => Ok(()),
        // 2 says there that something has changed.
        Err(error) if detailed => Err(error.with_status(ExitStatus::Failed)),
        Err(error) => Err(error),
    }
}

/// Whether anything had to change.
async fn apply_all(context: &Context, apply: Apply) -> CliResult<bool> {
    let wanted = read::documents(&apply.documents.files)?;
    make_so(context, &context.connect()?, &wanted, &apply.manner).await
}

/// Reads what one control plane has, and makes another so.
pub(crate) async fn copy(context: &Context, copy: Copy) -> CliResult {
    let Copy { origin, target, service: scope, kinds, manner } = copy;
    if context.settings.server.is_some() {
        return Err(CliError::usage("`copy` goes from one context to another: `--server` names neither"));
    }
    if origin == target {
        return Err(CliError::usage(format!("`--from {origin} --to {target}`: these are the same")));
    }
    let scope = service(scope.name.as_deref())?;
    let beside = context.connect_beside(&origin)?;
    let connection = context.connect()?;
    let wanted = document(&beside, scope.as_ref().map(waygate_core::ServiceId::as_str), None).await?;
    let wanted = kinds::narrowed(wanted.bare(), &kinds);
    context.printer.note(&format!("from {} to {}", beside.server.place(), connection.server.place()));
    make_so(context, &connection, &wanted, &manner).await.map(|_| ())
}

/// Makes everything as a document says, in one change. Whether anything had to change.
async fn make_so(
    context: &Context,
    connection: &Connection,
    wanted: &Document,
    manner: &ApplyManner,
) -> CliResult<bool> {
    let current = document(connection, None, None).await?;
    let unnamed = if manner.prune { Unnamed::GoesBack } else { Unnamed::Stays };
    let plan = Planner { now: clock::now(), unnamed, reason: &manner.reason }.plan(&current, wanted);
    if !plan.unknown.is_empty() {
        if !manner.skip_unknown {
            let count = plan.unknown.len();
            let error = CliError::new(ExitStatus::NotFound, format!("not known there: {count} of what is wanted"));
            let error = named(&plan.unknown).into_iter().fold(error, CliError::hint);
            let advice =
                "`--skip-unknown` leaves it out; services make themselves and their routes known when they start";
            return Err(error.hint(advice));
        }
        for unknown in named(&plan.unknown) {
            context.printer.note(&format!("left out, not known there: {unknown}"));
        }
    }
    let least = manner.prune.then(|| Weight::Retype(confirm::server_word(connection)));
    carry_out(context, connection, &plan, least, None).await
}

/// The first of many names, and how many more there are.
fn named(all: &[String]) -> Vec<String> {
    const MOST: usize = 20;
    let more = all.len().saturating_sub(MOST);
    let more = (more > 0).then(|| format!("and {more} more"));
    all.iter().take(MOST).cloned().chain(more).collect()
}

/// Shows a plan and carries it out as one change, agreed to by `least` or by what is in it. `undoes` is the revision that it
/// takes back. Whether anything had to change.
pub(crate) async fn carry_out(
    context: &Context,
    connection: &Connection,
    plan: &Plan,
    least: Option<Weight>,
    undoes: Option<u64>,
) -> CliResult<bool> {
    for subject in &plan.gone {
        context.printer.note(&format!("stays away: {subject}, which is not known any more"));
    }
    if plan.steps.is_empty() {
        if let Some(revision) = undoes {
            let why = if plan.gone.is_empty() { "" } else { ": what it was about has gone" };
            let error = format!("nothing of revision {revision} can be taken back{why}");
            let advice = "`waygate undo REVISION` takes an earlier one back; `waygate history` lists them";
            return Err(CliError::new(ExitStatus::NotFound, error).hint(advice));
        }
        let is_so = plan.gone.is_empty();
        let none = if is_so { "no change: everything is so already" } else { "no change: what was set then has gone" };
        show(context, &plan.told(), none);
        context.nothing_changed();
        match plan.services.as_deref() {
            Some([]) => propagation::of_nobody(context),
            services => {
                let services: Vec<&str> = services.unwrap_or_default().iter().map(String::as_str).collect();
                propagation::of_what_is_stored(context, connection, &services).await?;
            }
        }
        return Ok(false);
    }
    let batch = Batch::of(&plan.commands(), undoes)?;
    let is_seen = agree(context, connection, plan, least).await?;
    let (Read { value: answer, .. }, head) = batch.send(connection).await?;
    // What is shown are the steps.
    context.propagations.keep_apart();
    // Whoever was asked has it before them.
    if !(is_seen && context.printer.terminal && context.printer.output == Output::Table) {
        show(context, &plan.told(), "");
    }
    for warning in head.notices.iter().filter(|notice| !notice.starts_with("ended: ")) {
        context.printer.note(&format!("note: {warning}"));
    }
    if !context.settings.dry_run {
        context
            .printer
            .note(&format!("revision {}; `waygate undo {}` takes it back", answer.revision, answer.revision));
    }
    Ok(true)
}

/// Asks back with what would change and what that reaches. Whether anybody was asked.
async fn agree(context: &Context, connection: &Connection, plan: &Plan, least: Option<Weight>) -> CliResult<bool> {
    let always = || context.consent.is_wanted().then_some(Weight::Ask);
    let Some(weight) = least.or_else(|| weight::of(&plan.steps, connection)).or_else(always) else { return Ok(false) };
    if !confirm::asks(context)? {
        return Ok(false);
    }
    let text = table(&plan.steps).plain(false, true);
    let mut lines: Vec<String> = text.lines().take(MOST_ASKED + 1).map(ToOwned::to_owned).collect();
    if plan.steps.len() > MOST_ASKED {
        lines.push(format!("… and {} more; `--dry-run` shows all", plan.steps.len() - MOST_ASKED));
    }
    lines.push(format!("reaches {}", reach::of_subjects(connection, &weight::subjects(&plan.steps)).await?.join(", ")));
    let what = counted(plan.steps.len(), "change");
    confirm::agreed(context, connection, &what, &lines, &weight)?;
    Ok(true)
}

pub(crate) async fn diff(context: &Context, diff: Diff) -> CliResult {
    let differs = async {
        let wanted = read::documents(&diff.documents.files)?;
        let current = document(&context.connect()?, None, None).await?;
        let unnamed = if diff.prune { Unnamed::GoesBack } else { Unnamed::Stays };
        let mut plan = Planner { now: clock::now(), unnamed, reason: "" }.plan(&current, &wanted);
        plan.steps.extend(plan.unknown.drain(..).map(|subject| Step {
            subject,
            before: "not known".to_owned(),
            after: "wanted".to_owned(),
            left_out: false,
            commands: Vec::new(),
        }));
        show(context, &plan.steps, "no difference");
        Ok::<_, CliError>(!plan.steps.is_empty())
    };
    match differs.await {
        Ok(false) => Ok(()),
        // 1 says that there is a difference, so a failure is another number.
        Ok(true) => Err(CliError::outcome(ExitStatus::Failed)),
        Err(error) if error.status == ExitStatus::Failed => Err(error.with_status(ExitStatus::Usage)),
        Err(error) => Err(error),
    }
}

pub(crate) fn validate(context: &Context, documents: &Documents) -> CliResult {
    let document = read::documents(&documents.files)?;
    let commands = rules::checked(&document, clock::now())?;
    let routes: usize = document.services.values().map(|service| service.routes.len()).sum();
    let services = document.services.len();
    if context.printer.format == Format::Json {
        context.printer.json(&serde_json::json!({"valid": true, "services": services, "routes": routes}).to_string());
    } else {
        let (services, routes) = (counted(services, "service"), counted(routes, "route"));
        context.printer.note(&format!("✓ valid: {services}, {routes}"));
    }
    if let Err(error) = Batch::of(&commands, None) {
        context.printer.warn(&format!("where nothing of it is so yet, it cannot be applied as a whole: {error}"));
    }
    Ok(())
}

pub(crate) fn schema(context: &Context) -> CliResult {
    let schema = schema::of_documents().to_string();
    match context.printer.output {
        Output::Csv | Output::Name => return Err(CliError::usage("a schema is JSON or YAML: `-o json` or `-o yaml`")),
        Output::Yaml => context.printer.text(&render::yaml::of_json(&schema)),
        Output::Jsonl => context.printer.text(&schema),
        Output::Table | Output::Wide | Output::Json => context.printer.text(&render::json::laid_out(&schema)),
    }
    Ok(())
}

/// What is left out is for programs; people are told.
fn show(context: &Context, steps: &[Step], none: &str) {
    let raw = serde_json::to_string(steps).unwrap_or_else(|_| "[]".to_owned());
    context.printer.list(&raw, &table(steps), none);
}

fn table(steps: &[Step]) -> Table {
    let mut table = Table::new(vec!["Subject", "Before", "After"]);
    for step in steps.iter().filter(|step| !step.left_out) {
        table.push(vec![Cell::new(&step.subject), Cell::new(&step.before), Cell::new(&step.after)]);
    }
    table
}
