//! The core through its public surface.

#[cfg(test)]
mod allocations;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod decide;
#[cfg(test)]
mod digest;
#[cfg(test)]
mod division;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod limits_caller;
#[cfg(test)]
mod limits_vectors;
#[cfg(test)]
mod model;
#[cfg(test)]
mod names;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod random;
#[cfg(test)]
mod rate_limits;
#[cfg(test)]
mod registration;
#[cfg(test)]
mod replication;
#[cfg(test)]
mod webhooks;
#[cfg(test)]
mod windows;
#[cfg(test)]
mod world;
