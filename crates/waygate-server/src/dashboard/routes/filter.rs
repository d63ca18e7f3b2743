//! What of the list of routes is wanted, as the address says it.

use waygate_api::paths::percent_encoded;

use crate::api::names::Parameters;
use crate::dashboard::routes::Row;
use crate::dashboard::routes::sort::Sort;
use crate::dashboard::words::Kind;

pub(in crate::dashboard) struct Filter {
    pub(super) text: String,
    pub(super) service: Option<String>,
    /// The name of a status.
    pub(super) status: Option<&'static str>,
    /// From 1.
    pub(super) page: usize,
    pub(super) sort: Option<Sort>,
    words: Vec<Word>,
}

/// One word of the filter's text.
enum Word {
    /// In the path, the reason, the method or the service.
    Anywhere(String),
    Status(String),
    Service(String),
    Method(String),
    WithoutLimit,
    /// Not every instance has applied its last change.
    Behind,
}

impl Filter {
    /// What makes no sense is as if it were not there: an address that somebody has cut off still leads somewhere.
    pub(in crate::dashboard) fn of(parameters: &Parameters) -> Self {
        let text = parameters.filter("q").unwrap_or_default().trim().to_owned();
        let status = parameters.filter("status");
        Self {
            words: text.split_whitespace().map(Word::of).collect(),
            text,
            service: parameters.filter("service").map(ToOwned::to_owned),
            status: Kind::ALL.into_iter().map(Kind::as_str).find(|name| Some(*name) == status),
            page: parameters.filter("page").and_then(|page| page.parse().ok()).filter(|page| *page > 0).unwrap_or(1),
            sort: parameters.filter("sort").and_then(Sort::of),
        }
    }

    pub(super) fn status(&self) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| Some(kind.as_str()) == self.status)
    }

    pub(in crate::dashboard) fn is_set(&self) -> bool {
        !self.text.is_empty() || self.service.is_some() || self.status.is_some()
    }

    pub(in crate::dashboard) fn takes(&self, row: &Row) -> bool {
        self.takes_text(row) && self.takes_status(row)
    }

    /// Everything but the status, so that the statuses can be counted.
    pub(super) fn takes_text(&self, row: &Row) -> bool {
        self.service.as_ref().is_none_or(|service| *service == row.service)
            && self.words.iter().all(|word| word.fits(row))
    }

    pub(super) fn takes_status(&self, row: &Row) -> bool {
        self.status.is_none_or(|status| row.kind.as_str() == status)
    }

    /// The query of the same list with another status, another order, or another page.
    pub(super) fn query(&self, status: Option<Kind>, sort: Option<Sort>, page: usize) -> String {
        let mut parts = Vec::new();
        if !self.text.is_empty() {
            parts.push(format!("q={}", percent_encoded(&self.text)));
        }
        if let Some(service) = &self.service {
            parts.push(format!("service={}", percent_encoded(service)));
        }
        if let Some(status) = status {
            parts.push(format!("status={}", status.as_str()));
        }
        if let Some(sort) = sort {
            parts.push(format!("sort={}", sort.name()));
        }
        if page > 1 {
            parts.push(format!("page={page}"));
        }
        if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
    }

    /// The filter in words.
    pub(in crate::dashboard) fn words(&self) -> String {
        let mut parts = Vec::new();
        if !self.text.is_empty() {
            parts.push(format!("“{}”", self.text));
        }
        parts.extend(self.service.as_ref().map(|service| format!("the service {service}")));
        parts.extend(self.status().map(|kind| format!("the status {}", kind.word())));
        parts.join(" with ")
    }
}

impl Word {
    fn of(text: &str) -> Self {
        let text = text.to_lowercase();
        match text.split_once(':') {
            Some(("status", status)) => Self::Status(status.replace('-', "_")),
            Some(("svc" | "service", service)) => Self::Service(service.to_owned()),
            Some(("m" | "method", method)) => Self::Method(method.to_owned()),
            Some(("limit", "none")) => Self::WithoutLimit,
            Some(("behind", "yes")) => Self::Behind,
            _ => Self::Anywhere(text),
        }
    }

    fn fits(&self, row: &Row) -> bool {
        match self {
            Self::Anywhere(text) => [row.path.as_str(), &row.cause, row.method, &row.service]
                .iter()
                .any(|place| place.to_lowercase().contains(text)),
            Self::Status(status) => row.kind.as_str() == status,
            Self::Service(service) => row.service.to_lowercase().contains(service),
            Self::Method(method) => row.method.eq_ignore_ascii_case(method),
            Self::WithoutLimit => row.has_no_limit(),
            Self::Behind => row.behind,
        }
    }
}
