//! The directory of verified people: who they are, what they may do, and how they prove it.
//!
//! - [`directory`]: people as their events have made them;
//! - [`accounts`]: their accounts on chat platforms;
//! - [`decide`]: what may be asked of the directory, decided purely;
//! - [`secret`]: API keys, session tokens and one-time links, of which only hashes are kept.

pub mod accounts;
pub mod decide;
pub mod directory;
pub mod secret;

pub use accounts::Account;
pub use decide::{PeopleCommand, PeopleRefusal};
pub use directory::{Directory, Person};
