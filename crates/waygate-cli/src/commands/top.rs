//! `top`: which routes have requests now, and what becomes of them; or whom limits deny.

use std::time::Duration;

use waygate_api::paths;
use waygate_api::traffic::{CallerTraffic, RouteTraffic, TrafficView};

use crate::cli::Top;
use crate::commands::status::anyone;
use crate::context::{Connection, Context, Read, service};
use crate::error::{CliResult, ExitStatus};
use crate::printer::{Colour, Format};
use crate::render::table::{Cell, Table};

/// How often the table is drawn anew.
const EVERY: Duration = Duration::from_secs(2);

/// What the table is of.
#[derive(Clone, Copy)]
enum Shown {
    Routes,
    Callers,
}

pub(crate) async fn run(context: &Context, top: Top) -> CliResult {
    let service = service(top.service.name.as_deref())?;
    let connection = context.connect()?;
    // Callers are told to the minute.
    let shown = if top.callers { Shown::Callers } else { Shown::Routes };
    let mut query = vec![("window", shown.window())];
    query.extend(service.iter().map(|service| ("service", service.as_str())));
    let printer = &context.printer;
    if top.once || !printer.terminal || !printer.output.is_for_people() {
        let Read { raw, value } = read(&connection, &query).await?;
        anyone(&connection, service.as_ref(), value.routes.is_empty()).await?;
        if printer.format == Format::Json {
            printer.json(raw.get());
        } else {
            show(context, shown, &value);
        }
        return Ok(());
    }
    let mut last: Option<TrafficView> = None;
    loop {
        let title = match read(&connection, &query).await {
            Ok(Read { value, .. }) => {
                anyone(&connection, service.as_ref(), last.is_none() && value.routes.is_empty()).await?;
                last = Some(value);
                format!("{}; Ctrl-C ends", shown.title())
            }
            Err(error) if last.is_none() || error.status == ExitStatus::Authentication => return Err(error),
            // Whoever looks on wants to see it come back.
            Err(error) => format!("{error}; trying again. This is of before:"),
        };
        let Some(view) = &last else { continue };
        printer.screen(&title, &shown.table(view), shown.none(view));
        if printer.is_unheard() || printer.unknown_column().is_some() {
            return Ok(());
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn read(connection: &Connection, query: &[(&str, &str)]) -> CliResult<Read<TrafficView>> {
    connection.get::<TrafficView>(paths::TRAFFIC, query).await
}

impl Shown {
    fn window(self) -> &'static str {
        match self {
            Self::Routes => "1m",
            Self::Callers => "1h",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Routes => "Requests of the last minute",
            Self::Callers => "Callers that limits have denied in the last hour",
        }
    }

    fn table(self, view: &TrafficView) -> Table {
        match self {
            Self::Routes => routes(view),
            Self::Callers => callers(view),
        }
    }

    /// Nobody counting is something else than no requests.
    fn none(self, view: &TrafficView) -> &'static str {
        let is_measured = view.services.iter().any(|service| service.measured_seconds > 0);
        match self {
            Self::Routes if is_measured => "no requests in the last minute",
            Self::Callers if is_measured => "no caller was reported to this server in the last hour",
            Self::Routes => "no data: no service that counts requests has reported to this server in the last minute",
            Self::Callers => "no data: no service that counts requests has reported to this server in the last hour",
        }
    }
}

fn routes(view: &TrafficView) -> Table {
    let mut table =
        Table::new(vec!["Service", "Route", "Requests/s", "Allowed", "Limited", "Blocked", "Gated", "Counts only"]);
    for route in &view.routes {
        table.push(row(route, measured(view, route)));
    }
    table
}

fn callers(view: &TrafficView) -> Table {
    let mut table = Table::new(vec!["Service", "Caller", "Limit of", "Denied", "At least"]);
    for CallerTraffic { service, policy, caller, count, over } in &view.callers {
        table.push(vec![
            Cell::new(service).coloured(Colour::Cyan),
            Cell::new(caller),
            Cell::new(policy),
            Cell::new(count.to_string()).coloured(Colour::Yellow),
            Cell::new(count.saturating_sub(*over).to_string()),
        ]);
    }
    table
}

fn show(context: &Context, shown: Shown, view: &TrafficView) {
    let table = shown.table(view);
    if table.is_empty() {
        context.printer.note(shown.none(view));
    } else {
        context.printer.table(&table);
    }
}

/// How many seconds of the minute are known of the route's service.
fn measured(view: &TrafficView, route: &RouteTraffic) -> u64 {
    let of = view.services.iter().find(|service| service.service == route.service);
    of.map_or(0, |service| service.measured_seconds).clamp(1, 60)
}

fn row(route: &RouteTraffic, seconds: u64) -> Vec<Cell> {
    let counts = &route.counts;
    let name =
        if route.path.is_empty() { "no known route".to_owned() } else { format!("{}:{}", route.method, route.path) };
    // Tenths, without going through floating point.
    let tenths = counts.total().saturating_mul(10) / seconds;
    let stopped = |count: u64, colour| {
        let cell = Cell::new(count.to_string());
        if count == 0 { cell } else { cell.coloured(colour) }
    };
    vec![
        Cell::new(&route.service).coloured(Colour::Cyan),
        Cell::new(name),
        Cell::new(format!("{}.{}", tenths / 10, tenths % 10)),
        Cell::new(counts.allowed.to_string()),
        stopped(counts.limited, Colour::Yellow),
        stopped(counts.blocked, Colour::Red),
        stopped(counts.gated, Colour::Yellow),
        Cell::new(counts.shadow.to_string()),
    ]
}
