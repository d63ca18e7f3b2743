//! Text made of what the API answers.

pub(crate) mod count;
pub(crate) mod json;
pub(crate) mod node;
pub(crate) mod route;
pub(crate) mod table;
pub(crate) mod yaml;
