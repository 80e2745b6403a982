//! Writes that break on purpose: how tests ask what a lost connection leaves behind, before and after each statement of a
//! commit. Nothing in the product makes such a store.

use std::fmt::Debug;
use std::sync::Arc;

use super::StoreError;

/// On which side of a statement it breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// The statement never reached the database.
    Before,
    /// The database has done it, and its answer was lost.
    After,
}

/// Decides what breaks.
pub trait Faults: Debug + Send + Sync {
    /// What goes wrong at this moment of the statement with this name, if anything: a table's name for its rows, or
    /// `begin`, `head`, `move head`, `commit`.
    fn strike(&self, statement: &'static str, moment: Moment) -> Option<sqlx::Error>;
}

/// The plan of a store; none in the product.
pub(super) type Plan = Option<Arc<dyn Faults>>;

/// Breaks here, if it is to.
pub(super) fn strike(plan: &Plan, statement: &'static str, moment: Moment) -> Result<(), StoreError> {
    match plan.as_ref().and_then(|plan| plan.strike(statement, moment)) {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}
