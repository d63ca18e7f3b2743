//! Parts of documents.

use waygate_api::document::{Document, ScopeDocument, ServiceDocument};

use crate::cli::Kind;

/// The part of a document that is of these kinds; all of it where none is named.
pub(super) fn narrowed(mut document: Document, kinds: &[Kind]) -> Document {
    if kinds.is_empty() {
        return document;
    }
    let has = |kind| kinds.contains(&kind);
    if let Some(global) = document.global.as_mut().filter(|_| !has(Kind::Global)) {
        global.maintenance = global.maintenance.take().filter(|_| has(Kind::Maintenance));
        global.rate_limit = global.rate_limit.take().filter(|_| has(Kind::Limits));
    }
    document.global = document.global.filter(|global| *global != ScopeDocument::default());
    for service in document.services.values_mut() {
        service.maintenance = service.maintenance.take().filter(|_| has(Kind::Maintenance));
        service.rate_limit = service.rate_limit.take().filter(|_| has(Kind::Limits));
        service.route_limits.retain(|_, _| has(Kind::Limits));
        service.routes.retain(|_, _| has(Kind::Routes));
    }
    document.services.retain(|_, service| *service != ServiceDocument::default());
    document
}
