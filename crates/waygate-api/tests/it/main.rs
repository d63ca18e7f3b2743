//! The contract through its public surface.

#[cfg(test)]
mod properties;
