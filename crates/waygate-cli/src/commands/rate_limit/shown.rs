//! Limits and denied requests as tables.

use waygate_api::rate_limits::{HitView, LimitView};

use crate::moment;
use crate::printer::Colour;
use crate::render::table::{Cell, Table};

/// A limit in one line.
pub(super) fn summary(view: &LimitView) -> String {
    let mut text = format!("{} · {} · {}", view.limit, view.algorithm, view.key_strategy);
    if view.burst > 0 {
        text = format!("{text} · burst {}", view.burst);
    }
    if let Some(share) = &view.share {
        text = format!("{text} · {share}");
    }
    if view.shadow {
        text.push_str(" · counts only");
    }
    text
}

pub(super) fn one(view: &LimitView) -> Table {
    let mut table = Table::new(vec!["Field", "Value"]);
    let mut row = |name: &str, value: &str| table.push(vec![Cell::new(name), Cell::new(value)]);
    let tiers: Vec<String> = view.tiers.iter().map(|tier| format!("{}={}", tier.name, tier.limit)).collect();
    let optional = [
        ("Service", view.service.clone().unwrap_or_default()),
        ("Route", view.key.clone().unwrap_or_default()),
        ("On missing key", view.on_missing_key.clone().unwrap_or_default()),
        (
            "On backend failure",
            if view.on_backend_failure == "local" { String::new() } else { view.on_backend_failure.clone() },
        ),
        ("Share", view.share.clone().unwrap_or_default()),
        ("Tiers", tiers.join(", ")),
        ("Exempt routes", view.exempt_routes.join(", ")),
        ("Exempt addresses", view.exempt_ips.join(", ")),
        ("Exempt roles", view.exempt_roles.join(", ")),
        ("Until", view.until.map(moment::shown).unwrap_or_default()),
        ("Overrides", view.overrides.clone().unwrap_or_default()),
    ];
    row("Limit", &view.limit);
    row("Algorithm", &view.algorithm);
    row("Key strategy", &view.key_strategy);
    row("Burst", &view.burst.to_string());
    row("Enabled", if view.enabled { "yes" } else { "no" });
    row("Counts only", if view.shadow { "yes" } else { "no" });
    row("Origin", &view.origin);
    for (name, value) in optional.iter().filter(|(_, value)| !value.is_empty()) {
        row(name, value);
    }
    for share in &view.shares {
        let lapsed = if share.lapsed { " (its lease has ended)" } else { "" };
        row("Held", &format!("{} by {} of {}{lapsed}", share.limit, share.instance, share.service));
    }
    table
}

pub(super) fn limits(views: &[LimitView]) -> Table {
    let mut table =
        Table::new(vec!["Service", "Method", "Path", "Limit", "Algorithm", "Key", "Burst", "Enabled", "Origin"]);
    for view in views {
        let origin = match &view.overrides {
            Some(declared) => format!("{} (overrides {declared})", view.origin),
            None => view.origin.clone(),
        };
        let name = view.key.as_ref().or(view.service.as_ref()).map_or("global", String::as_str);
        table.push_named(
            name,
            vec![
                Cell::new(view.service.as_deref().unwrap_or_default()),
                Cell::new(view.method.as_deref().unwrap_or_default()),
                Cell::new(view.path.as_deref().unwrap_or_default()).coloured(Colour::Cyan),
                Cell::new(&view.limit),
                Cell::new(&view.algorithm),
                Cell::new(&view.key_strategy),
                Cell::new(if view.burst > 0 { view.burst.to_string() } else { String::new() }),
                Cell::new(if view.enabled { "yes" } else { "no" }),
                Cell::new(origin),
            ],
        );
    }
    table
}

pub(super) fn hits(views: &[HitView]) -> Table {
    let mut table = Table::new(vec![
        "Time (UTC)",
        "Service",
        "Method",
        "Path",
        "Denied",
        "Limit",
        "Policy",
        "Key",
        "Tier",
        "Instance",
    ]);
    for view in views {
        let denied = if view.shadow { format!("{} (counted only)", view.count) } else { view.count.to_string() };
        let service = view.service.as_deref().unwrap_or_default();
        table.push_named(
            format!("{service}:{}:{}", view.method, view.path),
            vec![
                Cell::new(view.timestamp.strftime("%Y-%m-%d %H:%M:%S").to_string()),
                Cell::new(view.service.as_deref().unwrap_or_default()),
                Cell::new(&view.method),
                Cell::new(&view.path).coloured(Colour::Cyan),
                Cell::new(denied),
                Cell::new(&view.limit),
                Cell::new(&view.policy),
                Cell::new(&view.key),
                Cell::new(view.tier.as_deref().unwrap_or_default()),
                Cell::new(&view.instance),
            ],
        );
    }
    table
}
