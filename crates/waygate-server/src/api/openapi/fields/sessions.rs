//! What logins and tokens take.

use crate::api::openapi::field::Field;
use crate::api::openapi::field::Kind::{Text, Whole};
use crate::api::openapi::fields::SERVICE;

pub(crate) const LOGIN: &[Field] = &[
    Field::new("username", Text, "Who").required(),
    Field::new("password", Text, "Its password").required(),
    Field::new("platform", Text, "`cli`, `dashboard` or `sdk`"),
];
pub(crate) const LOGIN_FORM: &[Field] = &[
    Field::new("username", Text, "Who").required(),
    Field::new("password", Text, "Its password").required(),
    Field::new("next", Text, "Where to go then: a path of this server"),
];
pub(crate) const TOKENS: &[Field] = &[SERVICE, Field::new("holder", Text, "Only of this holder")];
pub(crate) const NEW_TOKEN: &[Field] = &[
    Field::new("service", Text, "The id of the service that it is bound to").required(),
    Field::new("expires_in", Whole { least: 60, most: 315_360_000 }, "How long it is good for, in seconds"),
];
