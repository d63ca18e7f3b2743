//! What webhooks are made of.

use crate::api::openapi::field::Field;
use crate::api::openapi::field::Kind::{Flag, OneOf, Text, Texts, TextsOf};
use crate::api::openapi::fields::REASON;
use crate::api::openapi::fields::names::ACTIONS;

const TARGET: Field =
    Field::new("url", Text, "Where to: `https://…`; kept sealed, shown without what makes it a secret");
const FORMAT: Field = Field::new("format", OneOf(&["generic", "slack"]), "How deliveries are written");
const OF_SERVICES: Field =
    Field::new("services", Texts, "Only of these services, and of what concerns all; none: of all");
const OF_ACTIONS: Field =
    Field::new("actions", TextsOf(ACTIONS), "Only these; none: all but what services and sessions do by themselves");
const ENABLED: Field = Field::new("enabled", Flag, "Whether it is told of anything");
pub(crate) const WEBHOOK: &[Field] = &[TARGET.required(), FORMAT, OF_SERVICES, OF_ACTIONS, ENABLED, REASON];
pub(crate) const EDIT_WEBHOOK: &[Field] = &[TARGET, FORMAT, OF_SERVICES, OF_ACTIONS, ENABLED, REASON];
